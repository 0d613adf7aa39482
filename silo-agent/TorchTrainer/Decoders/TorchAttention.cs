// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>Causal grouped-query attention of one layer on a device.</summary>
/// <remarks>Order as in the managed engine: projections, norms of heads, rotary positions, scores scaled and capped, softmax, output. b sequences, t tokens, C hidden width, H query heads, G key and value heads, D head width.</remarks>
internal sealed class TorchAttention : IDisposable
{
    private readonly ModelConfig _c;
    private readonly TorchRotary? _rotary;
    private readonly int? _window;
    private readonly TorchLinear[] _inputs;
    private readonly TorchLinear _output;
    private readonly TorchNorm? _queryNorm;
    private readonly TorchNorm? _keyNorm;

    public TorchAttention(TorchParts parts, string prefix, int layer, TorchRotary? rotary)
    {
        _c = parts.Config;
        _rotary = rotary;
        _window = _c.IsWindowed(layer) ? _c.Window : null;
        (int q, int kv) = (_c.Heads * _c.HeadWidth, _c.KeyValueHeads * _c.HeadWidth);
        int[] widths = _c.Names.AttentionInputs.Count == 1 ? [q + (2 * kv)] : [q, kv, kv];
        _inputs = [.. _c.Names.AttentionInputs.Select((module, i) => parts.Linear(prefix + module, widths[i], _c.Hidden, _c.AttentionInputBias))];
        _output = parts.Linear(prefix + _c.Names.AttentionOutput, _c.Hidden, q, _c.AttentionOutputBias);
        _queryNorm = parts.NormIf(prefix, _c.Names.QueryNorm, _c.HeadWidth);
        _keyNorm = parts.NormIf(prefix, _c.Names.KeyNorm, _c.HeadWidth);
    }

    public IEnumerable<TorchLinear> Linears => [.. _inputs, _output];

    /// <summary>(b, t, C) -> (b, t, C).</summary>
    public Tensor Forward(Tensor x)
    {
        (long b, long t) = (x.shape[0], x.shape[1]);
        (Tensor queries, Tensor keys, Tensor values) = Inputs(x);
        float scale = _c.AttentionScale ?? (1f / MathF.Sqrt(_c.HeadWidth));
        Tensor q = Turned(queries, _queryNorm, _c.Heads, b, t).mul(scale * MathF.Sqrt(_c.HeadWidth)).to(x.dtype); // what follows divides by the root
        Tensor k = Shared(Turned(keys, _keyNorm, _c.KeyValueHeads, b, t).to(x.dtype));
        Tensor v = Shared(Heads(values, _c.KeyValueHeads, b, t));
        bool isWindowed = _window < t;
        Tensor attended = (_c.AttentionCap, isWindowed) switch
        {
            ({ } cap, _) => Capped(q, k, v, cap, Seen(t, x.device)),
            (null, true) => nn.functional.scaled_dot_product_attention(q, k, v, Seen(t, x.device)),
            _ => nn.functional.scaled_dot_product_attention(q, k, v, is_casual: true),
        };
        return _output.Forward(attended.transpose(1, 2).reshape(b, t, _c.Heads * _c.HeadWidth)); // (b, H, t, D) -> (b, t, H·D) -> (b, t, C)
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TorchLinear linear in Linears)
        {
            linear.Dispose();
        }

        _queryNorm?.Dispose();
        _keyNorm?.Dispose();
    }

    private (Tensor Queries, Tensor Keys, Tensor Values) Inputs(Tensor x)
    {
        if (_inputs is [{ } all])
        {
            (int q, int kv) = (_c.Heads * _c.HeadWidth, _c.KeyValueHeads * _c.HeadWidth);
            Tensor[] parts = all.Forward(x).split([q, kv, kv], -1);
            return (parts[0], parts[1], parts[2]);
        }

        Tensor wide = x.to(ScalarType.Float32);
        return (_inputs[0].Forward(x, wide), _inputs[1].Forward(x, wide), _inputs[2].Forward(x, wide));
    }

    private Tensor Heads(Tensor x, int heads, long b, long t) => x.reshape(b, t, heads, _c.HeadWidth).transpose(1, 2); // (b, t, h·D) -> (b, h, t, D)

    private Tensor Turned(Tensor x, TorchNorm? norm, int heads, long b, long t)
    {
        Tensor apart = Heads(x, heads, b, t);
        Tensor wide = (norm?.Forward(apart) ?? apart).to(ScalarType.Float32);
        return _rotary?.Turn(wide) ?? wide;
    }

    // Several query heads share a key and value head: (b, G, t, D) -> (b, H, t, D).
    private Tensor Shared(Tensor x)
    {
        int sharing = _c.Heads / _c.KeyValueHeads;
        (long b, long t) = (x.shape[0], x.shape[2]);
        return sharing == 1 ? x : x.unsqueeze(2).expand(b, _c.KeyValueHeads, sharing, t, _c.HeadWidth).reshape(b, _c.Heads, t, _c.HeadWidth);
    }

    // Which keys a query sees: (t, t).
    private Tensor Seen(long t, Device device)
    {
        Tensor all = ones([t, t], dtype: ScalarType.Bool, device: device).tril();
        return _window is { } window && window < t ? all.logical_and(ones([t, t], dtype: ScalarType.Bool, device: device).triu(1 - window)) : all;
    }

    // Soft caps (Gemma Team 2024, section 2) stand between scores and softmax, where no fused kernel lets them.
    private Tensor Capped(Tensor q, Tensor k, Tensor v, float cap, Tensor seen)
    {
        Tensor scores = matmul(q, k.transpose(2, 3)).to(ScalarType.Float32) / MathF.Sqrt(_c.HeadWidth); // (b, H, t, t)
        Tensor capped = (scores / cap).tanh() * cap;
        Tensor weights = capped.masked_fill(seen.logical_not(), float.NegativeInfinity).softmax(-1);
        return matmul(weights.to(v.dtype), v);
    }
}
