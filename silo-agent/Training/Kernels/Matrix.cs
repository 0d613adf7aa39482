// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>A row-major float32 matrix in unmanaged memory: its own, 64-byte aligned and zeroed when made, or a part of a mapped file. Whoever makes it disposes it.</summary>
public sealed unsafe class Matrix : IDisposable
{
    private readonly MemoryBlock _memory;

    /// <summary>Makes a matrix of zeros.</summary>
    public Matrix(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        _memory = new MemoryBlock((long)rows * columns * sizeof(float));
    }

    /// <summary>Makes a matrix of what lies in another's memory, which stays there as long as the matrix.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="lender">The memory.</param>
    /// <param name="position">Its first byte there, a multiple of 4.</param>
    internal Matrix(int rows, int columns, SafeBuffer lender, long position)
    {
        Rows = rows;
        Columns = columns;
        _memory = new MemoryBlock((long)rows * columns * sizeof(float), lender, position);
    }

    /// <summary>The rows.</summary>
    public int Rows { get; }

    /// <summary>The columns.</summary>
    public int Columns { get; }

    /// <summary>The first element.</summary>
    public float* P => (float*)_memory.Start;

    /// <summary>All elements of a matrix with at most 2^31 - 1 of them.</summary>
    public Span<float> Span => new(P, checked(Rows * Columns));

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
