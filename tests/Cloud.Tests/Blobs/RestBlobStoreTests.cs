// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Tests.Azurite;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>The REST store on the emulator, opened with the account key.</summary>
[Collection(StorageTests.Name)]
public sealed class RestBlobStoreTests(StorageFixture storage) : BlobStoreConformance, IDisposable
{
    private readonly RestBlobStore _store = storage.Open();

    protected override IBlobStore Store => _store;

    public void Dispose() => _store.Dispose();
}

/// <summary>The REST store on the emulator with limits so small that everything goes by staged blocks.</summary>
[Collection(StorageTests.Name)]
public sealed class RestBlobStoreBlocksTests(StorageFixture storage) : BlobStoreConformance, IDisposable
{
    private readonly RestBlobStore _store = storage.Open(new RestBlobStoreOptions { SinglePutBytes = 1, BlockBytes = 1 << 20 });

    protected override IBlobStore Store => _store;

    public void Dispose() => _store.Dispose();
}
