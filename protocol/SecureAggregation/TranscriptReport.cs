// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What the checks say about one transcript.</summary>
/// <param name="Index">Its place in the file, from 0.</param>
/// <param name="Description">Its sizes, in words.</param>
/// <param name="Findings">Every check, in the protocol's order.</param>
/// <param name="UnknownMembers">Members that no check reads.</param>
public sealed record TranscriptReport(int Index, string Description, ImmutableArray<TranscriptFinding> Findings, ImmutableArray<string> UnknownMembers)
{
    /// <summary>Whether every check matches.</summary>
    public bool Matches => Findings.All(finding => finding.Matches);
}
