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
