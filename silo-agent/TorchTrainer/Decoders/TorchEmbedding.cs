// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>What tokens become before the first layer: their scaled embedding, and that of their position where positions are learned.</summary>
internal sealed class TorchEmbedding : IDisposable
{
    private readonly float _scale;
    private readonly Tensor? _positions; // (positions, C)

    public TorchEmbedding(TorchParts parts)
    {
        _scale = parts.Config.EmbeddingScale;
        Tokens = parts.Embedding(parts.Config.Names.Embedding, parts.Config.Vocabulary);
        _positions = parts.Config.Names.Positions is { } positions ? parts.Embedding(positions, parts.Config.Positions) : null;
    }

    /// <summary>(V, C).</summary>
    public Tensor Tokens { get; }

    /// <summary>(b·t) -> (b, t, C).</summary>
    public Tensor Forward(ReadOnlySpan<int> tokens, int b, int t, Device device)
    {
        long[] ids = new long[tokens.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = tokens[i];
        }

        Tensor x = Tokens.index_select(0, tensor(ids, device: device)).reshape(b, t, -1);
        Tensor scaled = _scale == 1 ? x : x.to(ScalarType.Float32).mul(_scale).to(x.dtype);
        return _positions is null ? scaled : scaled + _positions.narrow(0, 0, t);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Tokens.Dispose();
        _positions?.Dispose();
    }
}
