// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Jobs;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Jobs;

/// <summary>The engine of <see cref="DecoderModel"/>, on the processor.</summary>
public sealed class ManagedEngine : ITrainingEngine
{
    /// <inheritdoc/>
    public void Prepare(TrainingJob job, Action<JobProgress> report)
    {
        if (job.Device is { } name && JobDevice.Parse(name) is { IsCuda: true } device)
        {
            DeviceFallback.Require(job, report, $"expected a trainer for {device}, found fedcloud-trainer, which computes on the processor", "set FEDCLOUD_TRAINER to fedcloud-trainer-torch, or the agent's device to cpu, or allow training.cpu_fallback in the plan");
        }
    }

    /// <inheritdoc/>
    public int RequireRows(ModelConfig config, TrainingJob job, int length) => MemoryEstimate.RequireRows(config, job, length);

    /// <inheritdoc/>
    public IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, float scaling, int rows, int length, int threads) =>
        DecoderModel.Load(config, weights, layout, scaling, rows, length, threads);
}
