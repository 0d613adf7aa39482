// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>Listeners hear the whole process: tests that listen run when nothing else does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "telemetry";
}
