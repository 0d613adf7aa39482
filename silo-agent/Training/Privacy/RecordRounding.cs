// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Runtime.InteropServices;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Training.Privacy;

/// <summary>One thread's conditional stochastic rounding of records to whole ring units (secure-aggregation, section 8.1).</summary>
/// <remarks>
/// A coordinate a becomes floor(a) + Bernoulli(a - floor(a)); the whole vector is rounded anew, with other coins, until its L2 norm
/// keeps the bound (Kairouz, Liu and Steinke 2021, section 4.2). Each attempt keeps it with probability 1 - e^(-1/2) at least, since
/// the clipped vector measures at most c. A coin is 52 bits of AES-256-CTR at a place that attempt, record and coordinate give, so
/// records may be rounded in any order and by any thread; its probability is right to 2^-52. Places of attempts run on up to 2^60,
/// which is beyond the 2^16th attempt. How many attempts a record takes is secret and is kept nowhere. Not safe for several threads.
/// </remarks>
internal sealed unsafe class RecordRounding : IDisposable
{
    /// <summary>The longest piece of a vector.</summary>
    public const int PieceLength = 1024;

    // 1.5 times 2^52: added to a whole number below 2^51, it leaves it in the low bits.
    private const double IntegerInLowBits = 6755399441055744.0;
    private const ulong ExponentOfOne = 0x3FF0_0000_0000_0000;

    private readonly AesCtrKeystream _keystream;
    private readonly SecretBytes _coinBytes = new(PieceLength * sizeof(ulong));
    private readonly SecretBytes _integers = new(PieceLength * sizeof(long));
    private readonly GradientPiece[] _pieces;
    private readonly long _length;
    private readonly int _records;
    private readonly ulong _mostSquares;

    /// <summary>Prepares a job.</summary>
    /// <param name="coinKey">32 random bytes that serve one job; all of its threads have the same. The caller zeroes its own copy.</param>
    /// <param name="pieces">All coordinates, in order, in pieces of at most <see cref="PieceLength"/>.</param>
    /// <param name="records">How many records there are.</param>
    /// <param name="mostSquares">The bound: the largest sum of squares of a rounded vector, in squared ring units.</param>
    public RecordRounding(ReadOnlySpan<byte> coinKey, GradientPiece[] pieces, int records, ulong mostSquares)
    {
        _keystream = new AesCtrKeystream(coinKey);
        _pieces = pieces;
        _length = pieces[^1].Start + pieces[^1].Length;
        _records = records;
        _mostSquares = mostSquares;
    }

    /// <summary>Rounds a record until it keeps the bound.</summary>
    /// <param name="gradient">(d), float32.</param>
    /// <param name="factors">Of each group, above 0: makes ring units of its coordinates, together of an L2 norm of at most 2^30.</param>
    /// <param name="record">The record's index in the training file.</param>
    /// <returns>Where the coins of the accepted attempt begin, in coordinates.</returns>
    public long Accept(float* gradient, ReadOnlySpan<double> factors, int record)
    {
        long place = record * _length;
        while (Squares(gradient, factors, place) > _mostSquares)
        {
            place += _records * _length;
        }

        return place;
    }

    /// <summary>Adds a piece of minus the rounded record, by the coins of an attempt.</summary>
    /// <param name="gradient">(d), float32.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="factor">Its group's factor.</param>
    /// <param name="place">Where the attempt's coins begin.</param>
    /// <param name="sums">(d), the sum in ring units.</param>
    public void AddTo(float* gradient, GradientPiece piece, double factor, long place, long* sums)
    {
        ReadOnlySpan<long> integers = Round(gradient, piece, factor, place);
        Span<long> to = new(sums + piece.Start, piece.Length);
        int i = 0;
        for (; i + Vector<long>.Count <= integers.Length; i += Vector<long>.Count)
        {
            (new Vector<long>(to[i..]) + new Vector<long>(integers[i..])).CopyTo(to[i..]);
        }

        for (; i < integers.Length; i++)
        {
            to[i] += integers[i];
        }
    }

    /// <summary>Zeroes key, coins and what was rounded last.</summary>
    public void Dispose()
    {
        _keystream.Dispose();
        _coinBytes.Dispose();
        _integers.Dispose();
    }

    // Exact: rounding adds at most sqrt(d) to a norm of at most 2^30, and d is below 2^31, so the sum stays below 2^61.
    private ulong Squares(float* gradient, ReadOnlySpan<double> factors, long place)
    {
        ulong squares = 0;
        foreach (GradientPiece piece in _pieces)
        {
            ReadOnlySpan<long> integers = Round(gradient, piece, factors[piece.Group], place);
            Vector<long> lanes = Vector<long>.Zero;
            int i = 0;
            for (; i + Vector<long>.Count <= integers.Length; i += Vector<long>.Count)
            {
                Vector<long> values = new(integers[i..]);
                lanes += values * values;
            }

            squares += (ulong)Vector.Sum(lanes);
            for (; i < integers.Length; i++)
            {
                squares += (ulong)(integers[i] * integers[i]);
            }
        }

        return squares;
    }

    // The update goes against the gradient.
    private Span<long> Round(float* gradient, GradientPiece piece, double factor, long place)
    {
        Span<byte> coinBytes = _coinBytes.Span[..(piece.Length * sizeof(ulong))];
        _keystream.Fill(coinBytes, (place + piece.Start) * sizeof(ulong));
        Span<long> integers = MemoryMarshal.Cast<byte, long>(_integers.Span)[..piece.Length];
        Round(new ReadOnlySpan<float>(gradient + piece.Start, piece.Length), MemoryMarshal.Cast<byte, ulong>(coinBytes), -factor, integers);
        return integers;
    }

    // By vectors, and the rest one by one with the same operations.
    private static void Round(ReadOnlySpan<float> values, ReadOnlySpan<ulong> coins, double factor, Span<long> integers)
    {
        int lanes = Vector<double>.Count;
        int i = 0;
        for (; i + (2 * lanes) <= values.Length; i += 2 * lanes)
        {
            Vector.Widen(new Vector<float>(values[i..]), out Vector<double> low, out Vector<double> high);
            RoundLanes(low * factor, new Vector<ulong>(coins[i..])).CopyTo(integers[i..]);
            RoundLanes(high * factor, new Vector<ulong>(coins[(i + lanes)..])).CopyTo(integers[(i + lanes)..]);
        }

        for (; i < values.Length; i++)
        {
            double a = values[i] * factor;
            double floor = Math.Floor(a);
            double coin = BitConverter.UInt64BitsToDouble((coins[i] >> 12) | ExponentOfOne) - 1;
            integers[i] = (long)floor + (coin < a - floor ? 1 : 0);
        }
    }

    private static Vector<long> RoundLanes(Vector<double> a, Vector<ulong> coins)
    {
        Vector<double> floor = Vector.Floor(a);
        Vector<double> coin = Vector.AsVectorDouble((coins >>> 12) | new Vector<ulong>(ExponentOfOne)) - Vector<double>.One;
        Vector<double> up = Vector.ConditionalSelect(Vector.LessThan(coin, a - floor), Vector<double>.One, Vector<double>.Zero);
        Vector<double> magic = new(IntegerInLowBits);
        return Vector.AsVectorInt64(floor + up + magic) - Vector.AsVectorInt64(magic);
    }
}
