// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Privacy;

/// <summary>A sum of units' clipped gradients that depends on each unit by itself: not on its company, its place in a micro-batch or the threads.</summary>
internal unsafe interface IUnitSum
{
    /// <summary>Begins a step.</summary>
    void Clear();

    /// <summary>Clips units and adds them.</summary>
    /// <param name="gradients">(units, d), float32, one unit a row; stays the caller's.</param>
    /// <param name="units">Which units they are: of each, the index of its first example in the training file.</param>
    void Add(float* gradients, ReadOnlySpan<int> units);
}
