// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;

namespace FedCloud.Training.Privacy;

/// <summary>Who enters a step: each unit by itself, with probability q (privacy, section 2). However many they are, all of them count.</summary>
/// <remarks>A coin is 64 bits against floor(q 2^64), so the probability is never above q, and below it by less than 2^-64.</remarks>
internal sealed class PoissonSubsampling
{
    private readonly RandomBits _coins;
    private readonly int[] _entered;
    private readonly ulong _threshold;
    private readonly bool _all;

    /// <summary>Prepares the steps of a job.</summary>
    /// <param name="units">How many units there are.</param>
    /// <param name="rate">q, above 0 and at most 1.</param>
    /// <param name="coins">Uniform bits from a cryptographic generator; stay the caller's.</param>
    public PoissonSubsampling(int units, double rate, RandomBits coins)
    {
        _coins = coins;
        _entered = new int[units];
        _all = rate >= 1;
        _threshold = _all ? ulong.MaxValue : (ulong)Math.ScaleB(rate, 64); // the product is exact, the conversion cuts
    }

    /// <summary>The units of the next step, in rising order; valid until the next call.</summary>
    public ReadOnlySpan<int> Next()
    {
        int count = 0;
        for (int unit = 0; unit < _entered.Length; unit++)
        {
            if (_coins.Next64() < _threshold || _all)
            {
                _entered[count++] = unit;
            }
        }

        return _entered.AsSpan(0, count);
    }
}
