// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ on a device (Hu et al. 2022): the base frozen, in the type of the activations, the adapter in float32.</summary>
internal sealed class TorchLinear : IDisposable
{
    private readonly Tensor _weight; // (out, in)
    private readonly Tensor? _bias; // (out)
    private readonly TorchFactor? _a; // (r, in)
    private readonly TorchFactor? _b; // (out, r)

    /// <summary>Makes a layer.</summary>
    /// <param name="weight">W: (out, in), or (in, out); becomes the layer's.</param>
    /// <param name="isInOut">Whether W is (in, out), as GPT-2's checkpoints have it.</param>
    /// <param name="bias">b: (out); null for none; becomes the layer's.</param>
    /// <param name="adapter">A and B with their scaling, on the host; null for a plain layer; become the layer's.</param>
    /// <param name="device">Where the adapter's copy lies.</param>
    public TorchLinear(Tensor weight, bool isInOut, Tensor? bias, LoraFactors? adapter, Device device)
    {
        _weight = isInOut ? Turned(weight) : weight;
        _bias = bias;
        Adapter = adapter;
        _a = adapter is null ? null : new TorchFactor(adapter.A, device);
        _b = adapter is null ? null : new TorchFactor(adapter.B, device);
    }

    /// <summary>The adapter on the host; null for a plain layer.</summary>
    public LoraFactors? Adapter { get; }

    /// <summary>The adapter on the device.</summary>
    public IEnumerable<TorchFactor> Factors => new[] { _a, _b }.OfType<TorchFactor>();

    /// <summary>(b, t, in) -> (b, t, out).</summary>
    /// <param name="x">(b, t, in).</param>
    /// <param name="wide">The same in float32, where several layers share it; made here when null.</param>
    public Tensor Forward(Tensor x, Tensor? wide = null)
    {
        Tensor y = nn.functional.linear(x, _weight, _bias);
        if (_a is null || _b is null || Adapter is null)
        {
            return y;
        }

        Tensor hidden = nn.functional.linear(wide ?? x.to(ScalarType.Float32), _a.Value); // (b, t, in) -> (b, t, r)
        return y + (nn.functional.linear(hidden, _b.Value) * Adapter.Scaling).to(y.dtype);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weight.Dispose();
        _bias?.Dispose();
        foreach (TorchFactor factor in Factors)
        {
            factor.Dispose();
            factor.Host.Dispose();
        }
    }

    private static Tensor Turned(Tensor weight)
    {
        using (weight)
        {
            using Tensor view = weight.t();
            return view.contiguous().DetachFromDisposeScope();
        }
    }
}
