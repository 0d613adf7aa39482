// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>The part of a term that one block of depth takes.</summary>
internal unsafe struct GemmPiece
{
    /// <summary>The most pieces of a block.</summary>
    public const int Most = 8;

    public GemmTerm Term;

    /// <summary>Where it begins in the term's inner dimension.</summary>
    public int Inner;

    /// <summary>How much of that dimension it is.</summary>
    public int Depth;

    /// <summary>The depth of the pieces before it in the block.</summary>
    public int Before;

    /// <summary>Its columns of B, packed or where they lie.</summary>
    public GemmSide B;
}
