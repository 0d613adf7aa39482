// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Rounds;

/// <summary>The slot of an epoch in which a round is masked, and the shape of its vectors.</summary>
public sealed record RoundSlot
{
    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The epoch's roster.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>n, the size of the epoch's roster.</summary>
    public required int Silos { get; init; }

    /// <summary>The slot, from 0.</summary>
    public required int Slot { get; init; }

    /// <summary>Ring coordinates.</summary>
    public required long D { get; init; }

    /// <summary>The ring's width in bits.</summary>
    public required int K { get; init; }

    /// <summary>The hash of the cohort's acknowledgements.</summary>
    public required Sha256Digest AckSha256 { get; init; }

    /// <summary>The exact length of a masked vector in bytes.</summary>
    [JsonIgnore]
    public long VectorBytes => Ring.OfBits(K).VectorBytes(D);
}

/// <summary>What opens a round, whatever its mode: coordinator and silo decide by this.</summary>
public sealed record RoundOpening
{
    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round, from 1.</summary>
    public required int Round { get; init; }

    /// <summary>The hash of the run's configuration.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The number of the model version that the round starts from.</summary>
    public required int ModelVersion { get; init; }

    /// <summary>The SHA-256 of that version's bytes.</summary>
    public required Sha256Digest ModelSha256 { get; init; }

    /// <summary>The factors that travel in this round: <c>a</c>, <c>b</c> or <c>both</c>.</summary>
    public required string Exchanged { get; init; }

    /// <summary>The exact length of the trainer's update file in bytes.</summary>
    public required long UpdateLen { get; init; }

    /// <summary>The roster indexes of the silos that are asked, ascending: the plan's cohort, or U2.</summary>
    public required ImmutableArray<int> Cohort { get; init; }

    /// <summary>When updates are due, in Unix seconds.</summary>
    public required long Deadline { get; init; }

    /// <summary>Where the round is masked; null in plain mode.</summary>
    public RoundSlot? Slot { get; init; }

    /// <summary>The version that the round starts from.</summary>
    [JsonIgnore]
    public ModelReference Model => new(ModelVersion, ModelSha256);

    /// <summary>The opening of a round of plain mode.</summary>
    public static RoundOpening Of(PlainStartBody start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return new RoundOpening
        {
            Job = start.Job,
            Round = start.Round,
            ConfigSha256 = start.ConfigSha256,
            ModelVersion = start.ModelVersion,
            ModelSha256 = start.ModelSha256,
            Exchanged = start.Exchanged,
            UpdateLen = start.UpdateLen,
            Cohort = start.Cohort,
            Deadline = start.Deadline,
        };
    }

    /// <summary>The body that opens this round under secure aggregation.</summary>
    /// <param name="rid">The round's identity.</param>
    public RoundStartBody ToStart(Sha256Digest rid)
    {
        RoundSlot slot = Slot ?? throw new InvalidOperationException("a round of plain mode has no slot");
        return new RoundStartBody
        {
            Sid = slot.Sid,
            Slot = slot.Slot,
            Job = Job,
            Round = Round,
            Rid = rid,
            ModelSha256 = ModelSha256,
            ConfigSha256 = ConfigSha256,
            D = slot.D,
            K = slot.K,
            Deadline = Deadline,
            AckSha256 = slot.AckSha256,
        };
    }
}
