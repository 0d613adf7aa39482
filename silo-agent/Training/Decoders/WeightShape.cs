// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What a weight is for.</summary>
internal enum WeightUse
{
    /// <summary>A matrix.</summary>
    Matrix,

    /// <summary>A matrix whose product is added to the residual stream.</summary>
    ResidualMatrix,

    /// <summary>What learned positions add.</summary>
    Positions,

    /// <summary>A norm's factors.</summary>
    NormScale,

    /// <summary>Something that is added.</summary>
    Bias,
}

/// <summary>A weight that a model needs.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Rows">Its rows; 1 for vectors.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="Use">What it is for.</param>
/// <param name="IsInOut">Whether its outputs are its columns, as in GPT-2's linear layers, and not its rows.</param>
internal readonly record struct WeightShape(string Name, int Rows, int Columns, WeightUse Use, bool IsInOut = false)
{
    public bool IsVector => Use is WeightUse.NormScale or WeightUse.Bias;

    /// <summary>Whether it may be stored in less than float32: what takes part in products, and the embedding of tokens.</summary>
    public bool IsCompactible => Use is WeightUse.Matrix or WeightUse.ResidualMatrix;
}
