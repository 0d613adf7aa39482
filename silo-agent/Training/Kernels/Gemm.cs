// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>Single-precision matrix product C = alpha·op(A)·op(B) + beta·C, packed and tiled (Goto and van de Geijn 2008).</summary>
/// <remarks>Each element of C is summed in one fixed order, so results do not depend on the number of threads or the width of the tile.</remarks>
public static unsafe class Gemm
{
    private const long WorthSplitting = 400_000;

    // A transposed A read where it lies costs a cache line for every row of B; with so few columns the other way round is faster.
    private const int VeryFewColumns = 24;

    /// <summary>The bytes that each thread packs into.</summary>
    internal const long PanelBytes = GemmPanels.Bytes;

    /// <summary>The most rows of a B that <see cref="Pack"/> takes.</summary>
    internal const int MostPackedDepth = GemmPanels.MostDepth;

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
        Multiply(m, n, [new GemmTerm(transposeA, transposeB, k, alpha, a, lda, new GemmOperand(b, ldb))], beta, c, ldc, threads, kernel);

    /// <summary>C = Σ alpha·op(A)·op(B) + beta·C: what a sum costs more than one product of all its depth is nothing.</summary>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="terms">The products.</param>
    /// <param name="beta">Scales C before; 0 overwrites.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="ldc">The distance between rows of C.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="kernel">The kernel; the widest that this processor has when null.</param>
    public static void Multiply(int m, int n, ReadOnlySpan<GemmTerm> terms, float beta, float* c, int ldc, int threads = 1, GemmKernel? kernel = null)
    {
        kernel ??= GemmKernel.Widest;
        bool turns = terms is [{ TransposeA: true, B.Storage: WeightStorage.F32 }] && n <= VeryFewColumns && m > n;
        GemmTerm turned = turns ? terms[0].Transposed() : default;
        fixed (GemmTerm* first = terms)
        {
            GemmProduct product = turns
                ? new() { Tile = kernel.Tile(m), M = n, N = m, Terms = &turned, Count = 1, Beta = beta, C = c, Ldc = ldc, IsTransposed = true }
                : new() { Tile = kernel.Tile(n, terms.Length > 0 && terms[0].IsCrowded), M = m, N = n, Terms = first, Count = terms.Length, Beta = beta, C = c, Ldc = ldc };
            long products = 0;
            foreach (GemmTerm term in terms)
            {
                products += (long)m * n * term.K;
            }

            product.Compute(products < WorthSplitting ? 1 : threads);
        }
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
        GemmPanels own = GemmPanels.Own;
        GemmPiece piece = new() { Depth = k, B = GemmSide.Packed(panels + ((long)first * k), k, tile.Columns) };
        for (int row = 0; row < m; row += GemmPanels.RowBlock)
        {
            int rows = Math.Min(GemmPanels.RowBlock, m - row);
            Packing.Pack(a + ((long)row * lda), lda, true, rows, k, tile.Rows, 1, own.A);
            GemmSide side = GemmSide.Packed(own.A, k, tile.Rows);
            GemmTiles tiles = new() { Tile = tile, Pieces = &piece, Count = 1, A = &side, C = c + ((long)row * ldc), RowStride = ldc, ColumnStride = 1, Add = false, Edge = own.Edge };
            tiles.Compute(rows, n);
        }
    }
}
