// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.TorchTrainer.Devices;

namespace FedCloud.TorchTrainer.Tests;

/// <summary>Tests that compute with libtorch, and say why they were skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TorchTheoryAttribute : TheoryAttribute
{
    public TorchTheoryAttribute() => Skip = TorchLibrary.Trouble?.Message;
}
