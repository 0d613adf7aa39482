// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The masks of a round: those that one silo adds to its vector, or those that the coordinator takes off the sum.</summary>
/// <remarks>
/// Works on any part of a vector, so a vector is processed chunk by chunk, in any order. Holds mask keys until it is disposed.
/// Not for use by two threads at once; for parallel ranges make one for each worker.
/// </remarks>
public sealed class RoundMasks : IDisposable
{
    // Half of a usual first-level cache, and whole blocks of whole words in every ring.
    private const int CachedBytes = 24 * 1024;

    private readonly Ring _ring;
    private readonly ImmutableArray<(AesCtrKeystream Stream, bool Subtract)> _masks;

    private RoundMasks(Ring ring, ImmutableArray<(AesCtrKeystream Stream, bool Subtract)> masks)
    {
        _ring = ring;
        _masks = masks;
    }

    /// <summary>The number of masks.</summary>
    public int Count => _masks.Length;

    /// <summary>A silo's masks: y_u = x_u + PRG(K_u) + sum over v > u of PRG(K_uv) - sum over v &lt; u of PRG(K_uv), v in U2.</summary>
    /// <param name="scope">The round, armed in its slot.</param>
    /// <param name="secrets">The silo's secrets of the epoch.</param>
    /// <param name="path">How AES is computed.</param>
    public static RoundMasks OfSilo(RoundScope scope, EpochSecrets secrets, AesPath path = AesPath.Automatic)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(secrets);
        int u = secrets.Idx;
        List<(AesCtrKeystream, bool)> masks = [(SelfMask(secrets.B(scope.Slot), scope, u, path), false)];
        foreach (int v in scope.U2)
        {
            if (v != u)
            {
                masks.Add((PairwiseMask(secrets.S(scope.Slot), scope, u, v, path), v < u));
            }
        }

        return new RoundMasks(scope.Ring, [.. masks]);
    }

    /// <summary>The masks left in the sum: z = sum of y_u - sum of PRG(K_u) - sum over dropped v and u in U3 of sign(u,v) PRG(K_uv).</summary>
    /// <param name="scope">The round.</param>
    /// <param name="agreement">U3.</param>
    /// <param name="secrets">b_u of U3 and s_v of the dropped silos, checked.</param>
    /// <param name="path">How AES is computed.</param>
    public static RoundMasks OfSum(RoundScope scope, U3Agreement agreement, RevealedSecrets secrets, AesPath path = AesPath.Automatic)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(agreement);
        ArgumentNullException.ThrowIfNull(secrets);
        List<(AesCtrKeystream, bool)> masks = [];
        foreach (int u in agreement.U3)
        {
            masks.Add((SelfMask(secrets.SelfSeeds[u], scope, u, path), true));
        }

        foreach (int v in agreement.Dropped)
        {
            foreach (int u in agreement.U3)
            {
                masks.Add((PairwiseMask(secrets.PairwiseKeys[v], scope, v, u, path), u < v)); // sign(u,v) = +1 if u < v
            }
        }

        return new RoundMasks(scope.Ring, [.. masks]);
    }

    /// <summary>Masks or unmasks a part of a vector in place.</summary>
    /// <param name="words">Packed words; kept in the processor's cache while every mask is applied, a few tens of kilobytes at a time.</param>
    /// <param name="firstWord">The part's first coordinate in the vector.</param>
    public void Apply(Span<byte> words, long firstWord)
    {
        for (int at = 0; at < words.Length; at += CachedBytes)
        {
            Span<byte> part = words.Slice(at, Math.Min(CachedBytes, words.Length - at));
            long first = firstWord + (at / _ring.WordBytes);
            foreach ((AesCtrKeystream stream, bool subtract) in _masks)
            {
                if (subtract)
                {
                    stream.Subtract(_ring, part, first);
                }
                else
                {
                    stream.Add(_ring, part, first);
                }
            }
        }
    }

    /// <summary>Zeroes the mask keys.</summary>
    public void Dispose()
    {
        foreach ((AesCtrKeystream stream, _) in _masks)
        {
            stream.Dispose();
        }
    }

    private static AesCtrKeystream SelfMask(SecretBytes b, RoundScope scope, int u, AesPath path)
    {
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.SelfMask(b.Span, scope.Rid, u, key);
        return Keystream(key, path);
    }

    private static AesCtrKeystream PairwiseMask(AgreementKey own, RoundScope scope, int u, int v, AesPath path)
    {
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.PairwiseMask(own, scope.Members.U1[v].SPk[scope.Slot], scope.Rid, u, v, key);
        return Keystream(key, path);
    }

    private static AesCtrKeystream Keystream(Span<byte> key, AesPath path)
    {
        AesCtrKeystream stream = new(key, path);
        CryptographicOperations.ZeroMemory(key);
        return stream;
    }
}
