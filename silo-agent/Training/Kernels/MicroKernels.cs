// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedCloud.Training.Kernels;

/// <summary>The innermost loops of the matrix product: a tile C = Σ A·B or C += Σ A·B over the terms of a sum, with every accumulator in a register.</summary>
/// <remarks>
/// Element (i, k) of a term's A lies at a[i · row + k · step], element (k, j) of its B at b[k · columns + j]: in a packed panel, or where the matrix itself lies.
/// The wide tiles ask for what comes next, element by element, in the shade of the multiplications.
/// Written out, because a loop over accumulators would put them into memory.
/// </remarks>
internal static unsafe partial class MicroKernels
{
    /// <summary>A tile of 12 rows and 32 columns in 24 registers of 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile12X32(TileTerm* terms, int count, float* c, int stride, bool add)
    {
        Vector512<float> c0x0 = Vector512<float>.Zero;
        Vector512<float> c0x1 = Vector512<float>.Zero;
        Vector512<float> c1x0 = Vector512<float>.Zero;
        Vector512<float> c1x1 = Vector512<float>.Zero;
        Vector512<float> c2x0 = Vector512<float>.Zero;
        Vector512<float> c2x1 = Vector512<float>.Zero;
        Vector512<float> c3x0 = Vector512<float>.Zero;
        Vector512<float> c3x1 = Vector512<float>.Zero;
        Vector512<float> c4x0 = Vector512<float>.Zero;
        Vector512<float> c4x1 = Vector512<float>.Zero;
        Vector512<float> c5x0 = Vector512<float>.Zero;
        Vector512<float> c5x1 = Vector512<float>.Zero;
        Vector512<float> c6x0 = Vector512<float>.Zero;
        Vector512<float> c6x1 = Vector512<float>.Zero;
        Vector512<float> c7x0 = Vector512<float>.Zero;
        Vector512<float> c7x1 = Vector512<float>.Zero;
        Vector512<float> c8x0 = Vector512<float>.Zero;
        Vector512<float> c8x1 = Vector512<float>.Zero;
        Vector512<float> c9x0 = Vector512<float>.Zero;
        Vector512<float> c9x1 = Vector512<float>.Zero;
        Vector512<float> c10x0 = Vector512<float>.Zero;
        Vector512<float> c10x1 = Vector512<float>.Zero;
        Vector512<float> c11x0 = Vector512<float>.Zero;
        Vector512<float> c11x1 = Vector512<float>.Zero;
        for (TileTerm* term = terms; term < terms + count; term++)
        {
            float* a = term->A;
            nint row = term->Row;
            nint step = term->Step;
            float* b = term->B;
            nint columns = term->Columns;
            int depth = term->Depth;
            float* soon = term->Soon;
            nint soonStep = term->SoonStep;
            nint row2 = 2 * row;
            float* a3 = a + (3 * row);
            float* a6 = a + (6 * row);
            float* a9 = a + (9 * row);
            for (int k = 0; k < depth; k++)
            {
                Sse.Prefetch1(soon);
                Sse.Prefetch1(soon + 16);
                Vector512<float> b0 = Vector512.Load(b);
                Vector512<float> b1 = Vector512.Load(b + 16);
                Vector512<float> x0 = Vector512.Create(a[0]);
                c0x0 = Vector512.FusedMultiplyAdd(x0, b0, c0x0);
                c0x1 = Vector512.FusedMultiplyAdd(x0, b1, c0x1);
                Vector512<float> x1 = Vector512.Create(a[row]);
                c1x0 = Vector512.FusedMultiplyAdd(x1, b0, c1x0);
                c1x1 = Vector512.FusedMultiplyAdd(x1, b1, c1x1);
                Vector512<float> x2 = Vector512.Create(a[row2]);
                c2x0 = Vector512.FusedMultiplyAdd(x2, b0, c2x0);
                c2x1 = Vector512.FusedMultiplyAdd(x2, b1, c2x1);
                Vector512<float> x3 = Vector512.Create(a3[0]);
                c3x0 = Vector512.FusedMultiplyAdd(x3, b0, c3x0);
                c3x1 = Vector512.FusedMultiplyAdd(x3, b1, c3x1);
                Vector512<float> x4 = Vector512.Create(a3[row]);
                c4x0 = Vector512.FusedMultiplyAdd(x4, b0, c4x0);
                c4x1 = Vector512.FusedMultiplyAdd(x4, b1, c4x1);
                Vector512<float> x5 = Vector512.Create(a3[row2]);
                c5x0 = Vector512.FusedMultiplyAdd(x5, b0, c5x0);
                c5x1 = Vector512.FusedMultiplyAdd(x5, b1, c5x1);
                Vector512<float> x6 = Vector512.Create(a6[0]);
                c6x0 = Vector512.FusedMultiplyAdd(x6, b0, c6x0);
                c6x1 = Vector512.FusedMultiplyAdd(x6, b1, c6x1);
                Vector512<float> x7 = Vector512.Create(a6[row]);
                c7x0 = Vector512.FusedMultiplyAdd(x7, b0, c7x0);
                c7x1 = Vector512.FusedMultiplyAdd(x7, b1, c7x1);
                Vector512<float> x8 = Vector512.Create(a6[row2]);
                c8x0 = Vector512.FusedMultiplyAdd(x8, b0, c8x0);
                c8x1 = Vector512.FusedMultiplyAdd(x8, b1, c8x1);
                Vector512<float> x9 = Vector512.Create(a9[0]);
                c9x0 = Vector512.FusedMultiplyAdd(x9, b0, c9x0);
                c9x1 = Vector512.FusedMultiplyAdd(x9, b1, c9x1);
                Vector512<float> x10 = Vector512.Create(a9[row]);
                c10x0 = Vector512.FusedMultiplyAdd(x10, b0, c10x0);
                c10x1 = Vector512.FusedMultiplyAdd(x10, b1, c10x1);
                Vector512<float> x11 = Vector512.Create(a9[row2]);
                c11x0 = Vector512.FusedMultiplyAdd(x11, b0, c11x0);
                c11x1 = Vector512.FusedMultiplyAdd(x11, b1, c11x1);
                a += step;
                a3 += step;
                a6 += step;
                a9 += step;
                b += columns;
                soon += soonStep;
            }
        }

        if (add)
        {
            c0x0 += Vector512.Load(c);
            c0x1 += Vector512.Load(c + 16);
            c1x0 += Vector512.Load(c + (1 * stride));
            c1x1 += Vector512.Load(c + (1 * stride) + 16);
            c2x0 += Vector512.Load(c + (2 * stride));
            c2x1 += Vector512.Load(c + (2 * stride) + 16);
            c3x0 += Vector512.Load(c + (3 * stride));
            c3x1 += Vector512.Load(c + (3 * stride) + 16);
            c4x0 += Vector512.Load(c + (4 * stride));
            c4x1 += Vector512.Load(c + (4 * stride) + 16);
            c5x0 += Vector512.Load(c + (5 * stride));
            c5x1 += Vector512.Load(c + (5 * stride) + 16);
            c6x0 += Vector512.Load(c + (6 * stride));
            c6x1 += Vector512.Load(c + (6 * stride) + 16);
            c7x0 += Vector512.Load(c + (7 * stride));
            c7x1 += Vector512.Load(c + (7 * stride) + 16);
            c8x0 += Vector512.Load(c + (8 * stride));
            c8x1 += Vector512.Load(c + (8 * stride) + 16);
            c9x0 += Vector512.Load(c + (9 * stride));
            c9x1 += Vector512.Load(c + (9 * stride) + 16);
            c10x0 += Vector512.Load(c + (10 * stride));
            c10x1 += Vector512.Load(c + (10 * stride) + 16);
            c11x0 += Vector512.Load(c + (11 * stride));
            c11x1 += Vector512.Load(c + (11 * stride) + 16);
        }

        c0x0.Store(c);
        c0x1.Store(c + 16);
        c1x0.Store(c + (1 * stride));
        c1x1.Store(c + (1 * stride) + 16);
        c2x0.Store(c + (2 * stride));
        c2x1.Store(c + (2 * stride) + 16);
        c3x0.Store(c + (3 * stride));
        c3x1.Store(c + (3 * stride) + 16);
        c4x0.Store(c + (4 * stride));
        c4x1.Store(c + (4 * stride) + 16);
        c5x0.Store(c + (5 * stride));
        c5x1.Store(c + (5 * stride) + 16);
        c6x0.Store(c + (6 * stride));
        c6x1.Store(c + (6 * stride) + 16);
        c7x0.Store(c + (7 * stride));
        c7x1.Store(c + (7 * stride) + 16);
        c8x0.Store(c + (8 * stride));
        c8x1.Store(c + (8 * stride) + 16);
        c9x0.Store(c + (9 * stride));
        c9x1.Store(c + (9 * stride) + 16);
        c10x0.Store(c + (10 * stride));
        c10x1.Store(c + (10 * stride) + 16);
        c11x0.Store(c + (11 * stride));
        c11x1.Store(c + (11 * stride) + 16);
    }

