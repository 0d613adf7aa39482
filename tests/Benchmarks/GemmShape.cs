// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Benchmarks;

/// <summary>A matrix product to measure: op(A) is (m, k), op(B) is (k, n).</summary>
internal sealed record GemmShape(string Use, bool TransposeA, bool TransposeB, int M, int N, int K)
{
    /// <summary>Squares, the products of the training benchmark's model (2,048 tokens, width 384, rank 8), and odd sizes.</summary>
    public static IReadOnlyList<GemmShape> All { get; } =
    [
        new("square", false, false, 256, 256, 256),
        new("square", false, false, 512, 512, 512),
        new("square", false, false, 1024, 1024, 1024),
        new("y = x·Wᵀ, q and o", false, true, 2048, 384, 384),
        new("y = x·Wᵀ, k and v", false, true, 2048, 128, 384),
        new("y = x·Wᵀ, gate and up", false, true, 2048, 1024, 384),
        new("y = x·Wᵀ, down", false, true, 2048, 384, 1024),
        new("dx = dy·W, gate and up", false, false, 2048, 384, 1024),
        new("dW = dyᵀ·x, full training", true, false, 1024, 384, 2048),
        new("h = x·Aᵀ", false, true, 2048, 8, 384),
        new("y += h·Bᵀ", false, true, 2048, 1024, 8),
        new("dh = dy·B", false, false, 2048, 8, 1024),
        new("dx += dh·A", false, false, 2048, 384, 8),
        new("dB = dyᵀ·h", true, false, 1024, 8, 2048),
        new("dA = dhᵀ·x", true, false, 8, 384, 2048),
        new("scores, one head", false, true, 256, 256, 64),
        new("attended, one head", false, false, 256, 64, 256),
        new("odd", false, false, 333, 217, 129),
        new("odd", false, true, 1023, 769, 511),
    ];

    /// <summary>Multiplications and additions.</summary>
    public double Flops => 2.0 * M * N * K;

    /// <summary>Sizes, with ᵀ where an operand is stored the other way round.</summary>
    public string Sizes => $"{M}×{N}×{K} {(TransposeA ? "t" : "n")}{(TransposeB ? "t" : "n")}";
}
