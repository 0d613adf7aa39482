// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Llama;

/// <summary>A weight and, while it trains, its gradient.</summary>
/// <param name="name">Its name in the checkpoint.</param>
/// <param name="value">The weight.</param>
public sealed class Parameter(string name, Matrix value) : IDisposable
{
    /// <summary>Its name in the checkpoint or, for adapters, as PEFT writes it.</summary>
    public string Name { get; } = name;

    /// <summary>The weight.</summary>
    public Matrix Value { get; } = value;

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
