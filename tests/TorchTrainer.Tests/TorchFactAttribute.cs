// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.TorchTrainer.Devices;

namespace FedCloud.TorchTrainer.Tests;

/// <summary>A test that computes with libtorch, and says why it was skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TorchFactAttribute : FactAttribute
{
    public TorchFactAttribute() => Skip = TorchLibrary.Trouble?.Message;
}
