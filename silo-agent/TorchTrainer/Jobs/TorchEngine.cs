// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using TorchSharp;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Jobs;

/// <summary>The engine of <see cref="TorchDecoder"/>: bf16 on a CUDA device, float32 on the processor.</summary>
internal sealed class TorchEngine : ITrainingEngine
{
    private JobDevice _device = new(IsCuda: false, 0);

    /// <inheritdoc/>
    public void Prepare(TrainingJob job, Action<JobProgress> report)
    {
        _device = DeviceChoice.Of(job, report);
        Determinism.Switch();
        set_num_threads(job.Threads);
    }

    /// <inheritdoc/>
    public int RequireRows(ModelConfig config, TrainingJob job, int length)
    {
        using Tensor first = empty(1, device: Device); // the device's context takes memory of its own
        return DeviceMemory.RequireRows(config, job, length, _device, _device.IsCuda ? CudaMemory.Free(_device.Index) : null);
    }

    /// <inheritdoc/>
    /// <exception cref="FedCloudException"><c>config_unsupported</c> and what <see cref="BaseWeights"/> finds.</exception>
    public IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, float scaling, int rows, int length, int threads)
    {
        if (config.TiedHead)
        {
            weights.RequireTied(config.Names);
        }

        return new TorchDecoder(new TorchParts(config, weights, layout, scaling, Device, _device.IsCuda ? ScalarType.BFloat16 : ScalarType.Float32), rows, length);
    }

    private Device Device => _device.IsCuda ? new(DeviceType.CUDA, _device.Index) : CPU;
}
