// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;

namespace FedCloud.TorchTrainer.Jobs;

/// <summary>How much memory of its device a job will take, from its shapes alone.</summary>
internal static class DeviceMemory
{
    private const long CudaMib = 256; // workspaces of cuBLAS, and what the allocator cannot fill
    private const long ProcessorMib = 450; // the runtime and libtorch

    /// <summary>The tokens of a batch, if a job of that size is possible, fits and is allowed.</summary>
    /// <param name="config">The model.</param>
    /// <param name="job">The job.</param>
    /// <param name="device">What it runs on.</param>
    /// <param name="free">Free bytes of a CUDA device; null where nobody tells.</param>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    public static int RequireRows(ModelConfig config, TrainingJob job, JobDevice device, long? free)
    {
        int length = job.SequenceLength;
        long rows = (long)job.BatchSize * (length - 1);
        if (rows * Math.Max(Math.Max(config.Heads, config.Hidden), length) > int.MaxValue)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected a batch that one process can address, found {job.BatchSize} sequences of {length} tokens");
        }

        int examples = job.Privacy is not null || job.Ring is not null ? job.BatchSize : 0;
        long mib = Mib(config, job.Form().LargestRank, rows, length, examples, device.IsCuda);
        long most = Math.Min(free is { } bytes ? bytes >> 20 : long.MaxValue, job.MaxMemoryMib == 0 ? long.MaxValue : job.MaxMemoryMib);
        return mib <= most
            ? (int)rows
            : throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most {most} MiB on {device}, the job needs about {mib} MiB");
    }

    /// <summary>The whole of it, in MiB: on a CUDA device what lies there, on the processor with the host's part.</summary>
    internal static long Mib(ModelConfig config, long rank, long rows, long length, int examples, bool isCuda)
    {
        int e = isCuda ? 2 : 4;
        long pass = examples > 0 ? length : rows; // tokens that go through the model together
        long factors = Factors(config, rank);
        long device = (e * Weights(config)) + (4 * factors) + (e * (config.Layers + 4) * pass * config.Hidden) + Layer(config, rank, pass, length, e) + Loss(config, pass, e);
        long host = 4 * factors * (5 + (examples > 0 ? examples + 3 : 0)); // values, gradients and moments; the examples', a person's or the update, and the sum in 64 bits
        return isCuda ? (device >> 20) + CudaMib : ((device + host) >> 20) + ProcessorMib;
    }

    /// <summary>The weights of the base model; a little high.</summary>
    internal static long Weights(ModelConfig config)
    {
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        (long c, long f) = (config.Hidden, config.Intermediate);
        long matrices = (2 * q * c) + (2 * kv * c) + ((config.Names.Gate is null ? 2 : 3) * f * c);
        long vectors = (12 * c) + q + (2 * kv) + (2 * f); // norms and biases
        long embeddings = ((config.TiedHead ? 1L : 2) * config.Vocabulary * c) + (config.Names.Positions is null ? 0 : config.Positions * c);
        return (config.Layers * (matrices + vectors)) + embeddings;
    }

    // What one layer's graph holds while it is computed again, and what its backward pass makes beside it: bytes.
    private static long Layer(ModelConfig config, long rank, long rows, long length, int e)
    {
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        (long c, long f) = (config.Hidden, config.Intermediate);
        long norms = 2 + (config.Names.AttentionOutputNorm is null ? 0 : 2);
        long stream = c * ((norms * (8 + e)) + (8 * e) + 8);
        long attention = (q * ((8 * e) + 24)) + (kv * ((4 * e) + 16));
        long forward = f * ((8 * e) + 16);
        long linears = 8 * 8 * rank;
        long capped = config.AttentionCap is null ? 0 : rows * config.Heads * length * (20 + (4 * e));
        long seen = config.AttentionCap is null && config.Window is null ? 0 : length * length * (4 + e);
        return (rows * (stream + attention + forward + linears)) + capped + seen + (4 * Factors(config, rank) / config.Layers);
    }

    // Logits of a block of rows: as they come, in float32, capped, as logarithms, and their gradients.
    private static long Loss(ModelConfig config, long rows, int e)
    {
        long block = Math.Min(rows, Math.Max(1, TorchHead.MostLogits / config.Vocabulary));
        return block * config.Vocabulary * ((2 * e) + 16 + (config.LogitCap is null ? 0 : 12));
    }

    // Each linear module could be adapted: its A is as long as its input is wide, its B as long as its output is.
    private static long Factors(ModelConfig config, long rank)
    {
        long q = (long)config.Heads * config.HeadWidth;
        long kv = (long)config.KeyValueHeads * config.HeadWidth;
        (long c, long f) = (config.Hidden, config.Intermediate);
        long attention = (config.Names.AttentionInputs.Count * c) + q + (2 * kv) + q + c;
        return config.Layers * rank * (attention + ((config.Names.Gate is null ? 2 : 3) * (c + f)));
    }
}
