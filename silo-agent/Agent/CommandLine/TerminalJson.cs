// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Plans;
using FedCloud.SiloAgent.Plans;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary>What <c>init</c> prints: to be confirmed over another channel (a meeting, a phone call).</summary>
internal sealed record Fingerprints(string SiloId, string IkSpkiSha256, string WitnessSpkiSha256, string AdminSpkiSha256, string CoordinatorSpkiSha256);

/// <summary>What <c>plan show</c> prints of one plan.</summary>
internal sealed record ShownPlan(PlanStanding Standing, RunConfig Plan, string? PolicyRefusal);

/// <summary>What <c>plan show</c> prints of all plans.</summary>
internal sealed record ShownPlans(IReadOnlyList<PlanStanding> Plans);

/// <summary>JSON of the terminal.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(SiloRunPhaseJsonConverter)])]
[JsonSerializable(typeof(Fingerprints))]
[JsonSerializable(typeof(ShownPlan))]
[JsonSerializable(typeof(ShownPlans))]
internal sealed partial class TerminalJson : JsonSerializerContext;
