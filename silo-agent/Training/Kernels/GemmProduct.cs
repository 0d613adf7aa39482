// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>C = Σ alpha·op(A)·op(B) + beta·C, block by block: blocks of depth whose columns of B are packed once, for all threads, and blocks of rows of A.</summary>
internal readonly unsafe struct GemmProduct
{
    // A product as narrow reads A so few times, and one as low reads B so few times, that copying them costs more than it saves.
    private const int FewColumns = 64;
    private const int FewRows = 48;

    // Rows of tiles that one thread takes at least.
    private const int FewestTiles = 4;

    // Elements of B below which waking a thread costs more than packing them.
    private const int WorthPackingTogether = 32_768;

    public required GemmTile Tile { get; init; }

    public required int M { get; init; }

    public required int N { get; init; }

    public required GemmTerm* Terms { get; init; }

    public required int Count { get; init; }

    public required float Beta { get; init; }

    public required float* C { get; init; }

    public required int Ldc { get; init; }

    /// <summary>Whether it is Cᵀ whose rows and columns these are.</summary>
    public bool IsTransposed { get; init; }

    private long RowStride => IsTransposed ? 1 : Ldc;

    private long ColumnStride => IsTransposed ? Ldc : 1;

    /// <summary>Computes, with rows shared among threads, or columns where they are more.</summary>
    public void Compute(int threads)
    {
        if (threads <= 1 || M >= N)
        {
            Compute(0, N, threads);
            return;
        }

        int share = (((N + threads - 1) / threads) + Tile.Columns - 1) / Tile.Columns * Tile.Columns;
        Workers.Rows((N + share - 1) / share, threads, new ColumnShares(this, share));
    }

    private void Compute(int first, int end, int threads)
    {
        int depth = 0;
        for (int i = 0; i < Count; i++)
        {
            depth += Terms[i].K;
        }

        if (Beta is not (0 or 1) || depth == 0)
        {
            Scale(first, end);
        }

        // Blocks of nearly the same depth, so that none is so short that reading C costs more than its products.
        int blocks = Math.Max(1, (depth + GemmPanels.MostDepth - 1) / GemmPanels.MostDepth);
        int most = (depth + blocks - 1) / blocks;
        GemmPiece* pieces = stackalloc GemmPiece[GemmPiece.Most];
        for (int column = first; column < end; column += GemmPanels.ColumnBlock)
        {
            int columns = Math.Min(GemmPanels.ColumnBlock, end - column);
            (int term, int inner) = (0, 0);
            for (bool add = Beta != 0; Take(ref term, ref inner, most, pieces) is int count and > 0; add = true)
            {
                for (int i = 0; i < count; i++)
                {
                    pieces[i].B = SideB(ref pieces[i], column, columns, threads);
                }

                Rows(new Block(this, pieces, count, column, columns, add), threads);
            }
        }
    }

    // The next block's pieces of terms, and how many.
    private int Take(ref int term, ref int inner, int most, GemmPiece* pieces)
    {
        int count = 0;
        for (int before = 0; term < Count && count < GemmPiece.Most && before < most;)
        {
            int depth = Math.Min(Terms[term].K - inner, most - before);
            if (depth > 0)
            {
                pieces[count++] = new GemmPiece { Term = Terms[term], Inner = inner, Depth = depth, Before = before };
            }

            before += depth;
            inner += depth;
            if (inner == Terms[term].K)
            {
                (term, inner) = (term + 1, 0);
            }
        }

        return count;
    }

    private void Rows(Block block, int threads)
    {
        if (threads <= 1)
        {
            block.Compute(0, M);
            return;
        }

        Workers.Ranges((M + Tile.Rows - 1) / Tile.Rows, threads, new RowTiles(block), FewestTiles);
    }

    // B takes alpha, so that A may be read where it lies; of Cᵀ, B is A. What is read only a few times is not worth packing.
    private GemmSide SideB(ref GemmPiece piece, int column, int columns, int threads)
    {
        GemmOperand block = piece.Term.ColumnsOfB(column, piece.Inner);
        float scale = IsTransposed ? 1 : piece.Term.Alpha;
        int width = Tile.Columns;
        int panels = (columns + width - 1) / width;
        float* to = GemmPanels.Own.B + ((long)piece.Before * panels * width);
        bool transposed = piece.Term.TransposeB;
        if (block.Storage == WeightStorage.F32 && scale == 1 && !transposed && M <= FewRows)
        {
            return GemmSide.InPlace((float*)block.Start, block.Stride, lanesAreRows: false, columns, piece.Depth, width, to);
        }

        Workers.Rows(panels, columns * piece.Depth < WorthPackingTogether ? 1 : threads, new PackedPanels(block, transposed, columns, piece.Depth, width, scale, to));
        return GemmSide.Packed(to, piece.Depth, width);
    }

    private void Scale(int first, int end)
    {
        for (int i = 0; i < M; i++)
        {
            for (int j = first; j < end; j++)
            {
                float* value = C + (i * RowStride) + (j * ColumnStride);
                *value = Beta == 0 ? 0 : *value * Beta;
            }
        }
    }

    private readonly struct ColumnShares(GemmProduct product, int share) : IRowJob
    {
        public void Row(int i) => product.Compute(i * share, Math.Min(product.N, (i + 1) * share), 1);
    }

    private readonly struct RowTiles(Block block) : IRangeJob
    {
        public void Range(int start, int end) => block.Compute(start * block.Product.Tile.Rows, Math.Min(block.Product.M, end * block.Product.Tile.Rows));
    }

    /// <summary>Panels of B.</summary>
    private readonly struct PackedPanels(GemmOperand block, bool transposed, int columns, int depth, int width, float scale, float* panels) : IRowJob
    {
        public void Row(int i)
        {
            int first = i * width;
            int count = Math.Min(width, columns - first);
            float* to = panels + ((long)first * depth);
            GemmOperand part = transposed ? block.At(first, 0) : block.At(0, first);
            if (block.Storage == WeightStorage.F32)
            {
                Packing.Pack((float*)part.Start, part.Stride, transposed, count, depth, width, scale, to);
                return;
            }

            Packing.Widen(part, transposed, count, depth, width, GemmPanels.Own.Lanes, to);
            if (scale != 1)
            {
                Ops.Scale(to, scale, width * depth);
            }
        }
    }

    /// <summary>A block of columns and of depth.</summary>
    private readonly struct Block(GemmProduct product, GemmPiece* pieces, int count, int column, int columns, bool add)
    {
        public GemmProduct Product { get; } = product;

        public void Compute(int start, int end)
        {
            GemmPanels own = GemmPanels.Own;
            GemmSide* a = stackalloc GemmSide[GemmPiece.Most];
            for (int row = start; row < end; row += GemmPanels.RowBlock)
            {
                int rows = Math.Min(GemmPanels.RowBlock, end - row);
                for (int i = 0; i < count; i++)
                {
                    a[i] = SideA(pieces[i], row, rows, own.A);
                }

                GemmTiles tiles = new()
                {
                    Tile = Product.Tile,
                    Pieces = pieces,
                    Count = count,
                    A = a,
                    C = Product.C + (row * Product.RowStride) + (column * Product.ColumnStride),
                    RowStride = Product.RowStride,
                    ColumnStride = Product.ColumnStride,
                    Add = add,
                    Edge = own.Edge,
                };
                tiles.Compute(rows, columns, row + rows, Math.Min(end, row + rows + GemmPanels.RowBlock));
            }
        }

        private GemmSide SideA(in GemmPiece piece, int row, int rows, float* panels)
        {
            GemmTerm term = piece.Term;
            float scale = Product.IsTransposed ? term.Alpha : 1;
            int width = Product.Tile.Rows;
            float* from = term.RowsOfA(row, piece.Inner);
            float* to = panels + ((long)piece.Before * ((rows + width - 1) / width * width));
            if (scale == 1 && Product.N <= FewColumns)
            {
                return GemmSide.InPlace(from, term.Lda, !term.TransposeA, rows, piece.Depth, width, to);
            }

            Packing.Pack(from, term.Lda, !term.TransposeA, rows, piece.Depth, width, scale, to);
            return GemmSide.Packed(to, piece.Depth, width);
        }
    }
}
