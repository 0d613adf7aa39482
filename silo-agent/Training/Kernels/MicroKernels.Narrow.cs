// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Training.Kernels;

/// <summary>The tiles for products as narrow as the rank of an adapter.</summary>
internal static unsafe partial class MicroKernels
{
    /// <summary>A tile of 12 rows and 8 columns in 12 registers of 256 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile12X8(TileTerm* terms, int count, float* c, int stride, bool add)
    {
        Vector256<float> c0x0 = Vector256<float>.Zero;
        Vector256<float> c1x0 = Vector256<float>.Zero;
        Vector256<float> c2x0 = Vector256<float>.Zero;
        Vector256<float> c3x0 = Vector256<float>.Zero;
        Vector256<float> c4x0 = Vector256<float>.Zero;
        Vector256<float> c5x0 = Vector256<float>.Zero;
        Vector256<float> c6x0 = Vector256<float>.Zero;
        Vector256<float> c7x0 = Vector256<float>.Zero;
        Vector256<float> c8x0 = Vector256<float>.Zero;
        Vector256<float> c9x0 = Vector256<float>.Zero;
        Vector256<float> c10x0 = Vector256<float>.Zero;
        Vector256<float> c11x0 = Vector256<float>.Zero;
        for (TileTerm* term = terms; term < terms + count; term++)
        {
            float* a = term->A;
            nint row = term->Row;
            nint step = term->Step;
            float* b = term->B;
            nint columns = term->Columns;
            int depth = term->Depth;
            nint row2 = 2 * row;
            float* a3 = a + (3 * row);
            float* a6 = a + (6 * row);
            float* a9 = a + (9 * row);
            for (int k = 0; k < depth; k++)
            {
                Vector256<float> b0 = Vector256.Load(b);
                Vector256<float> x0 = Vector256.Create(a[0]);
                c0x0 = Vector256.FusedMultiplyAdd(x0, b0, c0x0);
                Vector256<float> x1 = Vector256.Create(a[row]);
                c1x0 = Vector256.FusedMultiplyAdd(x1, b0, c1x0);
                Vector256<float> x2 = Vector256.Create(a[row2]);
                c2x0 = Vector256.FusedMultiplyAdd(x2, b0, c2x0);
                Vector256<float> x3 = Vector256.Create(a3[0]);
                c3x0 = Vector256.FusedMultiplyAdd(x3, b0, c3x0);
                Vector256<float> x4 = Vector256.Create(a3[row]);
                c4x0 = Vector256.FusedMultiplyAdd(x4, b0, c4x0);
                Vector256<float> x5 = Vector256.Create(a3[row2]);
                c5x0 = Vector256.FusedMultiplyAdd(x5, b0, c5x0);
                Vector256<float> x6 = Vector256.Create(a6[0]);
                c6x0 = Vector256.FusedMultiplyAdd(x6, b0, c6x0);
                Vector256<float> x7 = Vector256.Create(a6[row]);
                c7x0 = Vector256.FusedMultiplyAdd(x7, b0, c7x0);
                Vector256<float> x8 = Vector256.Create(a6[row2]);
                c8x0 = Vector256.FusedMultiplyAdd(x8, b0, c8x0);
                Vector256<float> x9 = Vector256.Create(a9[0]);
                c9x0 = Vector256.FusedMultiplyAdd(x9, b0, c9x0);
                Vector256<float> x10 = Vector256.Create(a9[row]);
                c10x0 = Vector256.FusedMultiplyAdd(x10, b0, c10x0);
                Vector256<float> x11 = Vector256.Create(a9[row2]);
                c11x0 = Vector256.FusedMultiplyAdd(x11, b0, c11x0);
                a += step;
                a3 += step;
                a6 += step;
                a9 += step;
                b += columns;
            }
        }

        if (add)
        {
            c0x0 += Vector256.Load(c);
            c1x0 += Vector256.Load(c + (1 * stride));
            c2x0 += Vector256.Load(c + (2 * stride));
            c3x0 += Vector256.Load(c + (3 * stride));
            c4x0 += Vector256.Load(c + (4 * stride));
            c5x0 += Vector256.Load(c + (5 * stride));
            c6x0 += Vector256.Load(c + (6 * stride));
            c7x0 += Vector256.Load(c + (7 * stride));
            c8x0 += Vector256.Load(c + (8 * stride));
            c9x0 += Vector256.Load(c + (9 * stride));
            c10x0 += Vector256.Load(c + (10 * stride));
            c11x0 += Vector256.Load(c + (11 * stride));
        }

        c0x0.Store(c);
        c1x0.Store(c + (1 * stride));
        c2x0.Store(c + (2 * stride));
        c3x0.Store(c + (3 * stride));
        c4x0.Store(c + (4 * stride));
        c5x0.Store(c + (5 * stride));
        c6x0.Store(c + (6 * stride));
        c7x0.Store(c + (7 * stride));
        c8x0.Store(c + (8 * stride));
        c9x0.Store(c + (9 * stride));
        c10x0.Store(c + (10 * stride));
        c11x0.Store(c + (11 * stride));
    }

