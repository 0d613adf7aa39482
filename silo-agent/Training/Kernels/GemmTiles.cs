// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>A block of C, tile by tile.</summary>
internal readonly unsafe struct GemmTiles
{
    public required GemmTile Tile { get; init; }

    /// <summary>The products that each element sums.</summary>
    public required int Depth { get; init; }

    public required GemmSide A { get; init; }

    public required GemmSide B { get; init; }

    /// <summary>The block's first element.</summary>
    public required float* C { get; init; }

    /// <summary>From a row of C to the next.</summary>
    public required long RowStride { get; init; }

    /// <summary>From a column of C to the next.</summary>
    public required long ColumnStride { get; init; }

    /// <summary>Whether to add to C.</summary>
    public required bool Add { get; init; }

    /// <summary>Room for a tile.</summary>
    public required float* Edge { get; init; }

    public void Compute(int rows, int columns)
    {
        for (int column = 0; column < columns; column += Tile.Columns)
        {
            float* b = B.Panel(column, out _, out nint columnStep);
            int width = Math.Min(Tile.Columns, columns - column);
            for (int row = 0; row < rows; row += Tile.Rows)
            {
                float* a = A.Panel(row, out nint lane, out nint step);
                float* to = C + (row * RowStride) + (column * ColumnStride);
                int height = Math.Min(Tile.Rows, rows - row);
                if (width == Tile.Columns && height == Tile.Rows && ColumnStride == 1)
                {
                    Tile.Multiply(Depth, a, lane, step, b, columnStep, to, (int)RowStride, Add);
                    continue;
                }

                // A tile at an edge, or of a transposed C, is computed whole beside it, and only its part inside C is kept.
                Tile.Multiply(Depth, a, lane, step, b, columnStep, Edge, Tile.Columns, add: false);
                Keep(to, height, width);
            }
        }
    }

    private void Keep(float* to, int height, int width)
    {
        for (int r = 0; r < height; r++)
        {
            float* from = Edge + (r * Tile.Columns);
            float* row = to + (r * RowStride);
            for (int q = 0; q < width; q++)
            {
                float* value = row + (q * ColumnStride);
                *value = Add ? *value + from[q] : from[q];
            }
        }
    }
}
