// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>A row-major matrix in any storage, as a product reads it. It owns nothing.</summary>
public readonly unsafe struct GemmOperand
{
    /// <summary>A matrix of float32.</summary>
    /// <param name="start">Its first element.</param>
    /// <param name="stride">The distance between its rows, in elements.</param>
    public GemmOperand(float* start, int stride)
    {
        Start = start;
        Stride = stride;
    }

    internal GemmOperand(void* start, int stride, WeightStorage storage, float* scales, bool columnsHaveScales)
    {
        Start = start;
        Stride = stride;
        Storage = storage;
        Scales = scales;
        ColumnsHaveScales = columnsHaveScales;
    }

    /// <summary>How it is stored.</summary>
    public WeightStorage Storage { get; }

    /// <summary>The distance between its rows, in elements.</summary>
    public int Stride { get; }

    /// <summary>The first element.</summary>
    internal void* Start { get; }

    /// <summary>The scales of its rows, or of its columns, from the first on; null where it has none.</summary>
    internal float* Scales { get; }

    /// <summary>Whether scales are of columns, and not of rows.</summary>
    internal bool ColumnsHaveScales { get; }

    /// <summary>The part of the matrix that begins at an element.</summary>
    public GemmOperand At(long row, long column)
    {
        byte* start = (byte*)Start + (((row * Stride) + column) * Storage.Bytes());
        return new GemmOperand(start, Stride, Storage, Scales is null ? null : Scales + (ColumnsHaveScales ? column : row), ColumnsHaveScales);
    }

    /// <summary>Writes the beginning of a row as float32: exactly what products count with.</summary>
    /// <param name="row">The row.</param>
    /// <param name="count">How many elements of it.</param>
    /// <param name="to">Where to.</param>
    public void WidenRow(long row, int count, float* to)
    {
        void* from = (byte*)Start + (row * Stride * Storage.Bytes());
        switch (Storage)
        {
            case WeightStorage.BF16:
                Widening.FromBFloat16((ushort*)from, count, to);
                break;
            case WeightStorage.Int8 when ColumnsHaveScales:
                Widening.FromInt8((sbyte*)from, count, Scales, to);
                break;
            case WeightStorage.Int8:
                Widening.FromInt8((sbyte*)from, count, Scales[row], to);
                break;
            default:
                new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
                break;
        }
    }

    /// <summary>Writes the L2 norms of its rows, or of its columns, of what products count with; summed in binary64 in a fixed order.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="ofColumns">Whether the norms of columns are wanted, as the outputs of a matrix (in, out) are.</param>
    /// <param name="norms">Receives them, as many as there are rows or columns.</param>
    public void Norms(int rows, int columns, bool ofColumns, Span<float> norms)
    {
        float[] row = new float[columns];
        double[] sums = new double[ofColumns ? columns : rows];
        fixed (float* to = row)
        {
            for (int i = 0; i < rows; i++)
            {
                WidenRow(i, columns, to);
                for (int j = 0; j < columns; j++)
                {
                    sums[ofColumns ? j : i] += (double)row[j] * row[j];
                }
            }
        }

        for (int i = 0; i < sums.Length; i++)
        {
            norms[i] = (float)Math.Sqrt(sums[i]);
        }
    }
}
