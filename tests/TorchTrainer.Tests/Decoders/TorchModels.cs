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
        Linear[] adapted = [.. managed.Linears.Where(linear => linear.Adapter is not null)];
        string[] modules = [.. adapted.Select(linear => linear.Module.Split('.')[^1]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        LoraForm form = new(1, 1)
        {
            RankPattern = [.. adapted.Select(linear => KeyValuePair.Create(Key(linear), linear.Adapter!.Rank))],
            AlphaPattern = [.. adapted.Select(linear => KeyValuePair.Create(Key(linear), (double)linear.Adapter!.Scaling * linear.Adapter.Rank))],
        };
        AdapterLayout layout = new(modules.Length == 0 ? [] : LinearShape.Select(weights.Tensors, modules, form), form);
        TorchDecoder model = new(new TorchParts(managed.Config, weights, layout, CPU, type), rows, length);
        foreach ((LoraFactors from, LoraFactors to) in adapters.Zip(model.Adapters))
        {
            Assert.Equal(from.A.Name, to.A.Name);
            from.A.Value.Span.CopyTo(to.A.Value.Span);
            from.B.Value.Span.CopyTo(to.B.Value.Span);
        }

        return model;
    }

    // The full name, and nothing that ends like it.
    private static string Key(Linear linear) => linear.Module.Replace(".", @"\.", StringComparison.Ordinal);
}