    /// <summary>A tile of 8 rows and 8 columns in 8 registers of 256 bits, for rows whose elements share a set of the nearest cache: eight is what such a set holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile8X8(TileTerm* terms, int count, float* c, int stride, bool add)
    {
        Vector256<float> c0x0 = Vector256<float>.Zero;
        Vector256<float> c1x0 = Vector256<float>.Zero;
        Vector256<float> c2x0 = Vector256<float>.Zero;
        Vector256<float> c3x0 = Vector256<float>.Zero;
        Vector256<float> c4x0 = Vector256<float>.Zero;
        Vector256<float> c5x0 = Vector256<float>.Zero;
        Vector256<float> c6x0 = Vector256<float>.Zero;
        Vector256<float> c7x0 = Vector256<float>.Zero;
        for (TileTerm* term = terms; term < terms + count; term++)
        {
            float* a = term->A;
            nint row = term->Row;
            nint step = term->Step;
            float* b = term->B;
            nint columns = term->Columns;
            int depth = term->Depth;
            nint row2 = 2 * row;
            float* a3 = a + (3 * row);
            float* a6 = a + (6 * row);
            for (int k = 0; k < depth; k++)
            {
                Vector256<float> b0 = Vector256.Load(b);
                Vector256<float> x0 = Vector256.Create(a[0]);
                c0x0 = Vector256.FusedMultiplyAdd(x0, b0, c0x0);
                Vector256<float> x1 = Vector256.Create(a[row]);
                c1x0 = Vector256.FusedMultiplyAdd(x1, b0, c1x0);
                Vector256<float> x2 = Vector256.Create(a[row2]);
                c2x0 = Vector256.FusedMultiplyAdd(x2, b0, c2x0);
                Vector256<float> x3 = Vector256.Create(a3[0]);
                c3x0 = Vector256.FusedMultiplyAdd(x3, b0, c3x0);
                Vector256<float> x4 = Vector256.Create(a3[row]);
                c4x0 = Vector256.FusedMultiplyAdd(x4, b0, c4x0);
                Vector256<float> x5 = Vector256.Create(a3[row2]);
                c5x0 = Vector256.FusedMultiplyAdd(x5, b0, c5x0);
                Vector256<float> x6 = Vector256.Create(a6[0]);
                c6x0 = Vector256.FusedMultiplyAdd(x6, b0, c6x0);
                Vector256<float> x7 = Vector256.Create(a6[row]);
                c7x0 = Vector256.FusedMultiplyAdd(x7, b0, c7x0);
                a += step;
                a3 += step;
                a6 += step;
                b += columns;
            }
        }

        if (add)
        {
            c0x0 += Vector256.Load(c);
            c1x0 += Vector256.Load(c + (1 * stride));
            c2x0 += Vector256.Load(c + (2 * stride));
            c3x0 += Vector256.Load(c + (3 * stride));
            c4x0 += Vector256.Load(c + (4 * stride));
            c5x0 += Vector256.Load(c + (5 * stride));
            c6x0 += Vector256.Load(c + (6 * stride));
            c7x0 += Vector256.Load(c + (7 * stride));
        }

        c0x0.Store(c);
        c1x0.Store(c + (1 * stride));
        c2x0.Store(c + (2 * stride));
        c3x0.Store(c + (3 * stride));
        c4x0.Store(c + (4 * stride));
        c5x0.Store(c + (5 * stride));
        c6x0.Store(c + (6 * stride));
        c7x0.Store(c + (7 * stride));
    }
}
