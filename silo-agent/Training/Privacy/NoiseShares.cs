// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Privacy;

/// <summary>The noise of a sum, drawn by several threads: each has its own generator and its own share of the coordinates.</summary>
internal sealed class NoiseShares : IDisposable
{
    private readonly GridNoise[] _noise;
    private GCHandle<NoiseShares> _self;
    private long[] _sums = [];
    private ExceptionDispatchInfo? _failure;

    /// <summary>Prepares a job.</summary>
    /// <param name="plan">Grid and deviation.</param>
    /// <param name="profile">How noise is drawn.</param>
    /// <param name="bits">A generator for each share; they stay the caller's.</param>
    public NoiseShares(GridNoisePlan plan, NoiseProfile profile, IReadOnlyList<RandomBits> bits)
    {
        _noise = [.. bits.Select(own => new GridNoise(plan, profile, own))];
        _self = new GCHandle<NoiseShares>(this);
    }

    /// <summary>Adds one draw to each coordinate.</summary>
    /// <param name="sums">The sum in grid units, noised in place.</param>
    public void AddTo(long[] sums)
    {
        _sums = sums;
        Workers.Rows(_noise.Length, _noise.Length, new Shares(_self));
        _failure?.Throw();
    }

    /// <inheritdoc/>
    public void Dispose() => _self.Dispose();

    private void Add(int share)
    {
        int length = (_sums.Length + _noise.Length - 1) / _noise.Length;
        int start = Math.Min(_sums.Length, share * length);
        try
        {
            _noise[share].AddTo(_sums.AsSpan(start, Math.Min(length, _sums.Length - start)));
        }
#pragma warning disable CA1031 // a worker must not throw; whoever asked for the noise does
        catch (Exception error)
#pragma warning restore CA1031
        {
            _failure = ExceptionDispatchInfo.Capture(error);
        }
    }

    private readonly struct Shares(GCHandle<NoiseShares> all) : IRowJob
    {
        public void Row(int i) => all.Target.Add(i);
    }
}
