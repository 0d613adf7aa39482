// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>A weight and, while it trains, its gradient.</summary>
/// <param name="name">Its name in the checkpoint.</param>
/// <param name="value">The weight.</param>
/// <param name="isVector">Whether the checkpoint has it as (columns) and not as (1, columns).</param>
public sealed class Parameter(string name, Matrix value, bool isVector = false) : IDisposable
{
    /// <summary>Its name in the checkpoint or, for adapters, as PEFT writes it.</summary>
    public string Name { get; } = name;

    /// <summary>The weight.</summary>
    public Matrix Value { get; } = value;

    /// <summary>Its shape in a checkpoint.</summary>
    public IReadOnlyList<long> Shape => isVector ? [Value.Columns] : [Value.Rows, Value.Columns];

    /// <summary>The gradient, summed over backward passes; null while the weight is frozen.</summary>
    public Matrix? Gradient { get; private set; }

    /// <summary>Where a backward pass puts each example's own gradient instead; null while it sums them.</summary>
    internal ExampleSlice? Examples { get; set; }

    /// <summary>Makes the weight train.</summary>
    public void Train() => Gradient ??= new Matrix(Value.Rows, Value.Columns);

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        Gradient?.Dispose();
    }
}
