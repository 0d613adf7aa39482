// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>Whether a job fits: before anything of the weights is read.</summary>
public static class JobMemory
{
    /// <summary>What a job asks for.</summary>
    /// <param name="config">Its model.</param>
    /// <param name="job">The job.</param>
    /// <param name="storage">How the base model is stored.</param>
    public static MemoryDemand DemandOf(ModelConfig config, TrainingJob job, WeightStorage storage)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(job);
        int length = job.SequenceLength;
        return new MemoryDemand(job.Form().LargestRank, (long)job.BatchSize * (length - 1), length, job.IsClaimed ? job.BatchSize : 0, job.Threads, storage, MemoryDemand.TokenizerFileBytesIn(job.BaseModelDir), job.Dora is true);
    }

    /// <summary>The tokens of a batch, if a job of that size is possible and allowed.</summary>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    internal static int RequireRows(ModelConfig config, TrainingJob job, long availableBytes)
    {
        MemoryDemand demand = DemandOf(config, job, job.Storage);
        if (demand.Rows * Math.Max(config.Heads, config.Hidden) > int.MaxValue)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected a batch that one process can address, found {job.BatchSize} sequences of {demand.Length} tokens");
        }

        long need = MemoryEstimate.Of(config, demand).TotalMib;
        if (job.MaxMemoryMib != 0 && need > job.MaxMemoryMib)
        {
            throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most {job.MaxMemoryMib} MiB, the job needs about {need} MiB");
        }

        return job.MaxMemoryMib != 0 || need <= availableBytes >> 20
            ? (int)demand.Rows
            : throw new FedCloudException(ErrorCodes.MemoryExceeded, $"expected at most the {availableBytes >> 20} MiB that this machine has free, the job needs about {need} MiB");
    }
}
