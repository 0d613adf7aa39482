// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>R7: the ring sum z from the masked vectors and the revealed secrets, range by range (secure-aggregation, section 5.2).</summary>
/// <remarks>
/// The coordinator and the auditor run this same code. It holds two ranges in memory, whatever d and the number of silos.
/// </remarks>
public static class RoundAggregate
{
    /// <summary>The coordinates of a range where nothing else is asked for.</summary>
    public const int DefaultRange = 1 << 18;

    /// <summary>Computes z.</summary>
    /// <param name="scope">The round.</param>
    /// <param name="agreement">U3.</param>
    /// <param name="secrets">The checked secrets.</param>
    /// <param name="vectors">The masked vector of each silo of U3, at its start; the caller disposes them.</param>
    /// <param name="output">Receives z, d·k/8 bytes; what was written counts only when this returns.</param>
    /// <param name="range">Coordinates processed at once.</param>
    /// <returns>aggregate_sha256.</returns>
    /// <exception cref="FedCloudException"><c>masked_length</c> or <c>masked_digest</c>: it names the silo.</exception>
    public static Sha256Digest Compute(
        RoundScope scope,
        U3Agreement agreement,
        RevealedSecrets secrets,
        IReadOnlyDictionary<int, Stream> vectors,
        Stream output,
        int range = DefaultRange)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(agreement);
        ArgumentNullException.ThrowIfNull(vectors);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfLessThan(range, 1);
        ImmutableArray<MaskedVectorReader> readers = [.. agreement.U3.Select(u => new MaskedVectorReader(u, vectors[u], agreement.Vectors[u]))];
        try
        {
            using RoundMasks masks = RoundMasks.OfSum(scope, agreement, secrets);
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] piece = new byte[(int)Math.Min(range, scope.D) * scope.Ring.WordBytes];
            RingSum sum = new(scope.Ring, (int)Math.Min(range, scope.D));
            for (long first = 0; first < scope.D; first += range)
            {
                sum.Begin(first, (int)Math.Min(range, scope.D - first));
                Fold(sum, readers, piece);
                sum.Unmask(masks);
                hash.AppendData(sum.Words);
                output.Write(sum.Words);
            }

            foreach (MaskedVectorReader reader in readers)
            {
                reader.Finish();
            }

            return Sha256Digest.FromBytes(hash.GetHashAndReset());
        }
        finally
        {
            foreach (MaskedVectorReader reader in readers)
            {
                reader.Dispose();
            }
        }
    }

    private static void Fold(RingSum sum, ImmutableArray<MaskedVectorReader> readers, byte[] buffer)
    {
        Span<byte> piece = buffer.AsSpan(0, sum.Words.Length);
        foreach (MaskedVectorReader reader in readers)
        {
            reader.Read(piece);
            sum.Add(piece);
        }
    }
}
