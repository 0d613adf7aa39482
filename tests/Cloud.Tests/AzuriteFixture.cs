// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Azurite;
using FedCloud.Cloud.Blobs;
using Xunit;

namespace FedCloud.Cloud.Tests;

/// <summary>One storage emulator for all tests that need one; installed on first use.</summary>
public sealed class AzuriteFixture : IAsyncLifetime
{
    private AzuriteProcess? _process;

    public SharedKeyCredential Key { get; } = new(AzuriteProcess.Account, AzuriteProcess.Key);

    public Uri Endpoint => _process?.Endpoint ?? throw new InvalidOperationException("not started");

    public async Task InitializeAsync() =>
        _process = await AzuriteProcess.StartAsync(Directory.CreateTempSubdirectory("azurite").FullName, _ => { }, CancellationToken.None);

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    /// <summary>The storage as the coordinator opens it.</summary>
    public RestBlobStore Open() => new(Endpoint, Key);

    /// <summary>The storage as a silo opens it: one container, some permissions.</summary>
    public RestBlobStore OpenAs(string container, string permissions) =>
        new(Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(container, BlobSas.ForContainer(Key, container, permissions, DateTimeOffset.UtcNow.AddHours(1)))));

    /// <summary>A fresh container.</summary>
    public async Task<string> ContainerAsync()
    {
        string name = "test-" + Guid.NewGuid().ToString("N")[..12];
        using RestBlobStore store = Open();
        await store.EnsureContainerAsync(name, CancellationToken.None);
        return name;
    }
}

/// <summary>The tests that share the emulator.</summary>
[CollectionDefinition(Name)]
public sealed class AzuriteTests : ICollectionFixture<AzuriteFixture>
{
    public const string Name = "azurite";
}
