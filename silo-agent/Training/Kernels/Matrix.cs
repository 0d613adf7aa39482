// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>A row-major float32 matrix in unmanaged memory: its own, 64-byte aligned and zeroed when made, or a part of a mapped file. Whoever makes it disposes it.</summary>
public sealed unsafe class Matrix : IDisposable
{
    private readonly SafeBuffer? _lender; // whose memory it is, if it is not its own

    /// <summary>Makes a matrix of zeros.</summary>
    public Matrix(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        nuint bytes = (nuint)Math.Max(64, (long)rows * columns * sizeof(float));
        P = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(P, bytes);
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
        if ((ulong)position + ((ulong)rows * (ulong)columns * sizeof(float)) > lender.ByteLength)
        {
            throw new ArgumentOutOfRangeException(nameof(position), position, "the matrix would end behind the memory");
        }

        byte* start = null;
        lender.AcquirePointer(ref start);
        _lender = lender;
        P = (float*)(start + position);
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
        if (_lender is null)
        {
            NativeMemory.AlignedFree(P);
        }
        else if (P is not null)
        {
            _lender.ReleasePointer();
        }

        P = null;
    }
}
