// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using FedCloud.Training.Tests.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Tests.Decoders;

/// <summary>Models on libtorch with the bases and adapters of managed ones.</summary>
internal static class TorchModels
{
    /// <summary>The same model as a managed one of the same folder, in float32 on the processor: modules, values of factors and what trains.</summary>
    public static TorchDecoder Like(DecoderModel managed, string folder, int rows, int length, ScalarType type = ScalarType.Float32)
    {
        Determinism.Switch();
        set_num_threads(1); // small products, beside other tests
        using BaseWeights weights = BaseWeights.Open(folder);
        LoraFactors[] adapters = [.. managed.Adapters];
        string[] modules = [.. managed.Linears.Where(linear => linear.Adapter is not null).Select(linear => linear.Module.Split('.')[^1]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        int rank = adapters is [{ } first, ..] ? first.Rank : 1;
        AdapterLayout layout = new(modules.Length == 0 ? [] : LinearShape.Select(weights.Tensors, modules, rank), rank);
        TorchDecoder model = new(new TorchParts(managed.Config, weights, layout, adapters is [{ } one, ..] ? one.Scaling : 0, CPU, type), rows, length);
        foreach ((LoraFactors from, LoraFactors to) in adapters.Zip(model.Adapters))
        {
            Assert.Equal(from.A.Name, to.A.Name);
            from.A.Value.Span.CopyTo(to.A.Value.Span);
            from.B.Value.Span.CopyTo(to.B.Value.Span);
        }

        return model;
    }
}
