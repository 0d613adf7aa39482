// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>The model segment's ring words before noise and masks, piece by piece from the trainer's file. They are secret, and in memory only.</summary>
internal abstract class PlainWords : IDisposable
{
    private const int PieceCoordinates = 1 << 18;

    private readonly FileStream _update;
    private readonly SecretBytes _buffer;

    /// <summary>Reads an update.</summary>
    /// <param name="job">The job.</param>
    /// <param name="update">Its file; stays the caller's.</param>
    protected PlainWords(MaskingJob job, FileStream update)
    {
        (Job, _update) = (job, update);
        Piece = job.Layout.Rotated ? HadamardRotation.MaxBlock : PieceCoordinates;
        _buffer = new SecretBytes(Piece * sizeof(float));
    }

    /// <summary>The coordinates of a piece; only the last is shorter.</summary>
    public int Piece { get; }

    /// <summary>What masking may say about the update on the silo's terminal; null for nothing.</summary>
    public virtual MaskingFigures? Figures => null;

    /// <summary>The job.</summary>
    protected MaskingJob Job { get; }

    /// <summary>The words of a piece, zeros where padding is.</summary>
    /// <param name="first">Its first coordinate, a multiple of <see cref="Piece"/>.</param>
    /// <param name="words">Receives them.</param>
    public abstract void Fill(long first, Span<byte> words);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The file's bytes of a piece; fewer where padding follows.</summary>
    protected Span<byte> Read(long first, long count)
    {
        Span<byte> bytes = _buffer.Span[..(int)(Math.Clamp(Job.Coordinates - first, 0, count) * sizeof(float))];
        _update.Position = Job.HeaderBytes + (first * sizeof(float));
        _update.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Zeroes what was read.</summary>
    protected virtual void Dispose(bool disposing) => _buffer.Dispose();
}

/// <summary>A silo's whole update: clipped, rotated, rounded stochastically; with noise to come, rounded anew until it is within what the noise was measured for.</summary>
internal sealed class RoundedUpdate : PlainWords
{
    private readonly UpdateQuantizer _quantizer;
    private readonly HadamardRotation _rotation;
    private readonly SecretBytes _block;
    private readonly double _weight;
    private readonly double _norm;
    private readonly double _factor;
    private readonly CancellationToken _cancellation;

    /// <summary>Measures the update, and rounds it where noise follows.</summary>
    /// <exception cref="FedCloudException"><c>tensor_not_finite</c>, where no noise follows; with noise an update that is not finite counts as zero.</exception>
    public RoundedUpdate(MaskingJob job, FileStream update, CancellationToken cancellation)
        : base(job, update)
    {
        RingSegment model = job.Layout.Segments[0];
        _cancellation = cancellation;
        _weight = model.Weighted ? job.Weight / (double)job.Layout.Limit : 1;
        _norm = NormOf();
        _factor = job.Layout.HasNoise && !double.IsFinite(_norm) ? 0 : UpdateQuantizer.Factor(_norm, model.Clip, _weight);
        _quantizer = new UpdateQuantizer(job.Layout, job.CoinKey.Span);
        _rotation = new HadamardRotation(job.Scope.Rid);
        _block = new SecretBytes(job.Layout.Rotated ? Piece * sizeof(double) : 0);
        if (job.Layout.HasNoise)
        {
            RoundUntilAccepted();
        }
    }

    /// <inheritdoc/>
    public override MaskingFigures? Figures => new(_norm, _factor < _weight, _quantizer.Clamped(0) / (double)Job.Layout.Segments[0].Length);

    /// <inheritdoc/>
    public override void Fill(long first, Span<byte> words)
    {
        Span<float> values = MemoryMarshal.Cast<byte, float>(Read(first, words.Length / Job.Scope.Ring.WordBytes));
        if (_factor == 0)
        {
            values.Clear(); // what is not finite stays so when multiplied by zero
        }

        if (!Job.Layout.Rotated)
        {
            _quantizer.Quantize(0, first, values, _factor, words);
            return;
        }

        Span<double> rotated = MemoryMarshal.Cast<byte, double>(_block.Span)[..(words.Length / Job.Scope.Ring.WordBytes)];
        for (int i = 0; i < values.Length; i++)
        {
            rotated[i] = values[i];
        }

        rotated[values.Length..].Clear();
        _rotation.Forward(rotated, first);
        _quantizer.Quantize(0, first, rotated, _factor, words);
    }

    /// <summary>Fails the round when too many coordinates were clamped; never where noise follows, since nobody charges for telling.</summary>
    /// <exception cref="FedCloudException"><c>clamp_limit</c>.</exception>
    public void RequireClampLimit()
    {
        if (!Job.Layout.HasNoise)
        {
            _quantizer.RequireClampLimit(0, Job.ClampLimit);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _quantizer.Dispose();
        _rotation.Dispose();
        _block.Dispose();
        base.Dispose(disposing);
    }

    private double NormOf()
    {
        SquaredNorm norm = new();
        for (long first = 0; first < Job.Coordinates; first += Piece)
        {
            _cancellation.ThrowIfCancellationRequested();
            norm.Add(MemoryMarshal.Cast<byte, float>(Read(first, Piece)));
        }

        return norm.Norm;
    }

    private void RoundUntilAccepted()
    {
        using SecretBytes words = new(Piece * Job.Scope.Ring.WordBytes);
        long length = Job.Layout.Segments[0].Length;
        while (true)
        {
            for (long first = 0; first < length; first += Piece)
            {
                _cancellation.ThrowIfCancellationRequested();
                Fill(first, words.Span[..(int)(Math.Min(Piece, length - first) * Job.Scope.Ring.WordBytes)]);
            }

            if (_quantizer.IsAccepted(0))
            {
                _quantizer.ForgetCounts();
                return;
            }

            _quantizer.RoundAnew();
        }
    }
}

/// <summary>The sum of a silo's records, each clipped and rounded by the trainer, in ring units (secure-aggregation, section 8.1, unit record).</summary>
/// <param name="job">The job.</param>
/// <param name="update">Its file, int32.</param>
internal sealed class SummedUpdate(MaskingJob job, FileStream update) : PlainWords(job, update)
{
    /// <inheritdoc/>
    public override void Fill(long first, Span<byte> words)
    {
        Span<int> values = MemoryMarshal.Cast<byte, int>(Read(first, words.Length / Job.Scope.Ring.WordBytes));
        int limit = (int)Job.Layout.Limit;
        foreach (ref int value in values)
        {
            value = Math.Clamp(value, -limit, limit);
        }

        RingWords.Pack(Job.Scope.Ring, values, words);
    }
}
