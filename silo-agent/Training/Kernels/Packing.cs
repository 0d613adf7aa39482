// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedCloud.Training.Kernels;

/// <summary>Copies blocks of A and B into panels that the kernels read from end to end: (depth, rows) for A, (depth, columns) for B.</summary>
/// <remarks>Hot from the first step on, so compiled once and well, not in tiers. A panel's lanes beyond the matrix are zero.</remarks>
internal static unsafe class Packing
{
    /// <summary>How many lanes are widened before they are packed.</summary>
    public const int LanesAtOnce = 4;

    /// <summary>Packs lanes of a matrix: panels of <paramref name="width"/> lanes, one after the other, each (depth, width), scaled.</summary>
    /// <param name="source">The block's first element.</param>
    /// <param name="stride">The distance between rows of the matrix.</param>
    /// <param name="lanesAreRows">Whether a lane is a row of the matrix, as for op(A) = A and op(B) = Bᵀ; else it is a column.</param>
    /// <param name="lanes">How many lanes the block has.</param>
    /// <param name="depth">The elements of a lane.</param>
    /// <param name="width">Lanes of a panel.</param>
    /// <param name="scale">Scales the elements.</param>
    /// <param name="panels">Where to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* source, int stride, bool lanesAreRows, int lanes, int depth, int width, float scale, float* panels)
    {
        Vector128<float> scales = Vector128.Create(scale);
        for (int lane = 0; lane < lanes; lane += width)
        {
            float* panel = panels + ((long)lane * depth);
            int count = Math.Min(width, lanes - lane);
            if (count < width)
            {
                new Span<float>(panel, depth * width).Clear();
            }

            if (lanesAreRows)
            {
                Rows(source + ((long)lane * stride), stride, count, depth, width, scales, panel);
            }
            else
            {
                Columns(source + lane, stride, count, depth, width, scales, panel);
            }
        }
    }

    /// <summary>Packs lanes of a matrix that is not stored as float32; what it makes of each number is what <see cref="Widening"/> does.</summary>
    /// <param name="source">The block.</param>
    /// <param name="lanesAreRows">Whether a lane is a row of the matrix; else it is a column.</param>
    /// <param name="lanes">How many lanes the block has.</param>
    /// <param name="depth">The elements of a lane.</param>
    /// <param name="width">Lanes of a panel.</param>
    /// <param name="widened">Room for <see cref="LanesAtOnce"/> lanes.</param>
    /// <param name="panels">Where to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(GemmOperand source, bool lanesAreRows, int lanes, int depth, int width, float* widened, float* panels)
    {
        for (int lane = 0; lane < lanes; lane += width)
        {
            float* panel = panels + ((long)lane * depth);
            int count = Math.Min(width, lanes - lane);
            if (count < width)
            {
                new Span<float>(panel, depth * width).Clear();
            }

            if (lanesAreRows)
            {
                for (int first = 0; first < count; first += LanesAtOnce)
                {
                    int some = Math.Min(LanesAtOnce, count - first);
                    for (int i = 0; i < some; i++)
                    {
                        source.WidenRow(lane + first + i, depth, widened + ((long)i * depth));
                    }

                    Rows(widened, depth, some, depth, width, Vector128<float>.One, panel + first);
                }

                continue;
            }

            GemmOperand columns = source.At(0, lane);
            for (int i = 0; i < depth; i++)
            {
                columns.WidenRow(i, count, panel + ((long)i * width));
            }
        }
    }

    // Four lanes at a time, and of them four elements at a time: a square to transpose.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(float* source, int stride, int count, int depth, int width, Vector128<float> scale, float* panel)
    {
        int lane = 0;
        for (; lane + 4 <= count; lane += 4)
        {
            float* p0 = source + ((long)lane * stride);
            float* p1 = p0 + stride;
            float* p2 = p1 + stride;
            float* p3 = p2 + stride;
            float* to = panel + lane;
            int i = 0;
            if (Sse.IsSupported)
            {
                for (; i + 4 <= depth; i += 4)
                {
                    Vector128<float> r0 = Vector128.Load(p0 + i) * scale;
                    Vector128<float> r1 = Vector128.Load(p1 + i) * scale;
                    Vector128<float> r2 = Vector128.Load(p2 + i) * scale;
                    Vector128<float> r3 = Vector128.Load(p3 + i) * scale;
                    Vector128<float> low01 = Sse.UnpackLow(r0, r1);
                    Vector128<float> low23 = Sse.UnpackLow(r2, r3);
                    Vector128<float> high01 = Sse.UnpackHigh(r0, r1);
                    Vector128<float> high23 = Sse.UnpackHigh(r2, r3);
                    Sse.MoveLowToHigh(low01, low23).Store(to);
                    Sse.MoveHighToLow(low23, low01).Store(to + width);
                    Sse.MoveLowToHigh(high01, high23).Store(to + (2 * width));
                    Sse.MoveHighToLow(high23, high01).Store(to + (3 * width));
                    to += 4 * width;
                }
            }

            for (; i < depth; i++)
            {
                (Vector128.Create(p0[i], p1[i], p2[i], p3[i]) * scale).Store(to);
                to += width;
            }
        }

        for (; lane < count; lane++)
        {
            float* from = source + ((long)lane * stride);
            for (int i = 0; i < depth; i++)
            {
                panel[lane + ((long)i * width)] = from[i] * scale.ToScalar();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns(float* source, int stride, int count, int depth, int width, Vector128<float> scale, float* panel)
    {
        for (int i = 0; i < depth; i++)
        {
            float* from = source + ((long)i * stride);
            float* to = panel + ((long)i * width);
            int lane = 0;
            for (; lane + 4 <= count; lane += 4)
            {
                (Vector128.Load(from + lane) * scale).Store(to + lane);
            }

            for (; lane < count; lane++)
            {
                to[lane] = from[lane] * scale.ToScalar();
            }
        }
    }
}
