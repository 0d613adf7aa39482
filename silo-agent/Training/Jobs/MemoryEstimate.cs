// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Llama;

namespace FedCloud.Training.Jobs;

/// <summary>How much memory a job will take, from its shapes alone.</summary>
public static class MemoryEstimate
{
    /// <summary>Bytes of weights and activations, in float32; the runtime itself adds about 60 MiB.</summary>
    /// <param name="config">The model.</param>
    /// <param name="rows">Tokens of a batch.</param>
    /// <param name="length">The longest sequence.</param>
    public static long Bytes(LlamaConfig config, long rows, long length)
    {
        ArgumentNullException.ThrowIfNull(config);
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        long c = config.Hidden;
        long f = config.Intermediate;
        long layerWeights = (2 * q * c) + (2 * kv * c) + (3 * f * c) + (2 * c);
        long weights = (config.Layers * layerWeights) + ((config.TiedHead ? 1 : 2) * config.Vocabulary * c);
        long scores = rows * config.Heads * length;
        long layerActivations = (rows * ((4 * c) + (2 * q) + (2 * kv) + (3 * f))) + scores;
        long shared = (rows * ((4 * c) + (2 * q) + (2 * kv) + (3 * f) + config.Vocabulary)) + scores;
        return 4 * (weights + (config.Layers * layerActivations) + shared);
    }

    /// <summary>Refuses a job that would not fit.</summary>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    internal static void Require(LlamaConfig config, TrainingJob job, int rows, int length)
    {
        long mib = (Bytes(config, rows, length) >> 20) + 60;
        if (job.MaxMemoryMib > 0 && mib > job.MaxMemoryMib)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most {job.MaxMemoryMib} MiB, the job needs about {mib} MiB");
        }
    }
}
