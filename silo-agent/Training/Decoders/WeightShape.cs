// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What a weight is for.</summary>
internal enum WeightUse
{
    /// <summary>A matrix.</summary>
    Matrix,

    /// <summary>A matrix whose product is added to the residual stream.</summary>
    ResidualMatrix,

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
internal readonly record struct WeightShape(string Name, int Rows, int Columns, WeightUse Use)
{
    public bool IsVector => Use is WeightUse.NormScale or WeightUse.Bias;
}
