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

    // A product as narrow reads A so few times, and one as low reads B so few times, that copying them costs more than it saves.
    private const int FewColumns = 64;
    private const int FewRows = 48;

    // A transposed A read where it lies costs a cache line for every row of B; with so few columns the other way round is faster.
    private const int VeryFewColumns = 24;

    /// <summary>The bytes that each thread packs into.</summary>
    internal const long PanelBytes = PanelElements * sizeof(float);

    [ThreadStatic]
    private static Panels? _panels;

    /// <summary>The most rows of a B that <see cref="Pack"/> takes.</summary>
    internal const int MostPackedDepth = DepthBlock;

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
        kernel ??= GemmKernel.Widest;
        GemmTile tile = kernel.Tile(n);
        Product product = new() { Tile = tile, TransposeA = transposeA, TransposeB = transposeB, M = m, N = n, K = k, Alpha = alpha, A = a, Lda = lda, B = b, Beta = beta, C = c, Ldc = ldc };
        if (transposeA && n <= VeryFewColumns && m > n && b.Storage == WeightStorage.F32)
        {
            tile = kernel.Tile(m);
            product = product.Transposed(tile);
            (m, n) = (n, m);
        }

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

    /// <summary>Packs op(B) for products with <see cref="MultiplyPacked"/>.</summary>
    /// <param name="transposeB">Whether B is stored (n, k).</param>
    /// <param name="n">Columns of op(B).</param>
    /// <param name="k">Its rows, at most <see cref="MostPackedDepth"/>.</param>
    /// <param name="alpha">Scales it.</param>
    /// <param name="b">B, row-major.</param>
    /// <param name="ldb">The distance between rows of B.</param>
    /// <param name="panels">Receives it, (k, <see cref="PackedColumns"/>) elements.</param>
    internal static void Pack(bool transposeB, int n, int k, float alpha, float* b, int ldb, float* panels)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, MostPackedDepth);
        Packing.Pack(b, ldb, transposeB, n, k, GemmKernel.Widest.WidestTile.Columns, alpha, panels);
    }

    /// <summary>The columns that <see cref="Pack"/> writes: n, and zeros up to a whole number of panels.</summary>
    internal static int PackedColumns(int n)
    {
        int width = GemmKernel.Widest.WidestTile.Columns;
        return (n + width - 1) / width * width;
    }

    /// <summary>The first column of the panel in which a column lies.</summary>
    internal static int PanelOf(int column) => column / GemmKernel.Widest.WidestTile.Columns * GemmKernel.Widest.WidestTile.Columns;

    /// <summary>C = A·B for columns of a packed B, on this thread.</summary>
    /// <param name="m">Rows of C.</param>
    /// <param name="first">The first column; a panel begins there.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">The inner dimension.</param>
    /// <param name="a">A, row-major, (m, k).</param>
    /// <param name="lda">The distance between rows of A.</param>
    /// <param name="panels">What <see cref="Pack"/> wrote.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="ldc">The distance between rows of C.</param>
    internal static void MultiplyPacked(int m, int first, int n, int k, float* a, int lda, float* panels, float* c, int ldc)
    {
        GemmTile tile = GemmKernel.Widest.WidestTile;
        Panels own = _panels ??= new Panels();
        float* b = panels + ((long)first * k);
        for (int row = 0; row < m; row += RowBlock)
        {
            int rows = Math.Min(RowBlock, m - row);
            Packing.Pack(a + ((long)row * lda), lda, true, rows, k, tile.Rows, 1, own.A);
            GemmTiles tiles = new() { Tile = tile, Depth = k, A = GemmSide.Packed(own.A, k, tile.Rows), B = GemmSide.Packed(b, k, tile.Columns), C = c + ((long)row * ldc), RowStride = ldc, ColumnStride = 1, Add = false, Edge = own.Edge };
            tiles.Compute(rows, n);
        }
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

        /// <summary>Whether it is Cᵀ whose rows and columns these are.</summary>
        public bool IsTransposed { get; init; }

        public Product Part(int start, int most)
        {
            int count = Math.Min(Math.Max(M, N) - start, most);
            return M >= N
                ? this with { M = count, A = A + (TransposeA ? start : (long)start * Lda), C = C + (start * RowStride) }
                : this with { N = count, B = TransposeB ? B.At(start, 0) : B.At(0, start), C = C + (start * ColumnStride) };
        }

        /// <summary>Cᵀ = op(B)ᵀ·op(A)ᵀ, the same product.</summary>
        public Product Transposed(GemmTile tile) => this with
        {
            Tile = tile,
            TransposeA = !TransposeB,
            TransposeB = !TransposeA,
            M = N,
            N = M,
            A = (float*)B.Start,
            Lda = B.Stride,
            B = new GemmOperand(A, Lda),
            IsTransposed = !IsTransposed,
        };

        private long RowStride => IsTransposed ? 1 : Ldc;

        private long ColumnStride => IsTransposed ? Ldc : 1;

        public void Compute()
        {
            if (Beta is not (0 or 1) || K == 0)
            {
                Scale();
            }

            // B takes alpha, in any storage, so that A may be read where it lies; of Cᵀ, B is A. What is read only a few times is not worth packing.
            (float ofA, float ofB) = IsTransposed ? (Alpha, 1f) : (1f, Alpha);
            bool packsA = ofA != 1 || N > FewColumns;
            bool packsB = ofB != 1 || TransposeB || M > FewRows;
            Panels panels = _panels ??= new Panels();
            for (int column = 0; column < N; column += ColumnBlock)
            {
                int columns = Math.Min(ColumnBlock, N - column);
                for (int inner = 0; inner < K; inner += DepthBlock)
                {
                    int depth = Math.Min(DepthBlock, K - inner);
                    GemmSide b = SideB(TransposeB ? B.At(column, inner) : B.At(inner, column), columns, depth, ofB, panels, packsB);
                    for (int row = 0; row < M; row += RowBlock)
                    {
                        int rows = Math.Min(RowBlock, M - row);
                        GemmTiles tiles = new()
                        {
                            Tile = Tile,
                            Depth = depth,
                            A = GemmSide.Of(A + (TransposeA ? ((long)inner * Lda) + row : ((long)row * Lda) + inner), Lda, !TransposeA, rows, depth, Tile.Rows, ofA, panels.A, packsA),
                            B = b,
                            C = C + (row * RowStride) + (column * ColumnStride),
                            RowStride = RowStride,
                            ColumnStride = ColumnStride,
                            Add = Beta != 0 || inner > 0,
                            Edge = panels.Edge,
                        };
                        tiles.Compute(rows, columns);
                    }
                }
            }
        }

        private GemmSide SideB(GemmOperand block, int columns, int depth, float scale, Panels panels, bool packs)
        {
            if (block.Storage == WeightStorage.F32)
            {
                return GemmSide.Of((float*)block.Start, block.Stride, TransposeB, columns, depth, Tile.Columns, scale, panels.B, packs);
            }

            Packing.Widen(block, TransposeB, columns, depth, Tile.Columns, panels.Lanes, panels.B);
            if (scale != 1)
            {
                int panelsOfB = (columns + Tile.Columns - 1) / Tile.Columns;
                Ops.Scale(panels.B, scale, panelsOfB * Tile.Columns * depth);
            }

            return GemmSide.Packed(panels.B, depth, Tile.Columns);
        }

        private void Scale()
        {
            for (int i = 0; i < M; i++)
            {
                for (int j = 0; j < N; j++)
                {
                    float* value = C + (i * RowStride) + (j * ColumnStride);
                    *value = Beta == 0 ? 0 : *value * Beta;
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
