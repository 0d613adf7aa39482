// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>One silo's share of a segment's noise, added on the ring (secure-aggregation, section 8.1, rows Noise and Mechanism).</summary>
/// <remarks>
/// Exact samplers only (privacy, rules S2 and S3): Skellam up to 24 bits, else the discrete Gaussian. Uniform bits come from AES-256-CTR
/// under a key of the operating system's generator that serves one masking and is kept in memory only. The reduction mod 2^k is
/// post-processing.
/// </remarks>
public sealed class RingNoise : IDisposable
{
    private readonly Ring _ring;
    private readonly AesCtrRandomSource _source;
    private readonly RandomBits _bits;
    private readonly IIntegerSampler _sampler;

    /// <summary>The noise of a segment.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="segment">A segment with noise.</param>
    /// <param name="key">32 fresh random bytes; the caller zeroes its copy.</param>
    public RingNoise(RingLayout layout, int segment, ReadOnlySpan<byte> key)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _ring = layout.Ring;
        NoiseSharePlan share = new(layout.Segments[segment].NoiseMultiplier, layout.Sensitivity(segment), layout.NoiseShares);
        _source = new AesCtrRandomSource(key);
        _bits = new RandomBits(_source);
        _sampler = DistributedPrivacy.MechanismOf(_ring.Bits) == Ledgers.LedgerMechanism.Skellam
            ? new SkellamSampler(_bits, share.VarianceNumerator, share.VarianceDenominator)
            : new DiscreteGaussianSampler(_bits, share.VarianceNumerator, share.VarianceDenominator);
    }

    /// <summary>Adds one draw to each word, mod 2^k.</summary>
    /// <param name="words">Packed words.</param>
    public void AddTo(Span<byte> words)
    {
        int count = words.Length / _ring.WordBytes;
        for (int i = 0; i < count; i++)
        {
            RingWords.Write(_ring, words, i, RingWords.Read(_ring, words, i) + _sampler.Next());
        }
    }

    /// <summary>Zeroes key and bits.</summary>
    public void Dispose()
    {
        _bits.Dispose();
        _source.Dispose();
    }
}
