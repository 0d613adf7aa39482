// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Privacy;

/// <summary>The sum of records' updates in whole ring units, each clipped and rounded by itself (secure-aggregation, section 8.1, unit record).</summary>
/// <remarks>
/// A record adds an integer vector of an L2 norm of at most <see cref="DistributedNoise.RoundedL2(double, long)"/> of c and d, whatever
/// its gradient is. The scaled gradient measures at most c: of the roundings that <see cref="ClippingRule"/> leaves room for, 16, it
/// takes 11, and c / C' and the product with it take two more. The integers are added in 64 bits, so the sum is exact and does not
/// depend on the order. The sum carries no noise and is not private.
/// </remarks>
internal sealed unsafe class RoundedSum : IUnitSum, IDisposable
{
    /// <summary>The largest c and the largest limit, in ring units.</summary>
    public const long MostUnits = 1L << 30;

    // With 8 bytes each, half of the 2^44 blocks of a key.
    private const long MostCoins = 1L << 44;

    private readonly long[] _sums;
    private readonly long[] _places; // of each unit of a micro-batch, where its coins begin; -1 for one that counts as zero
    private readonly GradientPiece[] _pieces;
    private readonly ClipFactors _factors;
    private readonly double _unitsPerOne;
    private readonly RecordRounding[] _shares; // one for each thread
    private GCHandle<RoundedSum> _self;

    /// <summary>A sum of zero.</summary>
    /// <param name="mode">How records are clipped.</param>
    /// <param name="clipNorm">C', the most that a record's gradient measures.</param>
    /// <param name="clip">c, what C' is in ring units; at most <see cref="MostUnits"/>.</param>
    /// <param name="moduleLengths">The coordinates of each adapted module.</param>
    /// <param name="together">The most records that are added together.</param>
    /// <param name="records">How many records there are.</param>
    /// <param name="threads">The most threads; the sum does not depend on it.</param>
    /// <param name="coinKey">32 fresh random bytes, for this sum alone; the caller zeroes its own copy.</param>
    /// <exception cref="FedCloudException"><c>count_invalid</c>: so many records and coordinates that one key does not give their coins.</exception>
    public RoundedSum(ClippingMode mode, double clipNorm, double clip, IReadOnlyList<int> moduleLengths, int together, int records, int threads, ReadOnlySpan<byte> coinKey)
    {
        int d = moduleLengths.Sum();
        if ((long)d * records > MostCoins)
        {
            throw new FedCloudException(ErrorCodes.CountInvalid, $"expected records times coordinates to be at most {MostCoins}, found {records} times {d}");
        }

        _factors = new ClipFactors(mode, clipNorm, moduleLengths, together, threads);
        _pieces = _factors.Pieces(RecordRounding.PieceLength);
        _unitsPerOne = clip / clipNorm;
        _sums = ClipFactors.Pinned(new long[d]);
        _places = ClipFactors.Pinned(new long[together]);
        ulong mostSquares = SquareOf(DistributedNoise.RoundedL2(clip, d));
        _shares = new RecordRounding[threads];
        for (int share = 0; share < threads; share++)
        {
            _shares[share] = new RecordRounding(coinKey, _pieces, records, mostSquares);
        }

        _self = new GCHandle<RoundedSum>(this);
    }

    /// <summary>The sum so far, in ring units.</summary>
    public ReadOnlySpan<long> Units => _sums;

    /// <inheritdoc/>
    public void Clear() => Array.Clear(_sums);

    /// <inheritdoc/>
    public void Add(float* gradients, ReadOnlySpan<int> units)
    {
        Span<double> factors = _factors.Of(gradients, units.Length);
        foreach (ref double factor in factors)
        {
            factor *= _unitsPerOne;
        }

        fixed (double* f = factors)
        fixed (int* records = units)
        {
            Micro micro = new(gradients, f, records, units.Length);
            Workers.Rows(_shares.Length, _shares.Length, new AcceptRows(_self, micro));
            Workers.Rows(_shares.Length, _shares.Length, new AddRows(_self, micro));
        }
    }

    /// <summary>The sum, each coordinate clamped to ±limit. Never fails, and does not tell whether anything was clamped: that would be a bit taken before the noise.</summary>
    /// <param name="limit">At most <see cref="MostUnits"/>.</param>
    /// <param name="update">(d); the caller zeroes it.</param>
    public void Clamp(long limit, Span<int> update)
    {
        for (int i = 0; i < _sums.Length; i++)
        {
            update[i] = (int)Math.Clamp(_sums[i], -limit, limit);
        }
    }

    /// <summary>Zeroes the sum, the coins and their key.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_sums.AsSpan()));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_places.AsSpan()));
        foreach (RecordRounding share in _shares)
        {
            share.Dispose();
        }

        _self.Dispose();
    }

    /// <summary>The largest whole number that is at most the square, exactly: no floating point decides whether a vector keeps the bound.</summary>
    /// <param name="bound">From 0.5 to below 2^32.</param>
    internal static ulong SquareOf(double bound)
    {
        long bits = BitConverter.DoubleToInt64Bits(bound);
        UInt128 mantissa = (UInt128)((ulong)(bits & ((1L << 52) - 1)) | (1UL << 52));
        int exponent = (int)(bits >> 52) - 1075; // bound = mantissa 2^exponent, and the exponent is below 0
        return (ulong)((mantissa * mantissa) >> (-2 * exponent));
    }

    private void Accept(Micro micro, int share)
    {
        for (int unit = Cut(micro.Count, share); unit < Cut(micro.Count, share + 1); unit++)
        {
            ReadOnlySpan<double> factors = new(micro.Factors + ((long)unit * _factors.Count), _factors.Count);
            _places[unit] = factors[0] > 0 ? _shares[share].Accept(micro.Gradients + ((long)unit * _sums.Length), factors, micro.Records[unit]) : -1;
        }
    }

    // One piece after the other, so that its sums stay in the nearest cache.
    private void Add(Micro micro, int share)
    {
        fixed (long* sums = _sums)
        {
            foreach (GradientPiece piece in _pieces.AsSpan(Cut(_pieces.Length, share)..Cut(_pieces.Length, share + 1)))
            {
                for (int unit = 0; unit < micro.Count; unit++)
                {
                    if (_places[unit] >= 0)
                    {
                        _shares[share].AddTo(micro.Gradients + ((long)unit * _sums.Length), piece, micro.Factors[((long)unit * _factors.Count) + piece.Group], _places[unit], sums);
                    }
                }
            }
        }
    }

    private int Cut(int count, int share) => (int)((long)count * share / _shares.Length);

    /// <summary>A micro-batch: gradients (count, d), factors (count, groups), records (count).</summary>
    private readonly struct Micro(float* gradients, double* factors, int* records, int count)
    {
        public readonly float* Gradients = gradients;
        public readonly double* Factors = factors;
        public readonly int* Records = records;
        public readonly int Count = count;
    }

    private readonly struct AcceptRows(GCHandle<RoundedSum> all, Micro micro) : IRowJob
    {
        public void Row(int i) => all.Target.Accept(micro, i);
    }

    private readonly struct AddRows(GCHandle<RoundedSum> all, Micro micro) : IRowJob
    {
        public void Row(int i) => all.Target.Add(micro, i);
    }
}
