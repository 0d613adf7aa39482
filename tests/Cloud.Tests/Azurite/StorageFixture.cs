// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using Azure.Storage;
using Azure.Storage.Blobs;
using FedCloud.Cli.Azurite;
using FedCloud.Cloud.Blobs;
using Xunit;

namespace FedCloud.Cloud.Tests.Azurite;

/// <summary>One storage emulator for all tests that need one.</summary>
public sealed class StorageFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-storage-").FullName;
    private AzuriteProcess? _process;

    public SharedKeyCredential Key { get; } = new(AzuriteProcess.Account, AzuriteProcess.Key);

    public Uri Endpoint => _process?.Endpoint ?? throw new InvalidOperationException("the emulator is not started");

    public static string NewContainer(string what) => $"{what}-{Guid.NewGuid():N}"[..30];

    public RestBlobStore Open(RestBlobStoreOptions? options = null) => new(Endpoint, Key, options: options);

    /// <summary>Opens the storage with Azure's client, in the newest version of the API that the emulator knows.</summary>
    public BlobServiceClient OpenClient() => new(Endpoint, new StorageSharedKeyCredential(AzuriteProcess.Account, AzuriteProcess.Key), new BlobClientOptions(BlobClientOptions.ServiceVersion.V2026_06_06));

    /// <summary>Opens the storage with a signature for one container.</summary>
    public RestBlobStore OpenWith(string container, string permissions, DateTimeOffset? expiry = null) =>
        new(Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(container, Sas(container, permissions, expiry))));

    public string Sas(string container, string permissions, DateTimeOffset? expiry = null) =>
        BlobSas.ForContainer(Key, container, permissions, expiry ?? DateTimeOffset.UtcNow.AddHours(1));

    /// <summary>Creates a blob under a name that our own code would refuse.</summary>
    public async Task PutRawAsync(HttpClient http, string container, string escapedName)
    {
        using HttpRequestMessage request = new(HttpMethod.Put, $"{Endpoint}/{container}/{escapedName}?{Sas(container, BlobSas.Create)}") { Content = new ByteArrayContent([1]) };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        using HttpResponseMessage response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    public async Task InitializeAsync() => _process = await AzuriteProcess.StartAsync(_folder, _ => { }, CancellationToken.None);

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}

[CollectionDefinition(Name)]
public sealed class StorageTests : ICollectionFixture<StorageFixture>
{
    public const string Name = "storage";
}
