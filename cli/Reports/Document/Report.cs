// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Reports.Document;

/// <summary>A report: everything that its files show, before it is written in one form or another.</summary>
/// <remarks>It is made from its inputs alone: no clock, no name of a machine, so the same inputs give the same bytes (compliance reports, rule C4).</remarks>
internal sealed record Report
{
    /// <summary>The version of the form of <c>report.json</c>.</summary>
    public const string Schema = "fedcloud-report/1";

    /// <summary>The framework's name on the command line.</summary>
    public required string Framework { get; init; }

    /// <summary>Its name for people.</summary>
    public required string Title { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>What the run came to, as far as the log shows: one line for the first page.</summary>
    public required string State { get; init; }

    /// <summary>Whether the log shows the run's end.</summary>
    public required bool IsFinished { get; init; }

    /// <summary>The verdict on the evidence, whose findings the first page shows where it failed.</summary>
    public required VerificationReport Verification { get; init; }

    /// <summary>The verifier key of the log, to check proofs with.</summary>
    public required string? LogVkey { get; init; }

    /// <summary>What the report is about, and what the evidence is.</summary>
    public required ImmutableArray<ReportGroup> Front { get; init; }

    /// <summary>The framework's articles.</summary>
    public required ImmutableArray<ReportGroup> Articles { get; init; }

    /// <summary>The rounds.</summary>
    public required ImmutableArray<RoundPage> Rounds { get; init; }

    /// <summary>The versions of the model.</summary>
    public required ImmutableArray<ModelCard> Cards { get; init; }

    /// <summary>What it does not show.</summary>
    public required ImmutableArray<ReportLimit> Limits { get; init; }

    /// <summary>The cited entries, by index.</summary>
    public required ImmutableArray<CitedEntry> Entries { get; init; }

    /// <summary>Checkpoints with their witness lines, by size: the newest, and those that the silos waited for.</summary>
    public required ImmutableSortedDictionary<long, SignedNote> Checkpoints { get; init; }

    /// <summary>All fields, wherever they stand.</summary>
    public IEnumerable<ReportField> Fields => Front.Concat(Articles).Concat(Rounds.SelectMany(round => round.Groups)).Concat(Cards.SelectMany(card => card.Groups)).SelectMany(group => group.Fields);
}