    /// <summary>A tile of 6 rows and 16 columns in 12 registers of 256 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile6X16(TileTerm* terms, int count, float* c, int stride, bool add)
    {
        Vector256<float> c0x0 = Vector256<float>.Zero;
        Vector256<float> c0x1 = Vector256<float>.Zero;
        Vector256<float> c1x0 = Vector256<float>.Zero;
        Vector256<float> c1x1 = Vector256<float>.Zero;
        Vector256<float> c2x0 = Vector256<float>.Zero;
        Vector256<float> c2x1 = Vector256<float>.Zero;
        Vector256<float> c3x0 = Vector256<float>.Zero;
        Vector256<float> c3x1 = Vector256<float>.Zero;
        Vector256<float> c4x0 = Vector256<float>.Zero;
        Vector256<float> c4x1 = Vector256<float>.Zero;
        Vector256<float> c5x0 = Vector256<float>.Zero;
        Vector256<float> c5x1 = Vector256<float>.Zero;
        for (TileTerm* term = terms; term < terms + count; term++)
        {
            float* a = term->A;
            nint row = term->Row;
            nint step = term->Step;
            float* b = term->B;
            nint columns = term->Columns;
            int depth = term->Depth;
            float* soon = term->Soon;
            nint soonStep = term->SoonStep;
            nint row2 = 2 * row;
            float* a3 = a + (3 * row);
            for (int k = 0; k < depth; k++)
            {
                Sse.Prefetch1(soon);
                Vector256<float> b0 = Vector256.Load(b);
                Vector256<float> b1 = Vector256.Load(b + 8);
                Vector256<float> x0 = Vector256.Create(a[0]);
                c0x0 = Vector256.FusedMultiplyAdd(x0, b0, c0x0);
                c0x1 = Vector256.FusedMultiplyAdd(x0, b1, c0x1);
                Vector256<float> x1 = Vector256.Create(a[row]);
                c1x0 = Vector256.FusedMultiplyAdd(x1, b0, c1x0);
                c1x1 = Vector256.FusedMultiplyAdd(x1, b1, c1x1);
                Vector256<float> x2 = Vector256.Create(a[row2]);
                c2x0 = Vector256.FusedMultiplyAdd(x2, b0, c2x0);
                c2x1 = Vector256.FusedMultiplyAdd(x2, b1, c2x1);
                Vector256<float> x3 = Vector256.Create(a3[0]);
                c3x0 = Vector256.FusedMultiplyAdd(x3, b0, c3x0);
                c3x1 = Vector256.FusedMultiplyAdd(x3, b1, c3x1);
                Vector256<float> x4 = Vector256.Create(a3[row]);
                c4x0 = Vector256.FusedMultiplyAdd(x4, b0, c4x0);
                c4x1 = Vector256.FusedMultiplyAdd(x4, b1, c4x1);
                Vector256<float> x5 = Vector256.Create(a3[row2]);
                c5x0 = Vector256.FusedMultiplyAdd(x5, b0, c5x0);
                c5x1 = Vector256.FusedMultiplyAdd(x5, b1, c5x1);
                a += step;
                a3 += step;
                b += columns;
                soon += soonStep;
            }
        }

        if (add)
        {
            c0x0 += Vector256.Load(c);
            c0x1 += Vector256.Load(c + 8);
            c1x0 += Vector256.Load(c + (1 * stride));
            c1x1 += Vector256.Load(c + (1 * stride) + 8);
            c2x0 += Vector256.Load(c + (2 * stride));
            c2x1 += Vector256.Load(c + (2 * stride) + 8);
            c3x0 += Vector256.Load(c + (3 * stride));
            c3x1 += Vector256.Load(c + (3 * stride) + 8);
            c4x0 += Vector256.Load(c + (4 * stride));
            c4x1 += Vector256.Load(c + (4 * stride) + 8);
            c5x0 += Vector256.Load(c + (5 * stride));
            c5x1 += Vector256.Load(c + (5 * stride) + 8);
        }

        c0x0.Store(c);
        c0x1.Store(c + 8);
        c1x0.Store(c + (1 * stride));
        c1x1.Store(c + (1 * stride) + 8);
        c2x0.Store(c + (2 * stride));
        c2x1.Store(c + (2 * stride) + 8);
        c3x0.Store(c + (3 * stride));
        c3x1.Store(c + (3 * stride) + 8);
        c4x0.Store(c + (4 * stride));
        c4x1.Store(c + (4 * stride) + 8);
        c5x0.Store(c + (5 * stride));
        c5x1.Store(c + (5 * stride) + 8);
    }
}
