// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>Single-precision matrix product C = alpha·op(A)·op(B) + beta·C, packed and tiled (Goto and van de Geijn 2008).</summary>
/// <remarks>Each element of C is summed in one fixed order, so results do not depend on the number of threads or the width of the tile.</remarks>
public static unsafe class Gemm
{
    private const int DepthBlock = 384;
    private const int RowBlock = 192;
    private const int ColumnBlock = 2048;
    private const long PanelElements = (DepthBlock * (RowBlock + GemmTile.MostRows + ColumnBlock + GemmTile.MostColumns + Packing.LanesAtOnce)) + GemmTile.MostElements;
    private const long WorthSplitting = 400_000;

    /// <summary>The bytes that each thread packs into.</summary>
    internal const long PanelBytes = PanelElements * sizeof(float);

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
    /// <param name="kernel">The kernel; the widest that this processor has when null.</param>
    public static void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc, int threads = 1, GemmKernel? kernel = null) =>
        Multiply(transposeA, transposeB, m, n, k, alpha, a, lda, new GemmOperand(b, ldb), beta, c, ldc, threads, kernel);

    /// <summary>Multiplies by a B in any storage: the bits are those of the same product with B widened before.</summary>
    /// <param name="transposeA">Whether A is stored (k, m).</param>
    /// <param name="transposeB">Whether B is stored (n, k).</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">The inner dimension.</param>
    /// <param name="alpha">Scales the product.</param>
    /// <param name="a">A, row-major.</param>
    /// <param name="lda">The distance between rows of A, in elements.</param>
    /// <param name="b">B.</param>
    /// <param name="beta">Scales C before; 0 overwrites.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="ldc">The distance between rows of C.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="kernel">The kernel; the widest that this processor has when null.</param>
    public static void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k, float alpha, float* a, int lda, GemmOperand b, float beta, float* c, int ldc, int threads = 1, GemmKernel? kernel = null)
    {
        GemmTile tile = (kernel ?? GemmKernel.Widest).Tile(n);
        Product product = new() { Tile = tile, TransposeA = transposeA, TransposeB = transposeB, M = m, N = n, K = k, Alpha = alpha, A = a, Lda = lda, B = b, Beta = beta, C = c, Ldc = ldc };
        if (threads <= 1 || (long)m * n * k < WorthSplitting)
        {
            product.Compute();
            return;
        }

        // By rows or columns of C, whichever are more, each part a whole number of tiles.
        int step = m >= n ? tile.Rows : tile.Columns;
        int size = Math.Max(m, n);
        int share = (((size + threads - 1) / threads) + step - 1) / step * step;
        Workers.Rows((size + share - 1) / share, threads, new Shares(product, share));
    }

    private readonly struct Shares(Product product, int share) : IRowJob
    {
        public void Row(int i) => product.Part(i * share, share).Compute();
    }

    private readonly struct Product
    {
        public required GemmTile Tile { get; init; }

        public required bool TransposeA { get; init; }

        public required bool TransposeB { get; init; }

        public required int M { get; init; }

        public required int N { get; init; }

        public required int K { get; init; }

        public required float Alpha { get; init; }

        public required float* A { get; init; }

        public required int Lda { get; init; }

        public required GemmOperand B { get; init; }

        public required float Beta { get; init; }

        public required float* C { get; init; }

        public required int Ldc { get; init; }

        public Product Part(int start, int most)
        {
            int count = Math.Min(Math.Max(M, N) - start, most);
            return M >= N
                ? this with { M = count, A = A + (TransposeA ? start : (long)start * Lda), C = C + ((long)start * Ldc) }
                : this with { N = count, B = TransposeB ? B.At(start, 0) : B.At(0, start), C = C + start };
        }

        public void Compute()
        {
            if (Beta is not (0 or 1) || K == 0)
            {
                Scale();
            }

            Panels panels = _panels ??= new Panels();
            for (int column = 0; column < N; column += ColumnBlock)
            {
                int columns = Math.Min(ColumnBlock, N - column);
                for (int inner = 0; inner < K; inner += DepthBlock)
                {
                    int depth = Math.Min(DepthBlock, K - inner);
                    bool add = Beta != 0 || inner > 0;
                    PackB(TransposeB ? B.At(column, inner) : B.At(inner, column), columns, depth, panels);
                    for (int row = 0; row < M; row += RowBlock)
                    {
                        int rows = Math.Min(RowBlock, M - row);
                        Packing.Pack(A + (TransposeA ? ((long)inner * Lda) + row : ((long)row * Lda) + inner), Lda, !TransposeA, rows, depth, Tile.Rows, Alpha, panels.A);
                        Tiles(rows, columns, depth, panels, C + ((long)row * Ldc) + column, add);
                    }
                }
            }
        }

        private void PackB(GemmOperand block, int columns, int depth, Panels panels)
        {
            if (block.Storage == WeightStorage.F32)
            {
                Packing.Pack((float*)block.Start, block.Stride, TransposeB, columns, depth, Tile.Columns, 1, panels.B);
            }
            else
            {
                Packing.Widen(block, TransposeB, columns, depth, Tile.Columns, panels.Lanes, panels.B);
            }
        }

        private void Scale()
        {
            for (int i = 0; i < M; i++)
            {
                foreach (ref float value in new Span<float>(C + ((long)i * Ldc), N))
                {
                    value = Beta == 0 ? 0 : value * Beta;
                }
            }
        }

        private void Tiles(int rows, int columns, int depth, Panels panels, float* c, bool add)
        {
            for (int column = 0; column < columns; column += Tile.Columns)
            {
                float* b = panels.B + ((long)column * depth);
                int width = Math.Min(Tile.Columns, columns - column);
                for (int row = 0; row < rows; row += Tile.Rows)
                {
                    float* a = panels.A + ((long)row * depth);
                    float* to = c + ((long)row * Ldc) + column;
                    int height = Math.Min(Tile.Rows, rows - row);
                    if (width == Tile.Columns && height == Tile.Rows)
                    {
                        Tile.Multiply(depth, a, b, to, Ldc, add);
                        continue;
                    }

                    // An edge tile is computed whole beside C, and only its part inside C is kept.
                    Tile.Multiply(depth, a, b, panels.Edge, Tile.Columns, add: false);
                    Keep(panels.Edge, to, height, width, add);
                }
            }
        }

        private void Keep(float* edge, float* to, int height, int width, bool add)
        {
            for (int r = 0; r < height; r++)
            {
                float* from = edge + (r * Tile.Columns);
                float* row = to + ((long)r * Ldc);
                for (int q = 0; q < width; q++)
                {
                    row[q] = add ? row[q] + from[q] : from[q];
                }
            }
        }
    }

    /// <summary>One thread's packed panels.</summary>
    private sealed class Panels
    {
        public readonly float* A = Allocate(DepthBlock * (RowBlock + GemmTile.MostRows));
        public readonly float* B = Allocate(DepthBlock * (ColumnBlock + GemmTile.MostColumns));
        public readonly float* Lanes = Allocate(DepthBlock * Packing.LanesAtOnce);
        public readonly float* Edge = Allocate(GemmTile.MostElements);

#pragma warning disable MA0055 // owns unmanaged memory for the life of its thread
        ~Panels()
        {
            NativeMemory.AlignedFree(A);
            NativeMemory.AlignedFree(B);
            NativeMemory.AlignedFree(Lanes);
            NativeMemory.AlignedFree(Edge);
        }
#pragma warning restore MA0055

        private static float* Allocate(int count) => (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
    }
}
