// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Turns a silo's update into ring words: clip, scale, clamp, round stochastically (secure-aggregation, section 8, steps 2, 4 and 7).</summary>
/// <remarks>
/// Rounding is floor(a) + Bernoulli(a - floor(a)), each coin from 52 bits of AES-256-CTR at the coordinate's own place, so parts may
/// be quantised in any order; its probability is right to 2^-52. The key is fresh random and serves one update.
/// With noise on the ring (section 8.1) a whole segment is rounded anew, by <see cref="RoundAnew"/>, until <see cref="IsAccepted"/>;
/// the pass that is kept has the same coins as the one that was measured. The noise itself is <see cref="RingNoise"/>'s.
/// </remarks>
public sealed class UpdateQuantizer : IDisposable
{
    private const int BlockCoordinates = 1024;
    private const int CoinBytes = 8;

    // Leaves room for the rounding errors of two multiplications and a division, so that R = C never clamps.
    private const double OneLess = 1 - (4 * 2.220446049250313e-16);

    // 1.5 times 2^52: added to a double of absolute value below 2^51, it leaves the integer in the low bits.
    private const double IntegerInLowBits = 6755399441055744.0;
    private const ulong ExponentOfOne = 0x3FF0_0000_0000_0000;

    private readonly RingLayout _layout;
    private readonly AesCtrKeystream _coins;
    private readonly SecretBytes _coinBytes = new(BlockCoordinates * CoinBytes);
    private readonly SecretBytes _values = new(BlockCoordinates * sizeof(double));
    private readonly SecretBytes _integers = new(BlockCoordinates * sizeof(int));
    private readonly long[] _clamped;
    private readonly UInt128[] _squares;
    private long _firstCoin;

