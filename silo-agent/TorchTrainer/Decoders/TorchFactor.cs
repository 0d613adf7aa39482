// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>One factor of an adapter on a device, in float32; its values come from the host's parameter, and its gradient goes there.</summary>
internal sealed unsafe class TorchFactor : IDisposable
{
    private readonly Tensor _value;
    private Tensor? _leaf;

    public TorchFactor(Parameter host, Device device)
    {
        Host = host;
        _value = empty([host.Value.Rows, host.Value.Columns], dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
    }

    /// <summary>The host's values and gradient.</summary>
    public Parameter Host { get; }

    /// <summary>Whether it trains.</summary>
    public bool Trains => Host.Gradient is not null;

    /// <summary>The values; while the gradient is wanted, a leaf of the graph.</summary>
    public Tensor Value => _leaf ?? _value;

    /// <summary>Takes the host's values.</summary>
    public void Upload() => TensorCopies.Write(Host.Value.Span, _value);

    /// <summary>Begins to want the gradient.</summary>
    public Tensor Open() => _leaf = _value.detach().requires_grad_(true);

    /// <summary>Ends it: the gradient is added to the host's, or is the first example's own.</summary>
    /// <param name="example">The example that the pass was of, where gradients are kept apart.</param>
    public void Close(int example)
    {
        if (_leaf?.grad is { } gradient)
        {
            TensorCopies.Read(gradient, values => Take(values, example));
        }

        _leaf = null;
    }

    /// <inheritdoc/>
    public void Dispose() => _value.Dispose();

    private void Take(ReadOnlySpan<float> values, int example)
    {
        if (Host.Examples is { } rows)
        {
            values.CopyTo(new Span<float>(rows.Of(example), values.Length));
        }
        else if (Host.Gradient is { } sum)
        {
            Span<float> gradient = sum.Span;
            for (int i = 0; i < gradient.Length; i++)
            {
                gradient[i] += values[i];
            }
        }
    }
}
