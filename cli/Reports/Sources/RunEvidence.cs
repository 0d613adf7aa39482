// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>What evidence says about one run and the federation that it ran in. Nothing else goes into a report.</summary>
internal sealed record RunEvidence
{
    private ILookup<string, LoggedRecord>? _byType;

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The entries of the run and of the federation, and of other runs what says that they were planned, by index.</summary>
    public required ImmutableArray<LoggedRecord> Entries { get; init; }

    /// <summary>How many entries could not be read; the verification names them.</summary>
    public required long Unread { get; init; }

    /// <summary>The verdict.</summary>
    public required VerificationReport Verification { get; init; }

    /// <summary>The configurations that the entries name, by hash.</summary>
    public required ImmutableDictionary<Sha256Digest, PlanInEvidence> Plans { get; init; }

    /// <summary>The data cards that enrolments name, as far as the evidence holds them, by hash.</summary>
    public required ImmutableDictionary<Sha256Digest, DataCard> DataCards { get; init; }

    /// <summary>The rosters, oldest first.</summary>
    public required ImmutableArray<RosterInForce> Rosters { get; init; }

    /// <summary>The signed bodies of the run's rounds whose sums are in the evidence, by rid.</summary>
    public required ImmutableDictionary<Sha256Digest, RoundEvidence> Sums { get; init; }

    /// <summary>The checkpoints.</summary>
    public required CheckpointShelf Checkpoints { get; init; }

    /// <summary>The files of the evidence, for what is read later.</summary>
    public required EvidenceInventory Files { get; init; }

    /// <summary>The SHA-256 of the zip that the evidence came in; null for a folder.</summary>
    public required Sha256Digest? Bundle { get; init; }

    /// <summary>Whether every check of the evidence passed.</summary>
    public bool IsVerified => Verification.Failures == 0;

    /// <summary>The newest checkpoint that could be read.</summary>
    public Checkpoint? Checkpoint => Verification.Checkpoint;

    /// <summary>The entries of a type, by index.</summary>
    public IEnumerable<LoggedRecord> Of(params string[] types)
    {
        // Asked for each field of each round.
        _byType ??= Entries.ToLookup(record => record.Entry.Type, StringComparer.Ordinal);
        return types is [string one] ? _byType[one] : types.SelectMany(type => _byType[type]).OrderBy(record => record.Index);
    }

    /// <summary>The entries of a type that are of this run.</summary>
    public IEnumerable<LoggedRecord> OfRun(params string[] types) => Of(types).Where(record => record.Entry.Job == Job);

    /// <summary>The roster in force at an index; null where none could be read.</summary>
    public RosterInForce? RosterAt(long index) => Rosters.LastOrDefault(roster => roster.Logged.Index <= index);
}
