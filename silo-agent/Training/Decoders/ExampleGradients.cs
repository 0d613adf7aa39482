// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Where one parameter's gradients of all examples lie.</summary>
/// <param name="first">The first example's.</param>
/// <param name="stride">From an example to the next, in elements.</param>
internal readonly unsafe struct ExampleSlice(float* first, long stride)
{
    public float* Of(int example) => first + (example * stride);
}

/// <summary>Each example's own gradient of an adapter, from the products that also give the sum: while it lives, a backward pass fills it in place of the parameters' gradients.</summary>
/// <remarks>
/// A row is one example, (d): the trained parameters one after the other. Its bits depend on the example and the weights only:
/// not on the other examples of the batch, its place among them, the length of the padding or the threads. Every product sums
/// over a row, a head or one example's tokens in an order that starts at that row, head or example, and padding is not computed.
/// </remarks>
internal sealed unsafe class ExampleGradients : IExampleGradients
{
    private readonly Matrix _rows; // (examples, d)
    private readonly Parameter[] _trained;

    /// <summary>Makes room for a batch of examples.</summary>
    /// <param name="model">The model; only factors of its adapter train.</param>
    /// <param name="examples">The most examples of a batch.</param>
    /// <exception cref="FedCloudException"><c>dora_not_private</c>.</exception>
    public ExampleGradients(IDecoder model, int examples)
    {
        if (model.Adapters.Any(adapter => adapter.Magnitude is not null))
        {
            throw new FedCloudException(ErrorCodes.DoraNotPrivate, "expected an adapter whose weights are not decomposed, found one with DoRA");
        }

        _trained = [.. model.Trained];
        Parameter[][] modules = [.. model.Adapters.Select(Factors).Where(factors => factors.Length > 0)];
        if (_trained.Length == 0 || !modules.SelectMany(factors => factors).SequenceEqual(_trained))
        {
            throw new InvalidOperationException("gradients of examples need an adapter, and nothing else, that trains");
        }

        ModuleLengths = [.. modules.Select(factors => factors.Sum(Length))];
        Coordinates = ModuleLengths.Sum();
        _rows = new Matrix(examples, Coordinates);
        float* first = _rows.P;
        foreach (Parameter parameter in _trained)
        {
            parameter.Examples = new ExampleSlice(first, Coordinates);
            first += Length(parameter);
        }
    }

    /// <summary>d, the trained parameters of the model.</summary>
    public int Coordinates { get; }

    /// <summary>How many of them belong to each adapted module, in their order.</summary>
    public IReadOnlyList<int> ModuleLengths { get; }

    /// <summary>The most examples.</summary>
    public int Examples => _rows.Rows;

    /// <summary>An example's gradient, (d).</summary>
    public float* Row(int example) => _rows.P + ((long)example * Coordinates);

    /// <summary>Zeroes the examples' gradients and lets backward passes sum again.</summary>
    public void Dispose()
    {
        if (_rows.P is not null)
        {
            NativeMemory.Clear(_rows.P, (nuint)_rows.Rows * (nuint)_rows.Columns * sizeof(float));
        }

        foreach (Parameter parameter in _trained)
        {
            parameter.Examples = null;
        }

        _rows.Dispose();
    }

    private static int Length(Parameter parameter) => checked(parameter.Value.Rows * parameter.Value.Columns);

    private static Parameter[] Factors(LoraFactors adapter) => [.. new[] { adapter.A, adapter.B }.Where(factor => factor.Gradient is not null)];
}
