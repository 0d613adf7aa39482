// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator.Audit;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Coordinator;

/// <summary>What a coordinator runs on.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>A folder for temporary files.</summary>
    public required string Scratch { get; init; }

    /// <summary>How many ranges of a sum are computed at a time, each by a thread of its own. Default: as many as there are processors.</summary>
    public int SumWorkers { get; init; } = Environment.ProcessorCount;

    /// <summary>How long the mailbox is left alone when nobody rings. Default 500 ms.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Slots of an epoch under secure aggregation, from 1 to 64: with more, epochs come more rarely and their messages are larger. Default 16.</summary>
    public int EpochSlots { get; init; } = Fcsa1.DefaultSlots;

    /// <summary>How long silos may take for a step of an epoch, in whole seconds, before it goes on without them. Default 30 s.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long masked vectors and revealed secrets are kept for auditors. Default 90 days.</summary>
    public TimeSpan AuditWindow { get; init; } = SecureAggregation.AuditWindow.Default;

    /// <summary>How long the version of the wrapping key before the newest unwraps: the longest deadline of a round, and what messages may wait in a mailbox or among dead letters. Default 14 days.</summary>
    public TimeSpan WrappingKeyGrace { get; init; } = WrappingKeys.DefaultGrace;

    /// <summary>After how long the wrapping key is rotated; null where the vault does that by itself. Default 90 days.</summary>
    public TimeSpan? WrappingKeyLife { get; init; } = WrappingKeys.DefaultLife;

    /// <summary>Which code runs, for the log; null where nobody asks: a laptop.</summary>
    public Deployment? Deployment { get; init; }

    /// <summary>Whether the coordinator makes the containers that it and its silos need; else a deployment has made them. Default true.</summary>
    public bool MakesContainers { get; init; } = true;

    /// <summary>Whether other processes work on the same storage, so that what is in memory may be old. Default false.</summary>
    public bool IsShared { get; init; }

    /// <summary>How long the log's writer, once woken on storage that several processes share, waits for more entries. Default 3 s.</summary>
    public TimeSpan LogIdle { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a request waits for others that hold what it needs, on storage that several processes share. Default 2 min.</summary>
    public TimeSpan TurnPatience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Whether runs go on by themselves; else the host calls <see cref="CoordinatorService.TurnAsync"/>. Default true.</summary>
    public bool InBackground { get; init; } = true;
}
