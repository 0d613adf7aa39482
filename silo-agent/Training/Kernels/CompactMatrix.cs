// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>A row-major matrix of frozen weights in two bytes or one an element, in its own memory or in a mapped file. Whoever makes it disposes it.</summary>
internal sealed unsafe class CompactMatrix : IDisposable
{
    private readonly MemoryBlock _memory;
    private readonly Matrix? _scales; // (1, outputs)

    /// <summary>Makes a matrix of zeros.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="storage">Not float32.</param>
    /// <param name="columnsHaveScales">Whether outputs, which have a scale each, are its columns and not its rows.</param>
    public CompactMatrix(int rows, int columns, WeightStorage storage, bool columnsHaveScales = false)
        : this(rows, columns, storage, columnsHaveScales, new MemoryBlock((long)rows * columns * storage.Bytes()))
    {
    }

    /// <summary>Makes a matrix of the bfloat16 numbers in another's memory, which stays there as long as the matrix.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="lender">The memory.</param>
    /// <param name="position">Its first byte there, a multiple of 2.</param>
    public CompactMatrix(int rows, int columns, SafeBuffer lender, long position)
        : this(rows, columns, WeightStorage.BF16, columnsHaveScales: false, new MemoryBlock((long)rows * columns * WeightStorage.BF16.Bytes(), lender, position))
    {
    }

    private CompactMatrix(int rows, int columns, WeightStorage storage, bool columnsHaveScales, MemoryBlock memory)
    {
        Rows = rows;
        Columns = columns;
        Storage = storage;
        ColumnsHaveScales = columnsHaveScales;
        _memory = memory;
        _scales = storage == WeightStorage.Int8 ? new Matrix(1, columnsHaveScales ? columns : rows) : null;
    }

    public int Rows { get; }

    public int Columns { get; }

    public WeightStorage Storage { get; }

    public bool ColumnsHaveScales { get; }

    /// <summary>The scales of 8-bit outputs; empty for bfloat16.</summary>
    public Span<float> Scales => _scales is { } scales ? scales.Span : [];

    /// <summary>What products read.</summary>
    public GemmOperand Operand => new(_memory.Start, Columns, Storage, _scales is { } scales ? scales.P : null, ColumnsHaveScales);

    /// <summary>The numbers of whole rows, of bfloat16.</summary>
    public Span<ushort> BFloat16(int row, int rows) => new((ushort*)_memory.Start + ((long)row * Columns), rows * Columns);

    /// <summary>The numbers of whole rows, of 8 bits.</summary>
    public Span<sbyte> Int8(int row, int rows) => new((sbyte*)_memory.Start + ((long)row * Columns), rows * Columns);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _scales?.Dispose();
    }
}
