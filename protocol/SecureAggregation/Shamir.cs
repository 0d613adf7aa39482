// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Intrinsics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Shamir's secret sharing of 32 bytes over GF(2^8), byte by byte, at x = roster index.</summary>
/// <remarks>
/// Shamir 1979, "How to Share a Secret". Fewer than t shares say nothing about the secret, provided that the t - 1
/// coefficients are uniform and used for one secret. Limits: at most 255 shares; nothing here detects a wrong share.
/// </remarks>
public static class Shamir
{
    /// <summary>The bytes of a secret and of a share.</summary>
    public const int ShareBytes = Fcsa1.KeyBytes;

    /// <summary>The share at one index.</summary>
    /// <param name="secret">32 bytes, the constant term.</param>
    /// <param name="coefficients">32 bytes for each degree from 1 to t - 1, in this order.</param>
    /// <param name="idx">The index, 1 to 255.</param>
    /// <param name="share">Receives 32 bytes; the caller zeroes them after use.</param>
    /// <exception cref="FedCloudException"><c>share_set_invalid</c>: the index.</exception>
    public static void Split(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> coefficients, int idx, Span<byte> share)
    {
        if (secret.Length != ShareBytes || coefficients.Length % ShareBytes != 0)
        {
            throw new ArgumentException("secret and coefficients have 32 bytes each", nameof(secret));
        }

        RequireIndex(idx);
        Vector256<byte> value = Vector256<byte>.Zero;
        for (int at = coefficients.Length - ShareBytes; at >= 0; at -= ShareBytes)
        {
            value = Gf256.Multiply(value ^ Vector256.Create(coefficients.Slice(at, ShareBytes)), (byte)idx); // Horner, highest degree first
        }

        (value ^ Vector256.Create(secret)).CopyTo(share);
    }

    /// <summary>The secret from exactly t shares.</summary>
    /// <param name="threshold">t, the number of shares.</param>
    /// <param name="shares">Index and 32 bytes of each share.</param>
    /// <param name="secret">Receives 32 bytes; the caller zeroes them after use.</param>
    /// <exception cref="FedCloudException"><c>share_set_invalid</c>: an index is doubled or outside 1 to 255, or a length is wrong; <c>shares_too_few</c>.</exception>
    public static void Combine(int threshold, IReadOnlyList<KeyValuePair<int, byte[]>> shares, Span<byte> secret)
    {
        ArgumentNullException.ThrowIfNull(shares);
        if (shares.Count < threshold)
        {
            throw new FedCloudException(ErrorCodes.SharesTooFew, $"expected {threshold} shares, found {shares.Count}");
        }

        RequireShares(threshold, shares);
        Vector256<byte> sum = Vector256<byte>.Zero;
        foreach (KeyValuePair<int, byte[]> share in shares)
        {
            sum ^= Gf256.Multiply(Vector256.Create(share.Value), LagrangeAtZero(share.Key, shares));
        }

        sum.CopyTo(secret);
    }

    // prod over j != i of x_j / (x_j - x_i); in characteristic 2 the difference is the exclusive or. Indexes are public.
    private static byte LagrangeAtZero(int idx, IReadOnlyList<KeyValuePair<int, byte[]>> shares)
    {
        byte numerator = 1;
        byte denominator = 1;
        foreach (KeyValuePair<int, byte[]> other in shares)
        {
            if (other.Key != idx)
            {
                numerator = Gf256.Multiply(numerator, (byte)other.Key);
                denominator = Gf256.Multiply(denominator, (byte)(other.Key ^ idx));
            }
        }

        return Gf256.Multiply(numerator, Gf256.Inverse(denominator));
    }

    private static void RequireShares(int threshold, IReadOnlyList<KeyValuePair<int, byte[]>> shares)
    {
        if (threshold < 1 || shares.Count != threshold)
        {
            throw new FedCloudException(ErrorCodes.ShareSetInvalid, $"expected exactly {threshold} shares, found {shares.Count}");
        }

        HashSet<int> seen = [];
        foreach ((int idx, byte[] share) in shares)
        {
            RequireIndex(idx);
            if (!seen.Add(idx) || share.Length != ShareBytes)
            {
                throw new FedCloudException(ErrorCodes.ShareSetInvalid, $"expected one share of {ShareBytes} bytes for index {idx}, found another length or a second one");
            }
        }
    }

    private static void RequireIndex(int idx)
    {
        if (idx is < 1 or > Fcsa1.MaxSilos)
        {
            throw new FedCloudException(ErrorCodes.ShareSetInvalid, $"expected an index from 1 to {Fcsa1.MaxSilos}, found {idx}");
        }
    }
}
