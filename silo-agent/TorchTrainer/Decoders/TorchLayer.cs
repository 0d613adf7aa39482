// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>One layer on a device: attention and feed-forward, each between a norm, perhaps a second norm, and a residual sum.</summary>
internal sealed class TorchLayer : IDisposable
{
    private readonly ModelConfig _c;
    private readonly TorchNorm _attentionNorm;
    private readonly TorchNorm? _attentionOutputNorm;
    private readonly TorchNorm _feedForwardNorm;
    private readonly TorchNorm? _feedForwardOutputNorm;
    private readonly TorchAttention _attention;
    private readonly TorchLinear? _gate;
    private readonly TorchLinear _up;
    private readonly TorchLinear _down;

    public TorchLayer(TorchParts parts, int layer, TorchRotary? rotary)
    {
        _c = parts.Config;
        ModelNames names = _c.Names;
        string prefix = $"{names.Layers}{layer}.";
        (int c, int f) = (_c.Hidden, _c.Intermediate);
        _attentionNorm = parts.Norm(prefix + names.AttentionNorm, c);
        _attentionOutputNorm = parts.NormIf(prefix, names.AttentionOutputNorm, c);
        _feedForwardNorm = parts.Norm(prefix + names.FeedForwardNorm, c);
        _feedForwardOutputNorm = parts.NormIf(prefix, names.FeedForwardOutputNorm, c);
        _attention = new TorchAttention(parts, prefix, layer, rotary);
        _gate = names.Gate is { } gate ? parts.Linear(prefix + gate, f, c, _c.FeedForwardBias) : null;
        _up = parts.Linear(prefix + names.Up, f, c, _c.FeedForwardBias);
        _down = parts.Linear(prefix + names.Down, c, f, _c.FeedForwardBias);
    }

    /// <summary>The linear layers, in the order of the managed engine.</summary>
    public IEnumerable<TorchLinear> Linears => [.. _attention.Linears, .. _gate is null ? (TorchLinear[])[] : [_gate], _up, _down];

    /// <summary>Whether a factor of it trains.</summary>
    public bool Trains => Linears.SelectMany(linear => linear.Factors).Any(factor => factor.Trains);

    /// <summary>(b, t, C) -> (b, t, C).</summary>
    public Tensor Forward(Tensor x)
    {
        Tensor attended = _attention.Forward(_attentionNorm.Forward(x));
        Tensor middle = x + (_attentionOutputNorm?.Forward(attended) ?? attended);
        Tensor forwarded = FeedForward(_feedForwardNorm.Forward(middle));
        return middle + (_feedForwardOutputNorm?.Forward(forwarded) ?? forwarded);
    }

    /// <summary>Computes the layer once more, and takes the gradients of its factors and of its input from it.</summary>
    /// <param name="input">(b, t, C): its input in the forward pass.</param>
    /// <param name="dy">(b, t, C): the gradient of its output.</param>
    /// <param name="wantsInput">Whether anything before it trains.</param>
    /// <param name="example">The example that the pass is of, where gradients are kept apart.</param>
    /// <returns>The gradient of the input, which is the caller's; null where it is not wanted.</returns>
    public Tensor? Backward(Tensor input, Tensor dy, bool wantsInput, int example)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable graph = enable_grad();
        TorchFactor[] factors = [.. Linears.SelectMany(linear => linear.Factors).Where(factor => factor.Trains)];
        Tensor x = input.detach().requires_grad_(wantsInput);
        Tensor[] leaves = [.. factors.Select(factor => factor.Open()), .. wantsInput ? (Tensor[])[x] : []];
        autograd.backward([Forward(x)], [dy], inputs: leaves); // torch.autograd.grad of TorchSharp ends the process at an error
        foreach (TorchFactor factor in factors)
        {
            factor.Close(example);
        }

        return wantsInput ? x.grad?.DetachFromDisposeScope() : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable? part in (IDisposable?[])[_attentionNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm, _attention, _gate, _up, _down])
        {
            part?.Dispose();
        }
    }

    // (b, t, C) -> (b, t, F) -> (b, t, C)
    private Tensor FeedForward(Tensor x)
    {
        Tensor wide = x.to(ScalarType.Float32);
        Tensor raised = _up.Forward(x, wide);
        return _down.Forward((_c.FeedForward, _gate) switch
        {
            (FeedForwardKind.SwiGlu, { } gate) => nn.functional.silu(gate.Forward(x, wide)) * raised,
            (FeedForwardKind.GeGlu, { } gate) => nn.functional.gelu(gate.Forward(x, wide), GELU.Approximate.tanh) * raised,
            _ => nn.functional.gelu(raised, GELU.Approximate.tanh),
        });
    }
}
