// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>One check of a transcript.</summary>
/// <param name="Check">Its name in snake_case, after the specification's words.</param>
/// <param name="Compared">How many values were compared.</param>
/// <param name="Differing">Which of them differ or cannot be used, such as <c>silo 3</c>; empty when all match.</param>
public sealed record TranscriptFinding(string Check, int Compared, ImmutableArray<string> Differing)
{
    /// <summary>Whether all compared values match.</summary>
    public bool Matches => Differing.IsEmpty;
}

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