    /// <summary>Takes a key for the coins; the caller zeroes its own copy.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="coinKey">32 fresh random bytes.</param>
    public UpdateQuantizer(RingLayout layout, ReadOnlySpan<byte> coinKey)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _layout = layout;
        _coins = new AesCtrKeystream(coinKey);
        _clamped = new long[layout.Segments.Length];
        _squares = new UInt128[layout.Segments.Length];
    }

    /// <summary>The factor that weights and clips a vector of this norm: w' min(1, C / (w' norm)).</summary>
    /// <param name="norm">The vector's L2 norm before weighting.</param>
    /// <param name="clip">C.</param>
    /// <param name="weight">w' = q_w / s_w; 1 where the segment is not weighted.</param>
    /// <exception cref="FedCloudException"><c>tensor_not_finite</c>.</exception>
    public static double Factor(double norm, double clip, double weight = 1)
    {
        if (!double.IsFinite(norm))
        {
            throw new FedCloudException(ErrorCodes.TensorNotFinite, "the update's norm is not finite");
        }

        return weight * norm <= clip * OneLess ? weight : clip / norm * OneLess;
    }

    /// <summary>Quantises a part of a segment.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="first">The part's first coordinate in the segment.</param>
    /// <param name="values">Finite values; shorter than the words where the segment ends with padding.</param>
    /// <param name="factor">From <see cref="Factor"/>.</param>
    /// <param name="words">Receives the packed words.</param>
    public void Quantize(int segment, long first, ReadOnlySpan<float> values, double factor, Span<byte> words)
    {
        int count = words.Length / _layout.Ring.WordBytes;
        for (int at = 0; at < count; at += BlockCoordinates)
        {
            Span<double> block = Doubles(Math.Min(BlockCoordinates, count - at));
            ReadOnlySpan<float> part = values[Math.Min(at, values.Length)..Math.Min(at + block.Length, values.Length)];
            Widen(part, block);
            block[part.Length..].Clear();
            Block(segment, first + at, block, factor, words.Slice(at * _layout.Ring.WordBytes, block.Length * _layout.Ring.WordBytes));
        }
    }

    /// <summary>Quantises a part of a segment that was rotated, or held in binary64 for another reason.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="first">The part's first coordinate in the segment.</param>
    /// <param name="values">Finite values, as many as words.</param>
    /// <param name="factor">From <see cref="Factor"/>; the rotation keeps norms.</param>
    /// <param name="words">Receives the packed words.</param>
    public void Quantize(int segment, long first, ReadOnlySpan<double> values, double factor, Span<byte> words)
    {
        for (int at = 0; at < values.Length; at += BlockCoordinates)
        {
            Span<double> block = Doubles(Math.Min(BlockCoordinates, values.Length - at));
            values.Slice(at, block.Length).CopyTo(block);
            Block(segment, first + at, block, factor, words.Slice(at * _layout.Ring.WordBytes, block.Length * _layout.Ring.WordBytes));
        }
    }

    /// <summary>Whether a segment that was quantised whole, once since the last <see cref="RoundAnew"/>, is within bound(s C, p): what the noise was measured for.</summary>
    /// <remarks>Whole numbers, so the answer is exact. How often it is no says something about the update and stays in the silo.</remarks>
    /// <param name="segment">A segment with noise.</param>
    public bool IsAccepted(int segment)
    {
        double bound = _layout.Sensitivity(segment);
        return (double)_squares[segment] <= bound * bound * OneLess;
    }

    /// <summary>Forgets what was counted, and takes other coins.</summary>
    public void RoundAnew()
    {
        ForgetCounts();
        _firstCoin = checked(_firstCoin + _layout.D);
    }

    /// <summary>Forgets what was counted, for a second pass with the same coins.</summary>
    public void ForgetCounts()
    {
        Array.Clear(_clamped);
        Array.Clear(_squares);
    }

    /// <summary>How many coordinates of a segment were clamped so far.</summary>
    public long Clamped(int segment) => _clamped[segment];

    /// <summary>Fails the round locally when too many coordinates were clamped (claim A and none; never for claims B and C).</summary>
    /// <param name="segment">The segment, whole.</param>
    /// <param name="limit">The largest share; 0.001 by default.</param>
    /// <exception cref="FedCloudException"><c>clamp_limit</c>.</exception>
    public void RequireClampLimit(int segment, double limit = 0.001)
    {
        RingSegment clamped = _layout.Segments[segment];
        if (_clamped[segment] > limit * clamped.Length)
        {
            throw new FedCloudException(ErrorCodes.ClampLimit, $"expected at most {limit} of the segment {clamped.Name} to be clamped, found more");
        }
    }

    /// <summary>Zeroes the coins and the values that were buffered.</summary>
    public void Dispose()
    {
        _coins.Dispose();
        _coinBytes.Dispose();
        _values.Dispose();
        _integers.Dispose();
        ForgetCounts();
    }

    private Span<double> Doubles(int count) => MemoryMarshal.Cast<byte, double>(_values.Span)[..count];

    private void Block(int segment, long first, Span<double> values, double factor, Span<byte> words)
    {
        Span<byte> coins = _coinBytes.Span[..(values.Length * CoinBytes)];
        _coins.Fill(coins, (_firstCoin + _layout.First(segment) + first) * CoinBytes);
        Span<int> integers = MemoryMarshal.Cast<byte, int>(_integers.Span)[..values.Length];
        _clamped[segment] += Round(values, MemoryMarshal.Cast<byte, ulong>(coins), factor, _layout.Segments[segment].Range, _layout.Scale(segment), _layout.Limit, integers);
        if (_layout.Segments[segment].NoiseMultiplier > 0)
        {
            foreach (int integer in integers)
            {
                _squares[segment] += (ulong)((long)integer * integer);
            }
        }

        RingWords.Pack(_layout.Ring, integers, words);
    }

    private static void Widen(ReadOnlySpan<float> values, Span<double> block)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(values[i..]), out Vector<double> low, out Vector<double> high);
            low.CopyTo(block[i..]);
            high.CopyTo(block[(i + Vector<double>.Count)..]);
        }

        for (; i < values.Length; i++)
        {
            block[i] = values[i];
        }
    }

    // Two vectors of doubles make one of integers; the rest one by one, by the same operations.
    private static long Round(ReadOnlySpan<double> values, ReadOnlySpan<ulong> coins, double factor, double range, double scale, double limit, Span<int> integers)
    {
        int lanes = Vector<double>.Count;
        Vector<long> clamped = Vector<long>.Zero;
        int i = 0;
        for (; i + (2 * lanes) <= values.Length; i += 2 * lanes)
        {
            Vector<ulong> low = RoundLanes(values.Slice(i, lanes), coins.Slice(i, lanes), factor, range, scale, limit, ref clamped);
            Vector<ulong> high = RoundLanes(values.Slice(i + lanes, lanes), coins.Slice(i + lanes, lanes), factor, range, scale, limit, ref clamped);
            Vector.Narrow(low, high).As<uint, int>().CopyTo(integers[i..]);
        }

        long count = -Vector.Sum(clamped);
        for (; i < values.Length; i++)
        {
            double value = values[i] * factor;
            count += Math.Abs(value) > range ? 1 : 0;
            double a = Math.Min(Math.Max(value * scale, -limit), limit);
            double floor = Math.Floor(a);
            double coin = BitConverter.UInt64BitsToDouble((coins[i] >> 12) | ExponentOfOne) - 1;
            integers[i] = (int)floor + (coin < a - floor ? 1 : 0);
        }

        return count;
    }

    private static Vector<ulong> RoundLanes(ReadOnlySpan<double> values, ReadOnlySpan<ulong> coins, double factor, double range, double scale, double limit, ref Vector<long> clamped)
    {
        Vector<double> value = new Vector<double>(values) * factor;
        clamped += Vector.GreaterThan(Vector.Abs(value), new Vector<double>(range)); // -1 in each lane that is clamped
        Vector<double> a = Vector.Min(Vector.Max(value * scale, new Vector<double>(-limit)), new Vector<double>(limit));
        Vector<double> floor = Vector.Floor(a);
        Vector<double> coin = Vector.AsVectorDouble((new Vector<ulong>(coins) >>> 12) | new Vector<ulong>(ExponentOfOne)) - Vector<double>.One;
        Vector<double> up = Vector.ConditionalSelect(Vector.LessThan(coin, a - floor), Vector<double>.One, Vector<double>.Zero);
        return Vector.AsVectorUInt64(floor + up + new Vector<double>(IntegerInLowBits));
    }
}
