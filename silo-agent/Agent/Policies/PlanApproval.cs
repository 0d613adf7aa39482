// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.SiloAgent.Policies;

/// <summary>Who approves a plan that the policy does not refuse.</summary>
[JsonConverter(typeof(PlanApprovalJsonConverter))]
public enum PlanApproval
{
    /// <summary>The policy: nobody is asked.</summary>
    Automatic,

    /// <summary>The administrator, plan by plan.</summary>
    Ask,
}

/// <summary>Reads and writes <see cref="PlanApproval"/> in lower case.</summary>
public sealed class PlanApprovalJsonConverter() : JsonStringEnumConverter<PlanApproval>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
