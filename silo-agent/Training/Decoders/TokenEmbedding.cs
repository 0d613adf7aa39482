// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>What tokens become before the first layer: their scaled embedding, and that of their position where positions are learned.</summary>
internal sealed unsafe class TokenEmbedding
{
    private readonly float _scale;
    private readonly int[] _tokens;

    public TokenEmbedding(ModelParts parts)
    {
        ModelConfig config = parts.Config;
        _scale = config.EmbeddingScale;
        _tokens = new int[parts.Rows];
        Tokens = parts.Embedding(config.Names.Embedding, config.Vocabulary);
        Positions = config.Names.Positions is { } positions ? parts.Embedding(positions, config.Positions, WeightUse.Positions) : null;
    }

    /// <summary>(V, C).</summary>
    public Parameter Tokens { get; }

    /// <summary>(positions, C); null where they are rotary.</summary>
    public Parameter? Positions { get; }

    public IEnumerable<Parameter> Parameters => Positions is null ? [Tokens] : [Tokens, Positions];

    public bool Trains => Tokens.Gradient is not null || Positions?.Gradient is not null;

    /// <summary>(N) -> (N, C).</summary>
    /// <param name="tokens">N token ids, at most as many as the model has rows for.</param>
    /// <param name="t">Tokens of each sequence.</param>
    /// <param name="x">(N, C), written.</param>
    public void Forward(ReadOnlySpan<int> tokens, int t, float* x)
    {
        tokens.CopyTo(_tokens);
        int c = Tokens.Columns;
        for (int i = 0; i < tokens.Length; i++)
        {
            float* row = x + ((long)i * c);
            Tokens.Operand.WidenRow(tokens[i], c, row);
            if (_scale != 1)
            {
                Ops.Scale(row, _scale, c);
            }

            if (Positions is { } positions)
            {
                Ops.AddScaled(row, positions.Value.P + ((long)(i % t) * c), 1, c);
            }
        }
    }

    /// <summary>Adds the gradients of whatever trains.</summary>
    /// <param name="dx">(N, C).</param>
    /// <param name="n">Rows.</param>
    /// <param name="t">Tokens of each sequence.</param>
    public void Backward(float* dx, int n, int t)
    {
        int c = Tokens.Columns;
        for (int i = 0; i < n; i++)
        {
            if (Tokens.Gradient is { } ofTokens)
            {
                Ops.AddScaled(ofTokens.P + ((long)_tokens[i] * c), dx + ((long)i * c), _scale, c);
            }

            if (Positions?.Gradient is { } ofPositions)
            {
                Ops.AddScaled(ofPositions.P + ((long)(i % t) * c), dx + ((long)i * c), 1, c);
            }
        }
    }
}
