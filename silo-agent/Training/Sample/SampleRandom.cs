// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>The generator of the sample's words: SplitMix64 (Steele, Lea and Flood 2014), the same on every machine and runtime.</summary>
/// <param name="seed">The seed.</param>
internal sealed class SampleRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A number from 0 to below the bound.</summary>
    public int Next(int bound)
    {
        _state += 0x9e3779b97f4a7c15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (int)((z ^ (z >> 31)) % (ulong)bound);
    }

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Next(items.Count)];
}
