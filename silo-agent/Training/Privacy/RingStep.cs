// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Privacy;

/// <summary>The one step of a round under claim B, unit record: every record's clipped gradient, rounded to the ring, into one sum (secure-aggregation, section 8.1).</summary>
/// <remarks>No record is left out and none is drawn: the claim counts at sampling rate 1. The noise comes later, from whoever masks the update; until then neither update nor loss is private.</remarks>
internal sealed class RingStep : IDisposable
{
    private const int KeyBytes = 32;

    private readonly UnitPass _pass;
    private readonly RoundedSum _sum;
    private readonly int[] _all;
    private readonly long _limit;

    /// <summary>Prepares a step with given coins; only <see cref="Secret"/> is private.</summary>
    /// <param name="model">The model, its adapter training; stays the caller's.</param>
    /// <param name="train">The examples.</param>
    /// <param name="ring">What the job asks for.</param>
    /// <param name="batchSize">The most examples that go through the model together.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="coinKey">32 bytes; the caller zeroes its own copy.</param>
    internal RingStep(IDecoder model, ExampleFile train, JobRing ring, int batchSize, int threads, ReadOnlySpan<byte> coinKey)
    {
        _pass = new UnitPass(model, train.Examples, perPerson: false, batchSize);
        _all = [.. Enumerable.Range(0, _pass.Units)];
        _limit = ring.Limit;
        _sum = new RoundedSum(ClippingRule.ModeOf(ring.Clipping), ring.ExampleClip, ring.Clip, _pass.ModuleLengths, batchSize, _pass.Units, threads, coinKey);
    }

    /// <summary>The coordinates of the update.</summary>
    public int Coordinates => _pass.Coordinates;

    /// <summary>A step with coins under a key of its own from the operating system's generator (privacy, rule S1).</summary>
    /// <param name="model">The model, its adapter training; stays the caller's.</param>
    /// <param name="train">The examples.</param>
    /// <param name="ring">What the job asks for.</param>
    /// <param name="batchSize">The most examples that go through the model together.</param>
    /// <param name="threads">The most threads.</param>
    public static RingStep Secret(IDecoder model, ExampleFile train, JobRing ring, int batchSize, int threads)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        RandomNumberGenerator.Fill(key);
        try
        {
            return new RingStep(model, train, ring, batchSize, threads, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Takes the step.</summary>
    /// <param name="update">(d): receives the sum, clamped, in the order of the trained parameters. Not private; the caller zeroes it.</param>
    public StepLoss Take(Span<int> update)
    {
        _sum.Clear();
        StepLoss loss = _pass.AddTo(_sum, _all);
        _sum.Clamp(_limit, update);
        return loss;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sum.Dispose();
        _pass.Dispose();
    }
}
