// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.TorchTrainer.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>The last norm, the head and the loss. Only rows whose targets count are computed, and so many at a time that (N, V) never exists whole.</summary>
internal sealed class TorchHead : IDisposable
{
    /// <summary>The most logits that exist at a time.</summary>
    internal const long MostLogits = 1L << 26;

    private readonly TorchNorm _norm;
    private readonly Tensor _weight; // (V, C)
    private readonly bool _isTied;
    private readonly float? _cap;

    public TorchHead(TorchParts parts, TorchEmbedding embedding)
    {
        _norm = parts.Norm(parts.Config.Names.FinalNorm, parts.Config.Hidden);
        _isTied = parts.Config.TiedHead;
        _weight = _isTied ? embedding.Tokens : parts.Embedding(parts.Config.Names.Head, parts.Config.Vocabulary);
        _cap = parts.Config.LogitCap;
    }

    /// <summary>The summed cross-entropy of rows, and its gradient.</summary>
    /// <param name="x">(b, t, C): the last layer's output.</param>
    /// <param name="targets">b·t wanted next tokens; -1 where none counts.</param>
    /// <param name="scales">What scales the gradients of each of the b sequences.</param>
    /// <param name="losses">(b·t): receives -log p of the rows that count.</param>
    /// <param name="wantsGradient">Whether anything trains.</param>
    /// <returns>(b, t, C): the gradient of x, which is the caller's; null where it is not wanted.</returns>
    public Tensor? Loss(Tensor x, ReadOnlySpan<int> targets, ReadOnlySpan<float> scales, Span<double> losses, bool wantsGradient)
    {
        using DisposeScope scope = NewDisposeScope();
        (long b, long t, long c) = (x.shape[0], x.shape[1], x.shape[2]);
        (long[] rows, long[] wanted, float[] scale) = Counted(targets, scales, (int)t);
        Tensor all = x.reshape(b * t, c);
        Tensor? gradient = wantsGradient ? zeros_like(all) : null;
        int most = (int)Math.Max(1, MostLogits / _weight.shape[0]);
        for (int start = 0; start < rows.Length; start += most)
        {
            using DisposeScope block = NewDisposeScope();
            Range range = start..Math.Min(rows.Length, start + most);
            Tensor places = tensor(rows[range], device: x.device);
            Tensor part = all.index_select(0, places).requires_grad_(wantsGradient);
            Tensor loss = Losses(part, tensor(wanted[range], device: x.device), wantsGradient);
            Scatter(loss, rows.AsSpan(range), losses);
            if (gradient is not null)
            {
                autograd.backward([loss], [tensor(scale[range], device: x.device)], inputs: [part]);
                gradient.index_copy_(0, places, part.grad ?? throw new InvalidOperationException("a leaf has a gradient"));
            }
        }

        return gradient?.view(b, t, c).DetachFromDisposeScope();
    }

    /// <summary>(n, C) -> (n, V), float32.</summary>
    public Tensor Logits(Tensor x)
    {
        Tensor logits = nn.functional.linear(_norm.Forward(x), _weight).to(ScalarType.Float32);
        return _cap is { } cap ? (logits / cap).tanh() * cap : logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _norm.Dispose();
        if (!_isTied)
        {
            _weight.Dispose();
        }
    }

    private Tensor Losses(Tensor x, Tensor wanted, bool wantsGradient)
    {
        using IDisposable graph = wantsGradient ? enable_grad() : no_grad();
        return nn.functional.cross_entropy(Logits(x), wanted, reduction: nn.Reduction.None); // (n, V) -> (n)
    }

    private static void Scatter(Tensor found, ReadOnlySpan<long> rows, Span<double> losses)
    {
        float[] values = [];
        TensorCopies.Read(found, read => values = read.ToArray());
        for (int i = 0; i < rows.Length; i++)
        {
            losses[(int)rows[i]] = values[i];
        }
    }

    private static (long[] Rows, long[] Wanted, float[] Scale) Counted(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales, int t)
    {
        List<long> rows = [];
        List<long> wanted = [];
        List<float> scale = [];
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] >= 0)
            {
                rows.Add(i);
                wanted.Add(targets[i]);
                scale.Add(scales[i / t]);
            }
        }

        return ([.. rows], [.. wanted], [.. scale]);
    }
}
