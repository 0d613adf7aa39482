// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.TorchTrainer.Jobs;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;
using FedCloud.Training.Tests.Decoders;

namespace FedCloud.TorchTrainer.Tests.Jobs;

/// <summary>What the engine refuses before anything is loaded, so without libtorch.</summary>
public sealed class TorchEngineTests
{
    [Theory]
    [InlineData(WeightStorage.Int8, false, "config_unsupported", "found int8, which only fedcloud-trainer has")]
    [InlineData(WeightStorage.F32, true, "adapter_unsupported", "found one with DoRA, which only fedcloud-trainer has")]
    public void Load_WhatOnlyTheManagedEngineHas_IsRefused(WeightStorage storage, bool isDecomposed, string code, string found)
    {
        using FamilyBase family = new("llama2");
        using BaseWeights weights = BaseWeights.Open(family.Folder);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, family.Modules, new LoraForm(2, 4) { IsDecomposed = isDecomposed });

        FedCloudException error = Assert.Throws<FedCloudException>(() => new TorchEngine().Load(family.Config, weights, layout, 8, 8, 1, storage));

        Assert.Equal(code, error.Code.Name);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
    }
}
