// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Kernels;

/// <summary>Compact matrices of random ones, and what they stand for, number by number.</summary>
internal static class CompactMatrices
{
    public static Matrix Filled(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        foreach (ref float value in matrix.Span)
        {
            value = (float)((random.NextDouble() * 2) - 1);
        }

        return matrix;
    }

    /// <summary>Rounds a matrix; scales are of its rows or of its columns.</summary>
    public static CompactMatrix Of(Matrix source, WeightStorage storage, bool columnsHaveScales)
    {
        CompactMatrix compact = new(source.Rows, source.Columns, storage, columnsHaveScales);
        if (storage == WeightStorage.BF16)
        {
            Rounding.ToBFloat16(source.Span, compact.BFloat16(0, source.Rows));
            return compact;
        }

        for (int row = 0; row < source.Rows; row++)
        {
            ReadOnlySpan<float> values = source.Span.Slice(row * source.Columns, source.Columns);
            if (columnsHaveScales)
            {
                Rounding.RaiseTo(values, compact.Scales);
            }
            else
            {
                compact.Scales[row] = Rounding.LargestOf(values);
            }
        }

        foreach (ref float scale in compact.Scales)
        {
            scale = Rounding.ScaleOf(scale);
        }

        for (int i = 0; i < source.Span.Length; i++)
        {
            (int row, int column) = (i / source.Columns, i % source.Columns);
            Rounding.ToInt8(source.Span.Slice(i, 1), compact.Scales[columnsHaveScales ? column : row], compact.Int8(row, 1).Slice(column, 1));
        }

        return compact;
    }

    public static float Value(CompactMatrix matrix, int row, int column) => matrix.Storage == WeightStorage.BF16
        ? BitConverter.UInt32BitsToSingle((uint)matrix.BFloat16(row, 1)[column] << 16)
        : matrix.Int8(row, 1)[column] * matrix.Scales[matrix.ColumnsHaveScales ? column : row];

    public static Matrix Widened(CompactMatrix matrix)
    {
        Matrix widened = new(matrix.Rows, matrix.Columns);
        for (int i = 0; i < widened.Span.Length; i++)
        {
            widened.Span[i] = Value(matrix, i / matrix.Columns, i % matrix.Columns);
        }

        return widened;
    }
}
