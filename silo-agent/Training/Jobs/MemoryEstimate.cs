// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Jobs;

/// <summary>How much memory a job will take, from its shapes alone.</summary>
public static class MemoryEstimate
{
    private const long RuntimeMib = 60;

    /// <summary>Bytes of weights, adapter, its gradients and moments, and activations, in float32, and of the gradients and sums of a private step; the runtime itself adds about 60 MiB.</summary>
    /// <remarks>The adapter is counted on every linear layer and with both factors in training, so for narrower jobs the figure is a little high.</remarks>
    /// <param name="config">The model.</param>
    /// <param name="rank">The adapter's rank; 0 for none.</param>
    /// <param name="rows">Tokens of a batch.</param>
    /// <param name="length">The longest sequence.</param>
    /// <param name="examples">Examples whose gradients a private step, or one on the ring, keeps apart; 0 for plain steps.</param>
    /// <param name="decomposed">Whether weights are decomposed (DoRA).</param>
    public static long Bytes(ModelConfig config, long rank, long rows, long length, long examples = 0, bool decomposed = false)
    {
        ArgumentNullException.ThrowIfNull(config);
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        long c = config.Hidden;
        long f = config.Intermediate;
        long v = config.Vocabulary;
        ModelNames names = config.Names;
        long outputNorms = (names.AttentionOutputNorm is null ? 0 : 1) + (names.FeedForwardOutputNorm is null ? 0 : 1);
        long wide = names.Gate is null ? 2 : 3; // activations of the feed-forward width
        long raw = (names.QueryNorm is null ? 0 : q) + (names.KeyNorm is null ? 0 : kv);
        long scores = rows * config.Heads * length;
        long layerActivations = (rows * (((4 + outputNorms) * c) + (2 * q) + (2 * kv) + raw + (wide * f))) + (config.AttentionCap is null ? scores : 2 * scores);
        long shared = (rows * ((4 * c) + (outputNorms == 0 ? 0 : c) + (2 * q) + (2 * kv) + raw + (wide * f) + v)) + scores;

        // Each adapted module has A as long as its input is wide and B as long as its output is.
        long attentionModules = names.AttentionInputs.Count + 1;
        long attentionWidths = ((attentionModules - 1) * c) + q + (2 * kv) + q + c;
        long feedForwardWidths = wide * (c + f);
        long factors = config.Layers * rank * (attentionWidths + feedForwardWidths);
        long hidden = config.Layers * 2 * (attentionModules + wide) * rows * rank;
        long apart = examples > 0 ? factors * (examples + 3) : 0; // the examples', a person's or the update, and the sum in 64 bits

        // Products of decomposed weights, their lengths, gains and magnitudes, and those's gradients and moments.
        long outputs = q + (2 * kv) + c + ((wide - 1) * f) + c;
        long products = decomposed ? config.Layers * outputs * (rows + 7) : 0;
        return 4 * (Weights(config) + (5 * factors) + apart + hidden + products + (config.Layers * layerActivations) + shared);
    }

    private static long Weights(ModelConfig config)
    {
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        long c = config.Hidden;
        long f = config.Intermediate;
        ModelNames names = config.Names;
        long norm = config.Norm == NormKind.Layer ? 2 : 1; // factors, and what LayerNorm adds
        long layerNorms = 2 + (names.AttentionOutputNorm is null ? 0 : 1) + (names.FeedForwardOutputNorm is null ? 0 : 1);
        long headNorms = ((names.QueryNorm is null ? 0L : 1) + (names.KeyNorm is null ? 0L : 1)) * config.HeadWidth;
        long biases = (config.AttentionInputBias ? q + (2 * kv) : 0) + (config.AttentionOutputBias ? c : 0) + (config.FeedForwardBias ? (names.Gate is null ? 1 : 2) * f + c : 0);
        long matrices = (2 * q * c) + (2 * kv * c) + ((names.Gate is null ? 2 : 3) * f * c);
        long embeddings = ((config.TiedHead ? 1L : 2) * config.Vocabulary * c) + (names.Positions is null ? 0 : config.Positions * c);
        return (config.Layers * (matrices + biases + (norm * ((layerNorms * c) + headNorms)))) + embeddings + (norm * c);
    }

    /// <summary>The tokens of a batch, if a job of that size is possible and allowed.</summary>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    internal static int RequireRows(ModelConfig config, TrainingJob job, int length)
    {
        long rows = (long)job.BatchSize * (length - 1);
        if (rows * Math.Max(Math.Max(config.Heads, config.Hidden), length) > int.MaxValue)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected a batch that one process can address, found {job.BatchSize} sequences of {length} tokens");
        }

        long mib = (Bytes(config, job.Form().LargestRank, rows, length, job.IsClaimed ? job.BatchSize : 0, job.Dora is true) >> 20) + RuntimeMib;
        return job.MaxMemoryMib == 0 || mib <= job.MaxMemoryMib
            ? (int)rows
            : throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most {job.MaxMemoryMib} MiB, the job needs about {mib} MiB");
    }
}
