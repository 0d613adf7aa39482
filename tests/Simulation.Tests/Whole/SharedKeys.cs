// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Messaging;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The coordinator's vault: real keys, made once for all worlds, since RSA-3072 takes longer to make than a schedule to run.</summary>
internal static class SharedKeys
{
    private static readonly string Folder = Path.Combine(Directory.CreateTempSubdirectory("simulation-keys").FullName, "keys");

    public static FileKeyVault Vault { get; } = new(Folder);

    /// <summary>A vault of its own for a world that changes keys, with the wrapping key of the others.</summary>
    public static async Task<(FileKeyVault Vault, string Folder)> OwnAsync()
    {
        await Vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, CancellationToken.None);
        string folder = Path.Combine(Directory.CreateTempSubdirectory("simulation-keys").FullName, "keys");
        FileKeyVault own = new(folder);
        await own.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, CancellationToken.None);
        PrivateFolder.Make(Path.Combine(folder, SiloPost.WrappingKey));
        foreach (string file in Directory.GetFiles(Path.Combine(Folder, SiloPost.WrappingKey)))
        {
            File.Copy(file, Path.Combine(folder, SiloPost.WrappingKey, Path.GetFileName(file)));
        }

        return (own, folder);
    }
}
