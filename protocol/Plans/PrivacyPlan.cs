// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Plans;

/// <summary>What a run claims about privacy (privacy, section 1); a report never mixes numbers of different claims.</summary>
[JsonConverter(typeof(PrivacyClaimJsonConverter))]
public enum PrivacyClaim
{
    /// <summary>Nothing: the model may reveal training records.</summary>
    None,

    /// <summary>Claim A: one record or person, by DP-SGD inside the silo; holds against coordinator, other silos and users of the model.</summary>
    Example,

    /// <summary>Claim B: noise shares on the ring, for one record with one step a round, or for the silo; holds against a coordinator that sees only the sum.</summary>
    Distributed,

    /// <summary>Claim C: the silo's whole contribution, replaced by zero; holds against users of the model.</summary>
    Silo,
}

/// <summary>How one unit's gradient is brought below the clip norm.</summary>
[JsonConverter(typeof(GradientClippingJsonConverter))]
public enum GradientClipping
{
    /// <summary>All trained parameters together, if longer (Abadi et al. 2016).</summary>
    Flat,

    /// <summary>Each adapted module by itself; the squares of the clips sum to that of the clip norm.</summary>
    PerLayer,

    /// <summary>Always scaled to about the clip norm, never above it (Bu et al. 2023).</summary>
    Automatic,
}

/// <summary>The privacy of a run.</summary>
public sealed record PrivacyPlan
{
    /// <summary>The claim.</summary>
    public required PrivacyClaim Claim { get; init; }

    /// <summary>The unit.</summary>
    public required PrivacyUnit Unit { get; init; }

    /// <summary>The epsilon that no silo may exceed, from which each computes its noise; null where the noise is given.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public required decimal? Epsilon { get; init; }

    /// <summary>Delta; at most 1/(10 N) at a silo of N records.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal Delta { get; init; }

    /// <summary>z, the same for all silos, whose epsilon each states; null where <see cref="Epsilon"/> is given. On the ring, of the honest silos' noise together.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public required decimal? NoiseMultiplier { get; init; }

    /// <summary>C, the largest L2 norm of a unit's gradient.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal ExampleClip { get; init; }

    /// <summary>The mean number of units in a step; divided by N it is the sampling rate, and it divides the noised sum.</summary>
    public required int ExpectedBatch { get; init; }

    /// <summary>The most records of a silo where each enters every step of claim B, and what their sum is divided by; 0 elsewhere.</summary>
    public required int MaxRecords { get; init; }

    /// <summary>How gradients are clipped.</summary>
    public required GradientClipping Clipping { get; init; }

    /// <summary>How noise is drawn.</summary>
    [JsonConverter(typeof(NoiseProfileJsonConverter))]
    public required NoiseProfile Noise { get; init; }

    /// <summary>Rounds that may be charged beyond the plan's, for those that are abandoned after an update left.</summary>
    public required int SpareRounds { get; init; }

    /// <summary>Whether anything is claimed.</summary>
    [JsonIgnore]
    public bool IsClaimed => Claim != PrivacyClaim.None;

    /// <summary>Whether silos add noise on the ring (claims B and C).</summary>
    [JsonIgnore]
    public bool IsOnRing => Claim is PrivacyClaim.Distributed or PrivacyClaim.Silo;

    /// <summary>Whether that noise protects a record, so that each record's gradient is clipped and rounded by itself.</summary>
    [JsonIgnore]
    public bool IsRecordOnRing => IsOnRing && Unit == PrivacyUnit.Record;
}
