// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Training.Kernels;

/// <summary>Single-precision matrix product C = alpha·op(A)·op(B) + beta·C, packed and tiled (Goto and van de Geijn 2008).</summary>
/// <remarks>Each element of C is summed in one fixed order, so results do not depend on the number of threads.</remarks>
public static unsafe class Gemm
{
    private const int DepthBlock = 384;
    private const int RowBlock = 192;
    private const int ColumnBlock = 2048;
    private const long WorthSplitting = 400_000;

    private static readonly int TileRows = Vector512.IsHardwareAccelerated ? 12 : Vector256.IsHardwareAccelerated ? 6 : 4;
    private static readonly int TileColumns = Vector512.IsHardwareAccelerated ? 32 : Vector256.IsHardwareAccelerated ? 16 : 8;

    [ThreadStatic]
    private static Panels? _panels;

    /// <summary>Multiplies.</summary>
    /// <param name="transposeA">Whether A is stored (k, m).</param>
    /// <param name="transposeB">Whether B is stored (n, k).</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">The inner dimension.</param>
    /// <param name="alpha">Scales the product.</param>
    /// <param name="a">A, row-major.</param>
    /// <param name="lda">The distance between rows of A, in elements.</param>
    /// <param name="b">B, row-major.</param>
    /// <param name="ldb">The distance between rows of B.</param>
    /// <param name="beta">Scales C before; 0 overwrites.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="ldc">The distance between rows of C.</param>
    /// <param name="threads">The most threads.</param>
    public static void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc, int threads = 1)
    {
        if (threads <= 1 || (long)m * n * k < WorthSplitting)
        {
            Block(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
            return;
        }

        bool byRows = m >= n;
        int tile = byRows ? TileRows : TileColumns;
        int size = byRows ? m : n;
        int share = (((size + threads - 1) / threads) + tile - 1) / tile * tile;
        Workers.Rows((size + share - 1) / share, threads, new Shares(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, byRows, share));
    }

    // A product in parts by rows or columns of C, each a whole number of tiles.
    private readonly struct Shares(bool ta, bool tb, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc, bool byRows, int share) : IRowJob
    {
        public void Row(int i)
        {
            int start = i * share;
            int count = Math.Min(byRows ? m : n, start + share) - start;
            if (byRows)
            {
                Block(ta, tb, count, n, k, alpha, a + (ta ? start : (long)start * lda), lda, b, ldb, beta, c + ((long)start * ldc), ldc);
            }
            else
            {
                Block(ta, tb, m, count, k, alpha, a, lda, b + (tb ? (long)start * ldb : start), ldb, beta, c + start, ldc);
            }
        }
    }

    private static void Block(bool transposeA, bool transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc)
    {
        Scale(c, m, n, ldc, beta);
        Panels panels = _panels ??= new Panels();
        for (int column = 0; column < n; column += ColumnBlock)
        {
            int columns = Math.Min(ColumnBlock, n - column);
            for (int inner = 0; inner < k; inner += DepthBlock)
            {
                int depth = Math.Min(DepthBlock, k - inner);
                PackB(transposeB, b, ldb, column, columns, inner, depth, panels.B);
                for (int row = 0; row < m; row += RowBlock)
                {
                    int rows = Math.Min(RowBlock, m - row);
                    PackA(transposeA, a, lda, row, rows, inner, depth, alpha, panels.A);
                    Tiles(rows, columns, depth, panels, c + ((long)row * ldc) + column, ldc);
                }
            }
        }
    }

    private static void Scale(float* c, int m, int n, int ldc, float beta)
    {
        for (int i = 0; i < m; i++)
        {
            Span<float> row = new(c + ((long)i * ldc), n);
            if (beta == 0)
            {
                row.Clear();
            }
            else if (beta != 1)
            {
                foreach (ref float value in row)
                {
                    value *= beta;
                }
            }
        }
    }

    // Both packings are hot from the first step on, so they are compiled once and well, not in tiers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackA(bool transposed, float* a, int lda, int row, int rows, int inner, int depth, float alpha, float* panel)
    {
        int tileRows = TileRows;
        for (int tile = 0; tile < rows; tile += tileRows)
        {
            float* target = panel + ((long)tile * depth);
            int height = Math.Min(tileRows, rows - tile);
            if (height < tileRows)
            {
                new Span<float>(target, depth * tileRows).Clear();
            }

            float* source = transposed ? a + ((long)inner * lda) + row + tile : a + ((long)(row + tile) * lda) + inner;
            (int down, int along) = transposed ? (1, lda) : (lda, 1);
            Vector128<float> scale = Vector128.Create(alpha);
            int r = 0;
            for (; r + 4 <= height; r += 4)
            {
                float* p0 = source + ((long)r * down);
                float* p1 = p0 + down;
                float* p2 = p1 + down;
                float* p3 = p2 + down;
                float* to = target + r;
                for (int i = 0; i < depth; i++)
                {
                    (Vector128.Create(*p0, *p1, *p2, *p3) * scale).Store(to);
                    p0 += along;
                    p1 += along;
                    p2 += along;
                    p3 += along;
                    to += tileRows;
                }
            }

            for (; r < height; r++)
            {
                float* from = source + ((long)r * down);
                float* to = target + r;
                for (int i = 0; i < depth; i++)
                {
                    *to = alpha * *from;
                    from += along;
                    to += tileRows;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackB(bool transposed, float* b, int ldb, int column, int columns, int inner, int depth, float* panel)
    {
        int tileColumns = TileColumns;
        for (int tile = 0; tile < columns; tile += tileColumns)
        {
            float* target = panel + ((long)tile * depth);
            int width = Math.Min(tileColumns, columns - tile);
            if (width < tileColumns)
            {
                new Span<float>(target, depth * tileColumns).Clear();
            }

            if (transposed)
            {
                for (int q = 0; q < width; q++)
                {
                    float* source = b + ((long)(column + tile + q) * ldb) + inner;
                    float* to = target + q;
                    for (int i = 0; i < depth; i++)
                    {
                        *to = source[i];
                        to += tileColumns;
                    }
                }
            }
            else
            {
                for (int i = 0; i < depth; i++)
                {
                    new ReadOnlySpan<float>(b + ((long)(inner + i) * ldb) + column + tile, width).CopyTo(new Span<float>(target + (i * tileColumns), width));
                }
            }
        }
    }

    private static void Tiles(int rows, int columns, int depth, Panels panels, float* c, int ldc)
    {
        for (int column = 0; column < columns; column += TileColumns)
        {
            float* b = panels.B + ((long)column * depth);
            int width = Math.Min(TileColumns, columns - column);
            for (int row = 0; row < rows; row += TileRows)
            {
                float* a = panels.A + ((long)row * depth);
                float* tile = c + ((long)row * ldc) + column;
                int height = Math.Min(TileRows, rows - row);
                if (width == TileColumns && height == TileRows)
                {
                    Tile(depth, a, b, tile, ldc);
                    continue;
                }

                // An edge tile is computed whole beside C, and only its part inside C is added.
                new Span<float>(panels.Edge, TileRows * TileColumns).Clear();
                Tile(depth, a, b, panels.Edge, TileColumns);
                for (int r = 0; r < height; r++)
                {
                    for (int q = 0; q < width; q++)
                    {
                        tile[((long)r * ldc) + q] += panels.Edge[(r * TileColumns) + q];
                    }
                }
            }
        }
    }

    private static void Tile(int depth, float* a, float* b, float* c, int ldc)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            MicroKernels.Tile12X32(depth, a, b, c, ldc);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            MicroKernels.Tile6X16(depth, a, b, c, ldc);
        }
        else
        {
            MicroKernels.Tile4X8(depth, a, b, c, ldc);
        }
    }

    /// <summary>One thread's packed panels.</summary>
    private sealed class Panels
    {
        public readonly float* A = Allocate(DepthBlock * (RowBlock + 12));
        public readonly float* B = Allocate(DepthBlock * (ColumnBlock + 32));
        public readonly float* Edge = Allocate(12 * 32);

#pragma warning disable MA0055 // owns unmanaged memory for the life of its thread
        ~Panels()
        {
            NativeMemory.AlignedFree(A);
            NativeMemory.AlignedFree(B);
            NativeMemory.AlignedFree(Edge);
        }
#pragma warning restore MA0055

        private static float* Allocate(int count) => (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
    }
}
