// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Makes a compact matrix of a tensor: BF16 where it lies, all else piece by piece, so that beside the matrix there is never more than a piece.</summary>
/// <remarks>Of a matrix (in, out) an output's scale is its column's, so it is read twice: for the scales, and for the numbers.</remarks>
/// <param name="file">The file.</param>
/// <param name="map">The file in memory.</param>
/// <param name="tensor">The tensor.</param>
/// <param name="shape">What the model expects of it.</param>
internal sealed class CompactReading(SafetensorsFile file, MappedFile map, TensorEntry tensor, WeightShape shape)
{
    private const int PieceElements = 1 << 18;

    private delegate void Piece(int row, int rows, ReadOnlySpan<float> values);

    /// <summary>Reads.</summary>
    /// <param name="storage">Not float32.</param>
    /// <exception cref="FedCloudException"><c>tensor_type_mismatch</c> or <c>tensor_not_finite</c>.</exception>
    public CompactMatrix Read(WeightStorage storage)
    {
        long position = file.Header.DataStart + tensor.Offset;
        bool inPlace = storage == WeightStorage.BF16 && tensor.Type == TensorType.BF16 && position % sizeof(ushort) == 0;
        CompactMatrix matrix = inPlace ? map.BFloat16(shape.Rows, shape.Columns, position) : new CompactMatrix(shape.Rows, shape.Columns, storage, storage == WeightStorage.Int8 && shape.IsInOut);
        try
        {
            if (storage == WeightStorage.Int8)
            {
                Quantise(matrix);
            }
            else
            {
                Round(matrix, inPlace);
            }

            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
    }

    private void Round(CompactMatrix matrix, bool inPlace)
    {
        if (!inPlace)
        {
            InPieces((row, rows, values) => Rounding.ToBFloat16(values, matrix.BFloat16(row, rows)));
        }

        // A file's own numbers, or those that became too large.
        for (int row = 0; row < matrix.Rows; row++)
        {
            if (Rounding.IndexOfNotFinite(matrix.BFloat16(row, 1)) >= 0)
            {
                throw NotFinite(inPlace ? "NaN or infinity" : "a number too large for bf16");
            }
        }
    }

    private void Quantise(CompactMatrix matrix)
    {
        int columns = matrix.Columns;
        if (!matrix.ColumnsHaveScales)
        {
            InPieces((row, rows, values) =>
            {
                Span<sbyte> numbers = matrix.Int8(row, rows);
                for (int i = 0; i < rows; i++)
                {
                    ReadOnlySpan<float> weights = values.Slice(i * columns, columns);
                    float scale = Rounding.ScaleOf(Rounding.LargestOf(weights));
                    matrix.Scales[row + i] = scale;
                    Rounding.ToInt8(weights, scale, numbers.Slice(i * columns, columns));
                }
            });
            return;
        }

        InPieces((_, rows, values) =>
        {
            for (int i = 0; i < rows; i++)
            {
                Rounding.RaiseTo(values.Slice(i * columns, columns), matrix.Scales);
            }
        });
        foreach (ref float scale in matrix.Scales)
        {
            scale = Rounding.ScaleOf(scale);
        }

        InPieces((row, rows, values) =>
        {
            Span<sbyte> numbers = matrix.Int8(row, rows);
            for (int i = 0; i < rows; i++)
            {
                Rounding.ToInt8(values.Slice(i * columns, columns), matrix.Scales, numbers.Slice(i * columns, columns));
            }
        });
    }

    private void InPieces(Piece take)
    {
        int most = Math.Clamp(PieceElements / shape.Columns, 1, shape.Rows);
        using Matrix piece = new(most, shape.Columns); // freed at once, and not when the collector runs
        for (int row = 0; row < shape.Rows; row += most)
        {
            int rows = Math.Min(most, shape.Rows - row);
            Span<float> values = piece.Span[..(rows * shape.Columns)];
            file.ReadF32(tensor, (long)row * shape.Columns, values);
            if (FiniteCheck.IndexOfNotFinite(values) >= 0)
            {
                throw NotFinite("NaN or infinity");
            }

            take(row, rows, values);
        }
    }

    private FedCloudException NotFinite(string what) => new(ErrorCodes.TensorNotFinite, $"the base model's {tensor.Name} holds {what}");
}
