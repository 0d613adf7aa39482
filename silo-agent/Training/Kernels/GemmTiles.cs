// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;

namespace FedCloud.Training.Kernels;

/// <summary>A block of C, tile by tile.</summary>
internal readonly unsafe struct GemmTiles
{
    // Elements of B that stay in the second cache while all rows pass over them; a panel as small as the nearest one stays in the first.
    private const int NearElements = 96 * 1024;
    private const int NearestElements = 9 * 1024;

    public required GemmTile Tile { get; init; }

    /// <summary>The pieces of terms that each element sums.</summary>
    public required GemmPiece* Pieces { get; init; }

    /// <summary>How many.</summary>
    public required int Count { get; init; }

    /// <summary>Their rows of A.</summary>
    public required GemmSide* A { get; init; }

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

    /// <summary>Computes the block.</summary>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="next">The row of op(A) at which the next block begins.</param>
    /// <param name="end">The row after it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Compute(int rows, int columns, int next = 0, int end = 0)
    {
        TileTerm* terms = stackalloc TileTerm[GemmPiece.Most];
        int depth = 0;
        for (int i = 0; i < Count; i++)
        {
            terms[i].Depth = Pieces[i].Depth;
            depth += Pieces[i].Depth;
        }

        int near = Tile.Columns * depth <= NearestElements ? Tile.Columns : Math.Max(1, NearElements / depth / Tile.Columns) * Tile.Columns;
        for (int first = 0; first < columns; first += near)
        {
            int last = Math.Min(columns, first + near);
            for (int row = 0; row < rows; row += Tile.Rows)
            {
                for (int i = 0; i < Count; i++)
                {
                    terms[i].A = A[i].Panel(row, out terms[i].Row, out terms[i].Step);
                }

                Row(terms, row, Math.Min(Tile.Rows, rows - row), first, last, columns, ref next, end);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Row(TileTerm* terms, int row, int height, int first, int last, int columns, ref int next, int end)
    {
        for (int column = first; column < last; column += Tile.Columns)
        {
            for (int i = 0; i < Count; i++)
            {
                terms[i].B = Pieces[i].B.Panel(column, out _, out terms[i].Columns);
                Foresee(terms + i, Pieces + i, next < end ? next : -1);
            }

            next++;
            float* to = C + (row * RowStride) + (column * ColumnStride);
            int width = Math.Min(Tile.Columns, columns - column);
            if (width == Tile.Columns && height == Tile.Rows && ColumnStride == 1)
            {
                Tile.Multiply(terms, Count, to, (int)RowStride, Add);
                continue;
            }

            // A tile at an edge, or of a transposed C, is computed whole beside it, and only its part inside C is kept.
            Tile.Multiply(terms, Count, Edge, Tile.Columns, add: false);
            Keep(to, height, width);
        }
    }

    // Of a B that is read where it lies, the next columns; else a row of A in the next block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Foresee(TileTerm* term, GemmPiece* piece, int row)
    {
        term->Soon = term->A;
        term->SoonStep = 0;
        if (term->Columns != Tile.Columns)
        {
            term->Soon = term->B + Tile.Columns;
            term->SoonStep = term->Columns;
        }
        else if (row >= 0 && !piece->Term.TransposeA)
        {
            term->Soon = piece->Term.RowsOfA(row, piece->Inner);
            term->SoonStep = 1;
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
