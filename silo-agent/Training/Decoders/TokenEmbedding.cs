// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>What tokens become before the first layer: their scaled embedding, and that of their position where positions are learned.</summary>
internal sealed unsafe class TokenEmbedding
{
    private readonly float _scale;

    public TokenEmbedding(ModelParts parts)
    {
        ModelConfig config = parts.Config;
        _scale = config.EmbeddingScale;
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
    /// <param name="tokens">N token ids.</param>
    /// <param name="sequences">What the rows are.</param>
    /// <param name="x">(N, C), written.</param>
    public void Forward(int* tokens, Sequences sequences, float* x)
    {
        int c = Tokens.Columns;
        for (int i = 0; i < sequences.N; i++)
        {
            float* row = x + ((long)i * c);
            Tokens.Operand.WidenRow(tokens[i], c, row);
            if (_scale != 1)
            {
                Ops.Scale(row, _scale, c);
            }

            if (Positions is { } positions)
            {
                Ops.AddScaled(row, positions.Value.P + ((long)sequences.Positions[i] * c), 1, c);
            }
        }
    }

    /// <summary>Adds the gradients of whatever trains.</summary>
    /// <param name="tokens">N token ids.</param>
    /// <param name="sequences">What the rows are.</param>
    /// <param name="dx">(N, C).</param>
    public void Backward(int* tokens, Sequences sequences, float* dx)
    {
        int c = Tokens.Columns;
        for (int i = 0; i < sequences.N; i++)
        {
            if (Tokens.Gradient is { } ofTokens)
            {
                Ops.AddScaled(ofTokens.P + ((long)tokens[i] * c), dx + ((long)i * c), _scale, c);
            }

            if (Positions?.Gradient is { } ofPositions)
            {
                Ops.AddScaled(ofPositions.P + ((long)sequences.Positions[i] * c), dx + ((long)i * c), 1, c);
            }
        }
    }
}
