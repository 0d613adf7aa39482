// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders.Families;

namespace FedCloud.Training.Decoders;

/// <summary>The shape of a decoder, and what differs between families as plain data, from Hugging Face's <c>config.json</c>. What is not set is as in Llama.</summary>
public sealed record ModelConfig
{
    /// <summary>Tokens in the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>The width of the feed-forward layer.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads (grouped-query attention, Ainslie et al. 2023).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>The width of a head.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>The longest sequence.</summary>
    public required int Positions { get; init; }

    /// <summary>The norms' ε.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Rotary positions; null where positions are learned.</summary>
    public required RotaryPositions? Rope { get; init; }

    /// <summary>Whether the head's weights are the embedding's.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>The token that ends a text; null when the configuration names none.</summary>
    public int? EndOfText { get; init; }

    /// <summary>What its parts are called, and which there are.</summary>
    public ModelNames Names { get; init; } = Standard;

    /// <summary>The kind of all norms.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The kind of the feed-forward layers.</summary>
    public FeedForwardKind FeedForward { get; init; }

    /// <summary>Whether the modules that make queries, keys and values have a bias.</summary>
    public bool AttentionInputBias { get; init; }

    /// <summary>Whether attention's output has a bias.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>Whether the feed-forward layers have biases.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Whether checkpoints hold a linear layer's weight as (in, out).</summary>
    public bool WeightsAreInOut { get; init; }

    /// <summary>How many keys a query sees in windowed layers, itself included (Jiang et al. 2023, section 2).</summary>
    public int? Window { get; init; }

    /// <summary>Which layers are windowed; empty for none.</summary>
    public ImmutableArray<bool> WindowedLayers { get; init; } = [];

    /// <summary>The rotary positions of windowed layers, where they are others.</summary>
    public RotaryPositions? WindowedRope { get; init; }

    /// <summary>What embeddings of tokens are multiplied by.</summary>
    public float EmbeddingScale { get; init; } = 1;

    /// <summary>What products of queries and keys are multiplied by; null for 1 / sqrt(head width).</summary>
    public float? AttentionScale { get; init; }

    /// <summary>The soft cap of attention's scores; null for none.</summary>
    public float? AttentionCap { get; init; }

    /// <summary>The soft cap of the logits; null for none.</summary>
    public float? LogitCap { get; init; }

    private static ModelNames Standard { get; } = new();

    /// <summary>Whether a layer's queries see a window only.</summary>
    public bool IsWindowed(int layer) => layer < WindowedLayers.Length && WindowedLayers[layer];

    /// <summary>A layer's rotary positions.</summary>
    public RotaryPositions? RopeOf(int layer) => IsWindowed(layer) && WindowedRope is { } other ? other : Rope;

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>config_unsupported</c>.</exception>
    public static ModelConfig Read(string path) => ModelFamilies.Read(path);
}
