// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The coordinator's vault: real keys, made once for all worlds, since RSA-3072 takes longer to make than a schedule to run.</summary>
internal static class SharedKeys
{
    public static FileKeyVault Vault { get; } = new(Path.Combine(Directory.CreateTempSubdirectory("simulation-keys").FullName, "keys"));
}
