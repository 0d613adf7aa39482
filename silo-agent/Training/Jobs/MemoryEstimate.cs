// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Llama;

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
    public static long Bytes(LlamaConfig config, long rank, long rows, long length, long examples = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        long c = config.Hidden;
        long f = config.Intermediate;
        long layerWeights = (2 * q * c) + (2 * kv * c) + (3 * f * c) + (2 * c);
        long weights = (config.Layers * layerWeights) + ((config.TiedHead ? 1L : 2) * config.Vocabulary * c) + c;
        long scores = rows * config.Heads * length;
        long layerActivations = (rows * ((4 * c) + (2 * q) + (2 * kv) + (3 * f))) + scores;
        long shared = (rows * ((4 * c) + (2 * q) + (2 * kv) + (3 * f) + config.Vocabulary)) + scores;
        long factors = config.Layers * rank * ((7 * c) + (2 * q) + (2 * kv) + (3 * f));
        long hidden = config.Layers * 14 * rows * rank;
        long apart = examples > 0 ? factors * (examples + 3) : 0; // the examples', a person's or the update, and the sum in 64 bits
        return 4 * (weights + (5 * factors) + apart + hidden + (config.Layers * layerActivations) + shared);
    }

    /// <summary>The tokens of a batch, if a job of that size is possible and allowed.</summary>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    internal static int RequireRows(LlamaConfig config, TrainingJob job, int length)
    {
        long rows = (long)job.BatchSize * (length - 1);
        if (rows * Math.Max(Math.Max(config.Heads, config.Hidden), length) > int.MaxValue)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected a batch that one process can address, found {job.BatchSize} sequences of {length} tokens");
        }

        long mib = (Bytes(config, job.Rank, rows, length, job.IsClaimed ? job.BatchSize : 0) >> 20) + RuntimeMib;
        return job.MaxMemoryMib == 0 || mib <= job.MaxMemoryMib
            ? (int)rows
            : throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most {job.MaxMemoryMib} MiB, the job needs about {mib} MiB");
    }
}
