// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>One thread's packed panels.</summary>
internal sealed unsafe class GemmPanels
{
    /// <summary>The most products that a tile sums before it goes back to memory.</summary>
    public const int MostDepth = 544;

    /// <summary>Rows of A that are packed together.</summary>
    public const int RowBlock = 96;

    /// <summary>Columns of B that are packed together.</summary>
    public const int ColumnBlock = 2048;

    /// <summary>The bytes of all panels.</summary>
    public const long Bytes = sizeof(float) * ((MostDepth * (RowBlock + GemmTile.MostRows + ColumnBlock + GemmTile.MostColumns + Packing.LanesAtOnce)) + GemmTile.MostElements);

    [ThreadStatic]
    private static GemmPanels? _own;

    private GemmPanels()
    {
    }

#pragma warning disable MA0055 // owns unmanaged memory for the life of its thread
    ~GemmPanels()
    {
        AlignedMemory.Free(A);
        AlignedMemory.Free(B);
        AlignedMemory.Free(Lanes);
        AlignedMemory.Free(Edge);
    }
#pragma warning restore MA0055

    /// <summary>This thread's.</summary>
    public static GemmPanels Own => _own ??= new GemmPanels();

    /// <summary>Rows of A.</summary>
    public float* A { get; } = Allocate(MostDepth * (RowBlock + GemmTile.MostRows));

    /// <summary>Columns of B.</summary>
    public float* B { get; } = Allocate(MostDepth * (ColumnBlock + GemmTile.MostColumns));

    /// <summary>Lanes that are widened before they are packed.</summary>
    public float* Lanes { get; } = Allocate(MostDepth * Packing.LanesAtOnce);

    /// <summary>A tile.</summary>
    public float* Edge { get; } = Allocate(GemmTile.MostElements);

    private static float* Allocate(int count) => (float*)AlignedMemory.Allocate((nuint)count * sizeof(float));
}
