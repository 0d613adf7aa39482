// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>One product of a sum of products: alpha·op(A)·op(B). It owns nothing.</summary>
/// <param name="transposeA">Whether A is stored (k, m).</param>
/// <param name="transposeB">Whether B is stored (n, k).</param>
/// <param name="k">The inner dimension.</param>
/// <param name="alpha">Scales the product.</param>
/// <param name="a">A, row-major.</param>
/// <param name="lda">The distance between rows of A, in elements.</param>
/// <param name="b">B, in any storage: the bits are those of the same product with B widened before.</param>
public readonly unsafe struct GemmTerm(bool transposeA, bool transposeB, int k, float alpha, float* a, int lda, GemmOperand b)
{
    internal bool TransposeA { get; } = transposeA;

    internal bool TransposeB { get; } = transposeB;

    internal int K { get; } = k;

    internal float Alpha { get; } = alpha;

    internal float* A { get; } = a;

    internal int Lda { get; } = lda;

    internal GemmOperand B { get; } = b;

    /// <summary>Whether the rows of A are so far apart that elements of a column share a set of the nearest cache, of 4 KiB a way.</summary>
    internal bool IsCrowded => !TransposeA && Lda % (4096 / sizeof(float)) == 0;

    /// <summary>op(B)ᵀ·op(A)ᵀ, the same product transposed, where B is of float32.</summary>
    internal GemmTerm Transposed() => new(!TransposeB, !TransposeA, K, Alpha, (float*)B.Start, B.Stride, new GemmOperand(A, Lda));

    /// <summary>The rows of op(A) from one on.</summary>
    internal float* RowsOfA(int row, int inner) => A + (TransposeA ? ((long)inner * Lda) + row : ((long)row * Lda) + inner);

    /// <summary>The columns of op(B) from one on.</summary>
    internal GemmOperand ColumnsOfB(int column, int inner) => TransposeB ? B.At(column, inner) : B.At(inner, column);
}
