// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>One attempt at a round, a rid, with everything that the log says about it.</summary>
internal sealed record RoundAttempt
{
    // Rings of secure aggregation have 16, 24 or 32 bits; plain mode counts bytes.
    private const long SmallestRing = 16;

    /// <summary>The round's number.</summary>
    public required int Round { get; init; }

    /// <summary>Which attempt at it, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>How many attempts there were.</summary>
    public required int Attempts { get; init; }

    /// <summary><c>round_start</c>.</summary>
    public required LoggedRecord Start { get; init; }

    /// <summary>The entries of accepted updates.</summary>
    public required ImmutableArray<LoggedRecord> Masked { get; init; }

    /// <summary>The list that was opened; null where there is none.</summary>
    public required LoggedRecord? U3 { get; init; }

    /// <summary>The result; null where there is none.</summary>
    public required LoggedRecord? Result { get; init; }

    /// <summary>The entry that it failed; null where there is none.</summary>
    public required LoggedRecord? Failed { get; init; }

    /// <summary>Slots that silos burned.</summary>
    public required ImmutableArray<LoggedRecord> Burned { get; init; }

    /// <summary>Decisions of gates.</summary>
    public required ImmutableArray<LoggedRecord> Gates { get; init; }

    /// <summary>Charges of ledgers.</summary>
    public required ImmutableArray<LoggedRecord> Charges { get; init; }

    /// <summary>The roster in force; null where it could not be read.</summary>
    public required RosterInForce? Roster { get; init; }

    /// <summary>The epoch; null in plain mode, and where none gives the rid.</summary>
    public required EpochOfRound? Epoch { get; init; }

    /// <summary>The signed bodies; null where the evidence has none that were recomputed.</summary>
    public required RoundEvidence? Sum { get; init; }

    /// <summary>Its identity.</summary>
    public Sha256Digest Rid => Start.Subject("rid");

    /// <summary>Whether updates were not masked.</summary>
    public bool IsPlain => Start.Integer("k") < SmallestRing;

    /// <summary>The entry that ended it; null where the log has none.</summary>
    public LoggedRecord? End => Result ?? Failed;

    /// <summary>Whether an index lies between its start and its end.</summary>
    public bool Spans(long index) => index > Start.Index && (End is null || index <= End.Index);

    /// <summary>All its entries.</summary>
    public IEnumerable<LoggedRecord> Entries => new[] { Start, U3, Result, Failed }.OfType<LoggedRecord>().Concat(Masked).Concat(Burned).Concat(Gates).Concat(Charges).OrderBy(record => record.Index);
}
