// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics.CodeAnalysis;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;

namespace FedCloud.Protocol.Rounds;

/// <summary>A version that a round made, as the coordinator signed it.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round that made it.</param>
/// <param name="Model">The version.</param>
public sealed record CommittedVersion(RunId Job, int Round, ModelReference Model)
{
    /// <summary>The version of a round of plain mode; null for none.</summary>
    [return: NotNullIfNotNull(nameof(result))]
    public static CommittedVersion? Of(PlainResultBody? result) =>
        result is null ? null : new CommittedVersion(result.Job, result.Round, new ModelReference(result.ModelVersion, result.NewModelSha256));
}
