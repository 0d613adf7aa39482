// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Attention with windows, caps and shared buffers against the formula, one query at a time in binary64.</summary>
public sealed unsafe class AttentionRowsTests
{
    private const int D = 4;
    private const int Heads = 4;
    private const int Groups = 2;

    [Theory]
    [InlineData(9, 3, 0)]
    [InlineData(48, 1, 0)]
    [InlineData(101, 48, 0)]
    [InlineData(101, 60, 1.5)]
    [InlineData(130, 5, 1.5)]
    [InlineData(101, int.MaxValue, 1.5)]
    public void Row_WindowAndCap_AgreeWithTheFormula(int length, int window, float cap)
    {
        const int Stride = (Heads + (2 * Groups)) * D; // queries, keys and values side by side
        using Matrix tokens = Random(length, Stride, 1);
        using Matrix logSums = new(Heads * length, 1);
        using Matrix attended = new(length, Heads * D);
        HeadShape shape = new(D, Heads, Groups) { QueryStride = Stride, KeyStride = Stride, Scale = 0.7f, Window = window, Cap = cap };
        float* q = tokens.P;
        float* k = q + (Heads * D);
        float* v = k + (Groups * D);

        int* starts = stackalloc int[] { 0, length };

        Workers.Ranges(Heads, 1, new AttentionRows(q, k, v, logSums.P, attended.P, starts, shape));

        for (int t = 0; t < length; t++)
        {
            for (int h = 0; h < Heads; h++)
            {
                float* query = q + (t * Stride) + (h * D);
                int first = window > t ? 0 : t + 1 - window;
                int pair = h / (Heads / Groups) * D;
                double[] scores = [.. Enumerable.Range(first, t + 1 - first).Select(s => Score(query, k + (s * Stride) + pair, cap))];
                double[] share = [.. scores.Select(score => Math.Exp(score - scores.Max()))];
                for (int i = 0; i < D; i++)
                {
                    double expected = share.Select((weight, s) => weight * v[((first + s) * Stride) + pair + i]).Sum() / share.Sum();
                    Assert.Equal(expected, attended.P[(t * Heads * D) + (h * D) + i], tolerance: 1e-5);
                }
            }
        }
    }

    private static double Score(float* query, float* key, double cap)
    {
        double score = 0;
        for (int i = 0; i < D; i++)
        {
            score += query[i] * key[i] * 0.7;
        }

        return cap > 0 ? cap * Math.Tanh(score / cap) : score;
    }

    internal static Matrix Random(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        foreach (ref float value in matrix.Span)
        {
            value = (float)((random.NextDouble() - 0.5) * 4);
        }

        return matrix;
    }
}
