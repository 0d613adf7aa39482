// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>A weight and, while it trains, its gradient.</summary>
public sealed unsafe class Parameter : IDisposable
{
    private readonly Matrix? _value;
    private readonly CompactMatrix? _compact;
    private readonly bool _isVector;

    /// <summary>Makes a weight in float32.</summary>
    /// <param name="name">Its name in the checkpoint.</param>
    /// <param name="value">The weight.</param>
    /// <param name="isVector">Whether the checkpoint has it as (columns) and not as (1, columns).</param>
    public Parameter(string name, Matrix value, bool isVector = false)
    {
        Name = name;
        _value = value;
        _isVector = isVector;
    }

    /// <summary>Makes a weight that stays frozen.</summary>
    internal Parameter(string name, CompactMatrix value)
    {
        Name = name;
        _compact = value;
    }

    /// <summary>Its name in the checkpoint or, for adapters, as PEFT writes it.</summary>
    public string Name { get; }

    /// <summary>The weight, where it is stored as float32.</summary>
    /// <exception cref="InvalidOperationException">It is not.</exception>
    public Matrix Value => _value ?? throw new InvalidOperationException($"{Name} is stored as {Storage.ToWire()} and has no values in float32");

    /// <summary>How it is stored. Only float32 trains.</summary>
    public WeightStorage Storage => _compact?.Storage ?? WeightStorage.F32;

    /// <summary>Its rows.</summary>
    public int Rows => _compact?.Rows ?? Value.Rows;

    /// <summary>Its columns.</summary>
    public int Columns => _compact?.Columns ?? Value.Columns;

    /// <summary>The weight as products read it, in any storage.</summary>
    public GemmOperand Operand => _compact?.Operand ?? new GemmOperand(Value.P, Value.Columns);

    /// <summary>Its shape in a checkpoint.</summary>
    public IReadOnlyList<long> Shape => _isVector ? [Columns] : [Rows, Columns];

    /// <summary>The gradient, summed over backward passes; null while the weight is frozen.</summary>
    public Matrix? Gradient { get; private set; }

    /// <summary>Where a backward pass puts each example's own gradient instead; null while it sums them.</summary>
    internal ExampleSlice? Examples { get; set; }

    /// <summary>Makes the weight train.</summary>
    /// <exception cref="InvalidOperationException">It is not stored as float32.</exception>
    public void Train() => Gradient ??= new Matrix(Value.Rows, Value.Columns);

    /// <inheritdoc/>
    public void Dispose()
    {
        _value?.Dispose();
        _compact?.Dispose();
        Gradient?.Dispose();
    }
}
