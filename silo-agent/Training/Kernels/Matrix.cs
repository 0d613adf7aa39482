// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>A row-major float32 matrix in unmanaged memory, 64-byte aligned, zeroed when made. Whoever makes it disposes it.</summary>
public sealed unsafe class Matrix : IDisposable
{
    /// <summary>Makes a matrix of zeros.</summary>
    public Matrix(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        nuint bytes = (nuint)Math.Max(64, (long)rows * columns * sizeof(float));
        P = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(P, bytes);
    }

#pragma warning disable MA0055 // owns unmanaged memory
    /// <summary>Frees what was not disposed.</summary>
    ~Matrix() => Free();
#pragma warning restore MA0055

    /// <summary>The rows.</summary>
    public int Rows { get; }

    /// <summary>The columns.</summary>
    public int Columns { get; }

    /// <summary>The first element.</summary>
    public float* P { get; private set; }

    /// <summary>All elements of a matrix with at most 2^31 - 1 of them.</summary>
    public Span<float> Span => new(P, checked(Rows * Columns));

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(P);
        P = null;
    }
}
