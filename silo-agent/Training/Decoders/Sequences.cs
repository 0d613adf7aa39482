// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What the rows of a batch are: sequences of any lengths, end to end, without padding.</summary>
/// <param name="b">How many.</param>
/// <param name="starts">The first row of each, and behind the last the number of rows, (B + 1).</param>
/// <param name="positions">The position of each row in its sequence, (N).</param>
internal readonly unsafe struct Sequences(int b, int* starts, int* positions)
{
    /// <summary>Sequences.</summary>
    public int B => b;

    /// <summary>All rows.</summary>
    public int N => starts[b];

    /// <summary>The first row of each, and behind the last the number of rows.</summary>
    public int* Starts => starts;

    /// <summary>The position of each row in its sequence.</summary>
    public int* Positions => positions;

    /// <summary>The rows of one.</summary>
    public int Length(int sequence) => starts[sequence + 1] - starts[sequence];
}
