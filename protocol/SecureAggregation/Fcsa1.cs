// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The names and limits of FCSA-1 (secure-aggregation, sections 2 to 4).</summary>
/// <remarks>
/// Starts from the malicious-server protocol of Bonawitz et al. 2017, "Practical Secure Aggregation for
/// Privacy-Preserving Machine Learning"; section 1 of the specification lists how it differs. The variant awaits outside review.
/// </remarks>
public static class Fcsa1
{
    /// <summary>The suite. Nothing is negotiated: another suite is another identifier.</summary>
    public const string Suite = "FCSA1-P256-HKDFSHA256-AES256GCM-AES256CTR-GF256";

    /// <summary>The DSSE payload type of every signed body.</summary>
    public const string PayloadType = "application/vnd.fedcloud.secagg+json";

    /// <summary>The bytes of a key, a seed, a secret, a share and a digest.</summary>
    public const int KeyBytes = 32;

    /// <summary>The smallest roster. With two silos each would learn the other's input from the sum.</summary>
    public const int MinSilos = 3;

    /// <summary>The largest roster: GF(2^8) has 255 points beside zero.</summary>
    public const int MaxSilos = 255;

    /// <summary>The most slots of an epoch.</summary>
    public const int MaxSlots = 64;

    /// <summary>The slots of an epoch where nothing else is asked for.</summary>
    public const int DefaultSlots = 16;

    /// <summary>One more than the largest number of ring coordinates, 2^40.</summary>
    public const long CoordinateLimit = 1L << 40;

    /// <summary>The largest integer in a signed body, 2^53 - 1.</summary>
    public const long MaxInteger = (1L << 53) - 1;

    // Every derivation begins with a label of its own and one zero byte, so no two derivations share an input (section 4).
    internal static ReadOnlySpan<byte> EpochLabel => "fedcloud/secagg/v1/epoch\0"u8;

    internal static ReadOnlySpan<byte> SelfSeedCommitmentLabel => "fedcloud/secagg/v1/self-seed-com\0"u8;

    internal static ReadOnlySpan<byte> ShareCommitmentLabel => "fedcloud/secagg/v1/share-com\0"u8;

    internal static ReadOnlySpan<byte> ShareEncryptionLabel => "fedcloud/secagg/v1/share-enc\0"u8;

    internal static ReadOnlySpan<byte> CohortLabel => "fedcloud/secagg/v1/u2\0"u8;

    internal static ReadOnlySpan<byte> RoundLabel => "fedcloud/secagg/v1/round\0"u8;

    internal static ReadOnlySpan<byte> SelfMaskLabel => "fedcloud/secagg/v1/self-mask\0"u8;

    internal static ReadOnlySpan<byte> PairwiseMaskLabel => "fedcloud/secagg/v1/pairwise-mask\0"u8;

    internal static ReadOnlySpan<byte> U3Label => "fedcloud/secagg/v1/u3\0"u8;

    internal static ReadOnlySpan<byte> RotationLabel => "fedcloud/secagg/v1/rotation\0"u8;

    // Local to a silo and not on the wire: Shamir coefficients from the journaled seed (J6).
    internal static ReadOnlySpan<byte> CoefficientLabel => "fedcloud/secagg/v1/local/shamir-coefficients\0"u8;
}
