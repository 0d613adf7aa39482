// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>What a verification came to.</summary>
public sealed record VerificationReport
{
    /// <summary>What was found: all that failed, up to a hundred of each kind, and what was not checked.</summary>
    public required ImmutableArray<Finding> Findings { get; init; }

    /// <summary>How many checks failed, those beyond the hundred included.</summary>
    public required long Failures { get; init; }

    /// <summary>The newest checkpoint; null where there is none that can be read.</summary>
    public required Checkpoint? Checkpoint { get; init; }

    /// <summary>How many entries were read.</summary>
    public required long Entries { get; init; }

    /// <summary>How many archived checkpoints were read.</summary>
    public required int Checkpoints { get; init; }

    /// <summary>How many results the log has.</summary>
    public required int Results { get; init; }

    /// <summary>The rids of those that were recomputed from the silos' masked vectors.</summary>
    public required ImmutableHashSet<Sha256Digest> SumsOf { get; init; }

    /// <summary>The rids of those whose new model was recomputed from that sum.</summary>
    public required ImmutableHashSet<Sha256Digest> ModelsOf { get; init; }

    /// <summary>What silos disclosed of evaluations, from the messages whose signatures hold.</summary>
    public required ImmutableArray<DisclosedFigures> Figures { get; init; }

    /// <summary>How many results were recomputed from the silos' masked vectors.</summary>
    public int Sums => SumsOf.Count;

    /// <summary>How many of their new models were recomputed from these sums.</summary>
    public int Models => ModelsOf.Count;

    /// <summary>How a command ends with this report: 0 or 6. What cannot be read at all has thrown before.</summary>
    public ExitCode Exit => Failures == 0 ? ExitCode.Done : ExitCode.VerificationFailed;
}
