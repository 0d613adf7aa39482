// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>Makes the parts of a model on a device: weights come over one tensor at a time, so the host holds one of them at most.</summary>
/// <param name="config">The shape.</param>
/// <param name="weights">The base model's weights.</param>
/// <param name="adapter">The adapter's layout.</param>
/// <param name="device">Where the model lies.</param>
/// <param name="type">The type of weights and activations.</param>
internal sealed class TorchParts(ModelConfig config, BaseWeights weights, AdapterLayout adapter, Device device, ScalarType type)
{
    private readonly Dictionary<string, LinearShape> _adapted = adapter.Modules.ToDictionary(module => module.Module, StringComparer.Ordinal);

    public ModelConfig Config => config;

    public Device Device => device;

    /// <summary>The type of weights and activations. Norms and adapters are float32.</summary>
    public ScalarType Type => type;

    /// <summary>(count, C).</summary>
    public Tensor Embedding(string module, int count) => Load(new WeightShape(module + ".weight", count, config.Hidden, WeightUse.Matrix), type);

    public TorchNorm Norm(string module, int width) => new(
        config.Norm,
        Load(new WeightShape(module + ".weight", 1, width, WeightUse.NormScale), ScalarType.Float32),
        config.Norm == NormKind.Layer ? Load(new WeightShape(module + ".bias", 1, width, WeightUse.Bias), ScalarType.Float32) : null,
        config.NormEpsilon);

    public TorchNorm? NormIf(string prefix, string? module, int width) => module is null ? null : Norm(prefix + module, width);

    public TorchLinear Linear(string module, int outputs, int inputs, bool bias)
    {
        (int first, int second) = config.WeightsAreInOut ? (inputs, outputs) : (outputs, inputs);
        Tensor weight = Load(new WeightShape(module + ".weight", first, second, WeightUse.Matrix), type);
        Tensor? added = bias ? Load(new WeightShape(module + ".bias", 1, outputs, WeightUse.Bias), type) : null;
        return new TorchLinear(weight, config.WeightsAreInOut, added, _adapted.TryGetValue(module, out LinearShape? shape) ? Adapter(shape) : null, device);
    }

    private LoraFactors Adapter(LinearShape shape) => new(
        new Parameter(AdapterLayout.Name(shape, Factor.A), new Matrix(adapter.RankOf(shape.Module), shape.In)),
        new Parameter(AdapterLayout.Name(shape, Factor.B), new Matrix(shape.Out, adapter.RankOf(shape.Module))),
        (float)adapter.ScalingOf(shape.Module));

    private Tensor Load(WeightShape shape, ScalarType kept)
    {
        using Parameter read = weights.Read(shape, config.Names.OptionalPrefix, WeightStorage.F32);
        long[] dimensions = shape.IsVector ? [shape.Columns] : [shape.Rows, shape.Columns];
        return TensorCopies.Of(read.Value.Span, dimensions, device, kept).DetachFromDisposeScope();
    }
}
