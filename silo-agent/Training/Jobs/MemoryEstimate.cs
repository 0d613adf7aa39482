// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>How much memory a job will take, from its shapes alone.</summary>
/// <remarks>The adapter is counted on every linear layer and with both factors in training, so for narrower jobs the figure is a little high. Weights that lie in a mapped file count: they have to be in memory to be fast.</remarks>
/// <param name="Parts">What takes it.</param>
public sealed record MemoryEstimate(ImmutableArray<MemoryPart> Parts)
{
    private const long RuntimeBytes = 60L << 20;
    private const long TokenizerFactor = 9; // 64 MiB for a file of 7.2 MB with 151,000 tokens

    /// <summary>All parts together.</summary>
    public long TotalBytes => Parts.Sum(part => part.Bytes);

    /// <summary>All parts together, in MiB, rounded up.</summary>
    public long TotalMib => (TotalBytes + (1 << 20) - 1) >> 20;

    /// <summary>Estimates.</summary>
    /// <param name="config">The model.</param>
    /// <param name="demand">What is asked of it.</param>
    public static MemoryEstimate Of(ModelConfig config, MemoryDemand demand)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(demand);
        long factors = config.Layers * demand.Rank * FactorLengths(config);
        return new MemoryEstimate(
        [
            new MemoryPart("weights", Weights(config, demand.Storage)),
            new MemoryPart("adapter", 4 * 5 * (factors + (demand.IsDecomposed ? config.Layers * Outputs(config) : 0))), // values, those at the start, gradients and two moments
            new MemoryPart("activations", 4 * config.Layers * (LayerActivations(config, demand) + (demand.IsDecomposed ? Outputs(config) * (demand.Rows + 2) : 0))), // where decomposed, products, lengths and gains
            new MemoryPart("scratch", 4 * Scratch(config, demand)),
            new MemoryPart("logits", 4 * Logits(config, demand)),
            new MemoryPart("private_step", demand.Examples > 0 ? 4 * factors * (demand.Examples + 3) : 0), // the examples', a person's or the update, and the sum in 64 bits
            new MemoryPart("tokenizer", TokenizerFactor * demand.TokenizerFileBytes),
            new MemoryPart("runtime", RuntimeBytes + (demand.Threads * (Gemm.PanelBytes + AttentionScratch.Bytes(demand.Length, config.HeadWidth)))),
        ]);
    }

    private static long Weights(ModelConfig config, WeightStorage storage)
    {
        long q = QueryWidth(config);
        long kv = KeyWidth(config);
        long c = config.Hidden;
        long f = config.Intermediate;
        ModelNames names = config.Names;
        long raised = names.Gate is null ? 1 : 2; // matrices to the feed-forward width
        long norm = config.Norm == NormKind.Layer ? 2 : 1; // factors, and what LayerNorm adds
        long layerNorms = 2 + (names.AttentionOutputNorm is null ? 0 : 1) + (names.FeedForwardOutputNorm is null ? 0 : 1);
        long headNorms = ((names.QueryNorm is null ? 0L : 1) + (names.KeyNorm is null ? 0L : 1)) * config.HeadWidth;
        long biases = (config.AttentionInputBias ? q + (2 * kv) : 0) + (config.AttentionOutputBias ? c : 0) + (config.FeedForwardBias ? (raised * f) + c : 0);
        long vectors = (config.Layers * (biases + (norm * ((layerNorms * c) + headNorms)))) + (norm * c) + (names.Positions is null ? 0 : config.Positions * c);
        long embeddings = (config.TiedHead ? 1L : 2) * config.Vocabulary;
        long matrices = (config.Layers * ((2 * q * c) + (2 * kv * c) + ((raised + 1) * f * c))) + (embeddings * c);
        long outputs = (config.Layers * (q + (2 * kv) + c + (raised * f) + c)) + embeddings; // each with a scale in 8 bits
        return (matrices * storage.Bytes()) + (storage == WeightStorage.Int8 ? 4 * outputs : 0) + (4 * vectors);
    }

    // Each adapted module has A as long as its input is wide and B as long as its output is.
    private static long FactorLengths(ModelConfig config)
    {
        long c = config.Hidden;
        long inputs = config.Names.AttentionInputs.Count;
        return (inputs * c) + (2 * QueryWidth(config)) + (2 * KeyWidth(config)) + c + (Wide(config) * (c + config.Intermediate));
    }

    // The width of all outputs of a layer's matrices.
    private static long Outputs(ModelConfig config) =>
        QueryWidth(config) + (2 * KeyWidth(config)) + config.Hidden + ((Wide(config) - 1) * config.Intermediate) + config.Hidden;

    // What a layer keeps for its backward pass.
    private static long LayerActivations(ModelConfig config, MemoryDemand demand)
    {
        ModelNames names = config.Names;
        long outputNorms = (names.AttentionOutputNorm is null ? 0 : 1) + (names.FeedForwardOutputNorm is null ? 0 : 1);
        long hidden = 2 * (names.AttentionInputs.Count + 1 + Wide(config)) * demand.Rows * demand.Rank;
        return (demand.Rows * (((4 + outputNorms) * config.Hidden) + Heads(config) + (Wide(config) * config.Intermediate))) + (demand.Rows * config.Heads) + hidden;
    }

    // What all layers share.
    private static long Scratch(ModelConfig config, MemoryDemand demand)
    {
        bool isNormedAfter = config.Names.AttentionOutputNorm is not null || config.Names.FeedForwardOutputNorm is not null;
        return (demand.Rows * (((isNormedAfter ? 5L : 4) * config.Hidden) + Heads(config) + (Wide(config) * config.Intermediate)));
    }

    // Queries, keys, values and what attention gives, and those before the norms of heads.
    private static long Heads(ModelConfig config)
    {
        (long q, long kv) = (QueryWidth(config), KeyWidth(config));
        return (2 * q) + (2 * kv) + (config.Names.QueryNorm is null ? 0 : q) + (config.Names.KeyNorm is null ? 0 : kv);
    }

    // A block of the rows that count: their normed residual stream, its gradient, their logits.
    private static long Logits(ModelConfig config, MemoryDemand demand) =>
        HeadLoss.BlockRows(config, (int)Math.Min(demand.Rows, int.MaxValue)) * ((long)config.Vocabulary + (2L * config.Hidden));

    private static long QueryWidth(ModelConfig config) => (long)config.Heads * config.HeadWidth;

    private static long KeyWidth(ModelConfig config) => (long)config.KeyValueHeads * config.HeadWidth;

    // Matrices of the feed-forward layer, and as many activations of its width.
    private static long Wide(ModelConfig config) => config.Names.Gate is null ? 2 : 3;
}
