// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Training.Kernels;

/// <summary>The tile for processors without wide vectors.</summary>
internal static unsafe partial class MicroKernels
{
    /// <summary>A tile of 4 rows and 8 columns in 8 registers of 128 bits; runs everywhere, and multiplies and adds apart where the processor cannot fuse them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile4X8(TileTerm* terms, int count, float* c, int stride, bool add)
    {
        Vector128<float> c0x0 = Vector128<float>.Zero;
        Vector128<float> c0x1 = Vector128<float>.Zero;
        Vector128<float> c1x0 = Vector128<float>.Zero;
        Vector128<float> c1x1 = Vector128<float>.Zero;
        Vector128<float> c2x0 = Vector128<float>.Zero;
        Vector128<float> c2x1 = Vector128<float>.Zero;
        Vector128<float> c3x0 = Vector128<float>.Zero;
        Vector128<float> c3x1 = Vector128<float>.Zero;
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
            for (int k = 0; k < depth; k++)
            {
                Vector128<float> b0 = Vector128.Load(b);
                Vector128<float> b1 = Vector128.Load(b + 4);
                Vector128<float> x0 = Vector128.Create(a[0]);
                c0x0 = Vector128.MultiplyAddEstimate(x0, b0, c0x0);
                c0x1 = Vector128.MultiplyAddEstimate(x0, b1, c0x1);
                Vector128<float> x1 = Vector128.Create(a[row]);
                c1x0 = Vector128.MultiplyAddEstimate(x1, b0, c1x0);
                c1x1 = Vector128.MultiplyAddEstimate(x1, b1, c1x1);
                Vector128<float> x2 = Vector128.Create(a[row2]);
                c2x0 = Vector128.MultiplyAddEstimate(x2, b0, c2x0);
                c2x1 = Vector128.MultiplyAddEstimate(x2, b1, c2x1);
                Vector128<float> x3 = Vector128.Create(a3[0]);
                c3x0 = Vector128.MultiplyAddEstimate(x3, b0, c3x0);
                c3x1 = Vector128.MultiplyAddEstimate(x3, b1, c3x1);
                a += step;
                a3 += step;
                b += columns;
            }
        }

        if (add)
        {
            c0x0 += Vector128.Load(c);
            c0x1 += Vector128.Load(c + 4);
            c1x0 += Vector128.Load(c + (1 * stride));
            c1x1 += Vector128.Load(c + (1 * stride) + 4);
            c2x0 += Vector128.Load(c + (2 * stride));
            c2x1 += Vector128.Load(c + (2 * stride) + 4);
            c3x0 += Vector128.Load(c + (3 * stride));
            c3x1 += Vector128.Load(c + (3 * stride) + 4);
        }

        c0x0.Store(c);
        c0x1.Store(c + 4);
        c1x0.Store(c + (1 * stride));
        c1x1.Store(c + (1 * stride) + 4);
        c2x0.Store(c + (2 * stride));
        c2x1.Store(c + (2 * stride) + 4);
        c3x0.Store(c + (3 * stride));
        c3x1.Store(c + (3 * stride) + 4);
    }
}
