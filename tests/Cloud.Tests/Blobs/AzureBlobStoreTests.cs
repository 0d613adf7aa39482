// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Storage.Blobs;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Tests.Azurite;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>The store on Azure's client, with a service in memory.</summary>
public sealed class AzureBlobStoreTests : BlobStoreConformance
{
    protected override IBlobStore Store { get; } = new AzureBlobStore(new FakeBlobService(new ManualTime()));
}

/// <summary>The same with limits so small that everything goes by staged blocks.</summary>
public sealed class AzureBlobStoreBlocksTests : BlobStoreConformance
{
    protected override IBlobStore Store { get; } = new AzureBlobStore(new FakeBlobService(new ManualTime()), new AzureBlobStoreOptions { SinglePutBytes = 0, BlockBytes = 1 << 20 });
}

/// <summary>The store on Azure's client and the emulator.</summary>
[Collection(StorageTests.Name)]
public sealed class AzureBlobStoreEmulatorTests(StorageFixture storage) : BlobStoreConformance
{
    protected override IBlobStore Store { get; } = new AzureBlobStore(storage.OpenClient());
}

/// <summary>The same with limits so small that everything goes by staged blocks.</summary>
[Collection(StorageTests.Name)]
public sealed class AzureBlobStoreEmulatorBlocksTests(StorageFixture storage) : BlobStoreConformance
{
    protected override IBlobStore Store { get; } = new AzureBlobStore(storage.OpenClient(), new AzureBlobStoreOptions { SinglePutBytes = 0, BlockBytes = 1 << 20 });
}
