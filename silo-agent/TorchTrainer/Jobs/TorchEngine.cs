// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;
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
    public int RequireRows(ModelConfig config, TrainingJob job)
    {
        using Tensor first = empty(1, device: Device); // the device's context takes memory of its own
        return DeviceMemory.RequireRows(config, job, _device, _device.IsCuda ? CudaMemory.Free(_device.Index) : null);
    }

    /// <inheritdoc/>
    /// <exception cref="FedCloudException"><c>config_unsupported</c>, <c>adapter_unsupported</c> and what <see cref="BaseWeights"/> finds.</exception>
    public IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, int rows, int length, int threads, WeightStorage storage)
    {
        if (storage == WeightStorage.Int8)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, "expected base weights in f32 or bf16, found int8, which only fedcloud-trainer has", "run the agent with --base-weights bf16, or with fedcloud-trainer");
        }

        if (layout.Form.IsDecomposed)
        {
            throw new FedCloudException(ErrorCodes.AdapterUnsupported, "expected an adapter whose weights are not decomposed, found one with DoRA, which only fedcloud-trainer has", "train without DoRA, or with fedcloud-trainer");
        }

        if (config.TiedHead)
        {
            weights.RequireTied(config.Names);
        }

        return new TorchDecoder(new TorchParts(config, weights, layout, Device, _device.IsCuda || storage == WeightStorage.BF16 ? ScalarType.BFloat16 : ScalarType.Float32), rows, length);
    }

    private Device Device => _device.IsCuda ? new(DeviceType.CUDA, _device.Index) : CPU;
}
