// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What the rows of a batch are: b sequences of t rows each, of which the first <c>lengths[i]</c> are tokens and the others padding.</summary>
internal readonly unsafe struct Sequences(int b, int t, int* lengths)
{
    /// <summary>Sequences.</summary>
    public int B => b;

    /// <summary>Rows of each.</summary>
    public int T => t;

    /// <summary>All rows.</summary>
    public int N => b * t;

    /// <summary>Tokens of each sequence.</summary>
    public int* Lengths => lengths;
}
