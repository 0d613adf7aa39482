// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The ring of integers mod 2^k in which updates are summed, k = 16, 24 or 32.</summary>
/// <remarks>A vector over the ring is its wire form: words of k/8 bytes, little-endian, without padding.</remarks>
public sealed class Ring
{
    private Ring(int bits)
    {
        Bits = bits;
        WordBytes = bits / 8;
        Mask = (uint)((1UL << bits) - 1);
    }

    /// <summary>k = 16, for rotated vectors.</summary>
    public static Ring K16 { get; } = new(16);

    /// <summary>k = 24.</summary>
    public static Ring K24 { get; } = new(24);

    /// <summary>k = 32, the default.</summary>
    public static Ring K32 { get; } = new(32);

    /// <summary>k.</summary>
    public int Bits { get; }

    /// <summary>The bytes of a word, k/8.</summary>
    public int WordBytes { get; }

    /// <summary>2^k - 1.</summary>
    public uint Mask { get; }

    /// <summary>The ring of a width.</summary>
    /// <exception cref="FedCloudException"><c>secagg_parameters_invalid</c>.</exception>
    public static Ring OfBits(int bits) => bits switch
    {
        16 => K16,
        24 => K24,
        32 => K32,
        _ => throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected a ring of 16, 24 or 32 bits, found {bits}"),
    };

    /// <summary>The bytes of a vector of d coordinates.</summary>
    /// <exception cref="FedCloudException"><c>secagg_parameters_invalid</c>: d is not from 1 to 2^40 - 1.</exception>
    public long VectorBytes(long d) => d is >= 1 and < Fcsa1.CoordinateLimit
        ? d * WordBytes
        : throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected 1 to 2^40 - 1 coordinates, found {d}");

    /// <summary>The integer of smallest absolute value that a word stands for: two's complement.</summary>
    public long Lift(uint word)
    {
        int shift = 32 - Bits;
        return (int)(word << shift) >> shift;
    }

    /// <summary>The word of an integer: its residue mod 2^k.</summary>
    public uint Word(long value) => unchecked((uint)value) & Mask;

    /// <inheritdoc/>
    public override string ToString() => $"Z mod 2^{Bits}";
}
