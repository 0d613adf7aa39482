// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Training.Privacy;

/// <summary>The generators of a private job: one for the sampling coins, and one for each thread that draws noise.</summary>
internal sealed class StepRandomness : IDisposable
{
    private const int KeyBytes = 32;

    private readonly IRandomSource[] _sources;

    /// <summary>Takes sources, and disposes of them in the end. Only <see cref="Secret"/> is private; tests give their own.</summary>
    internal StepRandomness(IRandomSource coins, params ReadOnlySpan<IRandomSource> noise)
    {
        _sources = [coins, .. noise];
        Coins = new RandomBits(coins);
        Noise = [.. _sources.Skip(1).Select(source => new RandomBits(source))];
    }

    /// <summary>Who enters a step.</summary>
    public RandomBits Coins { get; }

    /// <summary>The noise, one for each share of the coordinates.</summary>
    public IReadOnlyList<RandomBits> Noise { get; }

    /// <summary>AES-256 in counter mode, each under a key of its own from the operating system (privacy, rule S1).</summary>
    /// <param name="threads">How many draw noise.</param>
    public static StepRandomness Secret(int threads) => new(Source(), [.. Enumerable.Range(0, threads).Select(_ => Source())]);

    /// <inheritdoc/>
    public void Dispose()
    {
        Coins.Dispose();
        foreach (RandomBits bits in Noise)
        {
            bits.Dispose();
        }

        foreach (IDisposable source in _sources.OfType<IDisposable>())
        {
            source.Dispose();
        }
    }

    private static AesCtrRandomSource Source()
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        RandomNumberGenerator.Fill(key);
        try
        {
            return new AesCtrRandomSource(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
