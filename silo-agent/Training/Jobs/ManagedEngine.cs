// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Jobs;

/// <summary>The engine of <see cref="DecoderModel"/>, on the processor.</summary>
public sealed class ManagedEngine : ITrainingEngine
{
    /// <inheritdoc/>
    public int RequireRows(ModelConfig config, TrainingJob job, int length) => MemoryEstimate.RequireRows(config, job, length);

    /// <inheritdoc/>
    public IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, float scaling, int rows, int length, int threads) =>
        DecoderModel.Load(config, weights, layout, scaling, rows, length, threads);
}
