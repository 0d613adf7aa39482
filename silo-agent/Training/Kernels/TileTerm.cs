// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>One product of a tile's sum: where its panels of A and B lie, and how many products of elements it has.</summary>
internal unsafe struct TileTerm
{
    /// <summary>The first element of A.</summary>
    public float* A;

    /// <summary>From a row of A to the next.</summary>
    public nint Row;

    /// <summary>From an element of a row of A to the next.</summary>
    public nint Step;

    /// <summary>The first element of B; those of one row lie side by side.</summary>
    public float* B;

    /// <summary>From a row of B to the next.</summary>
    public nint Columns;

    /// <summary>What will be read soon, as many elements as the inner dimension has: they are asked for meanwhile, when memory is idle.</summary>
    public float* Soon;

    /// <summary>From one of them to the next.</summary>
    public nint SoonStep;

    /// <summary>The inner dimension.</summary>
    public int Depth;
}
