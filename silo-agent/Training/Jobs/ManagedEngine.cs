// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Jobs;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>The engine of <see cref="DecoderModel"/>, on the processor.</summary>
/// <param name="available">Says how many bytes of memory there are; null asks this machine.</param>
public sealed class ManagedEngine(Func<long>? available = null) : ITrainingEngine
{
    private readonly Func<long> _available = available ?? new MachineMemory().AvailableBytes;

    /// <inheritdoc/>
    public void Prepare(TrainingJob job, Action<JobProgress> report)
    {
        if (job.Device is { } name && JobDevice.Parse(name) is { IsCuda: true } device)
        {
            DeviceFallback.Require(job, report, $"expected a trainer for {device}, found fedcloud-trainer, which computes on the processor", "set FEDCLOUD_TRAINER to fedcloud-trainer-torch, or the agent's device to cpu, or allow training.cpu_fallback in the plan");
        }
    }

    /// <inheritdoc/>
    public int RequireRows(ModelConfig config, TrainingJob job) => JobMemory.RequireRows(config, job, _available());

    /// <inheritdoc/>
    public IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, int rows, int length, int threads, WeightStorage storage) =>
        DecoderModel.Load(config, weights, layout, rows, length, threads, storage);
}
