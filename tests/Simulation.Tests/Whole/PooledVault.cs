// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Messaging;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A vault of a world's own whose wrapping key has a few versions ready: making one takes longer than many steps of a schedule.</summary>
internal sealed class PooledVault : IKeyVault
{
    private const int Spare = 3;

    private static readonly Lazy<Task<string>> Pool = new(FillAsync);

    private readonly FileKeyVault _own;
    private readonly string _folder;
    private readonly string _pool;

    private PooledVault(FileKeyVault own, string folder, string pool)
    {
        _own = own;
        _folder = folder;
        _pool = pool;
    }

    public static async Task<PooledVault> MakeAsync()
    {
        (FileKeyVault own, string folder) = await SharedKeys.OwnAsync();
        return new PooledVault(own, folder, await Pool.Value);
    }

    public Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation) => _own.EnsureAsync(name, kind, cancellation);

    public Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation) => _own.ListVersionsAsync(name, cancellation);

    /// <summary>The next version that is ready; where none is, the newest stays.</summary>
    public async Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation)
    {
        IReadOnlyList<KeyVersion> versions = await _own.ListVersionsAsync(name, cancellation);
        if (!string.Equals(name, SiloPost.WrappingKey, StringComparison.Ordinal))
        {
            return await _own.RotateAsync(name, cancellation);
        }

        if (versions.Count <= Spare)
        {
            File.Copy(Path.Combine(_pool, name, Number(versions.Count)), Path.Combine(_folder, name, Number(versions.Count + 1)));
            versions = await _own.ListVersionsAsync(name, cancellation);
        }

        return versions[^1];
    }

    public Task DisableAsync(string kid, CancellationToken cancellation) => _own.DisableAsync(kid, cancellation);

    public Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation) => _own.SignAsync(kid, digest, cancellation);

    public Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation) => _own.UnwrapAsync(kid, wrapped, cancellation);

    private static string Number(int number) => string.Create(CultureInfo.InvariantCulture, $"{number:D4}.p8");

    private static async Task<string> FillAsync()
    {
        string folder = Path.Combine(Directory.CreateTempSubdirectory("simulation-keys").FullName, "pool");
        FileKeyVault pool = new(folder);
        await pool.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, CancellationToken.None);
        for (int more = 1; more < Spare; more++)
        {
            await pool.RotateAsync(SiloPost.WrappingKey, CancellationToken.None);
        }

        return folder;
    }
}
