// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>What every blob store does.</summary>
public abstract class BlobStoreConformance
{
    protected abstract Task<(IBlobStore Store, string Container)> OpenAsync();

    [Fact]
    public async Task PutIfAbsent_Twice_WritesOnce()
    {
        (IBlobStore store, string container) = await OpenAsync();
        BlobName name = new(container, "a/b.txt");

        PutOutcome first = await store.PutIfAbsentAsync(name, BlobContent.Of([1, 2]), default);
        PutOutcome second = await store.PutIfAbsentAsync(name, BlobContent.Of([3]), default);

        Assert.IsType<PutOutcome.Written>(first);
        Assert.IsType<PutOutcome.ConditionFailed>(second);
        Assert.Equal([1, 2], (await store.ReadAsync(name, 10, default))!.Value.Bytes);
    }

    [Fact]
    public async Task ReplaceIfMatch_OldETag_IsRefused()
    {
        (IBlobStore store, string container) = await OpenAsync();
        BlobName name = new(container, "x");
        string etag = ((PutOutcome.Written)await store.PutIfAbsentAsync(name, BlobContent.Of([1]), default)).ETag;

        PutOutcome first = await store.ReplaceIfMatchAsync(name, BlobContent.Of([2]), etag, default);
        PutOutcome second = await store.ReplaceIfMatchAsync(name, BlobContent.Of([3]), etag, default);

        Assert.IsType<PutOutcome.Written>(first);
        Assert.IsType<PutOutcome.ConditionFailed>(second);
    }

    [Fact]
    public async Task OpenRead_Range_GivesThatRange()
    {
        (IBlobStore store, string container) = await OpenAsync();
        BlobName name = new(container, "x");
        await store.PutIfAbsentAsync(name, BlobContent.Of([.. Enumerable.Range(0, 100).Select(i => (byte)i)]), default);

        using BlobRead? read = await store.OpenReadAsync(name, 10, 5, default);
        byte[] bytes = new byte[5];
        await read!.Content.ReadExactlyAsync(bytes);

        Assert.Equal([10, 11, 12, 13, 14], bytes);
        Assert.Equal(100, read.BlobLength);
        Assert.Null(await store.OpenReadAsync(new BlobName(container, "missing"), 0, null, default));
    }

    [Fact]
    public async Task Read_LargerThanTheLimit_IsRefused()
    {
        (IBlobStore store, string container) = await OpenAsync();
        await store.PutIfAbsentAsync(new BlobName(container, "x"), BlobContent.Of(new byte[11]), default);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.ReadAsync(new BlobName(container, "x"), 10, default));

        Assert.Equal(ErrorCodes.BlobTooLarge, error.Code);
    }

    [Fact]
    public async Task List_Prefix_GivesThoseBlobsInOrder()
    {
        (IBlobStore store, string container) = await OpenAsync();
        foreach (string path in (string[])["a/2", "a/1", "b/1"])
        {
            await store.PutIfAbsentAsync(new BlobName(container, path), BlobContent.Of([1]), default);
        }

        List<string> paths = [];
        await foreach (BlobItem item in store.ListAsync(container, "a/", default))
        {
            paths.Add(item.Path);
        }

        Assert.Equal(["a/1", "a/2"], paths);
    }

    [Fact]
    public async Task Lease_HeldByOne_KeepsOthersAway()
    {
        (IBlobStore store, string container) = await OpenAsync();
        BlobName name = new(container, "x");
        await store.PutIfAbsentAsync(name, BlobContent.Of([1]), default);

        string? lease = await store.AcquireLeaseAsync(name, TimeSpan.FromSeconds(15), default);

        Assert.NotNull(lease);
        Assert.Null(await store.AcquireLeaseAsync(name, TimeSpan.FromSeconds(15), default));
        Assert.False(await store.DeleteAsync(name, lease: null, default));
        Assert.True(await store.RenewLeaseAsync(name, lease, default));
        Assert.True(await store.DeleteAsync(name, lease, default));
        Assert.False(await store.DeleteAsync(name, lease: null, default));
    }
}

/// <summary>The REST store with the account key on the emulator.</summary>
[Collection(AzuriteTests.Name)]
public sealed class RestBlobStoreTests(AzuriteFixture azurite) : BlobStoreConformance
{
    protected override async Task<(IBlobStore Store, string Container)> OpenAsync() => (azurite.Open(), await azurite.ContainerAsync());

    [Fact]
    public async Task Sas_CreateOnly_CreatesAndNothingElse()
    {
        string container = await azurite.ContainerAsync();
        using RestBlobStore silo = azurite.OpenAs(container, BlobSas.Create);
        BlobName name = new(container, "run/a0");

        PutOutcome created = await silo.PutIfAbsentAsync(name, BlobContent.Of([1]), default);
        PutOutcome again = await silo.PutIfAbsentAsync(name, BlobContent.Of([2]), default);

        Assert.IsType<PutOutcome.Written>(created);
        Assert.IsType<PutOutcome.ConditionFailed>(again);
        await AssertDenied(() => silo.OpenReadAsync(name, 0, null, default));
        await AssertDenied(() => silo.DeleteAsync(name, null, default));
        Assert.IsType<PutOutcome.ConditionFailed>(await silo.ReplaceIfMatchAsync(name, BlobContent.Of([2]), ((PutOutcome.Written)created).ETag, default));
        using RestBlobStore coordinator = azurite.Open();
        Assert.Equal([1], (await coordinator.ReadAsync(name, 10, default))!.Value.Bytes);
        await AssertDenied(async () =>
        {
            await foreach (BlobItem _ in silo.ListAsync(container, string.Empty, default))
            {
            }
        });
    }

    [Fact]
    public async Task Sas_AnotherContainer_IsDenied()
    {
        string own = await azurite.ContainerAsync();
        string other = await azurite.ContainerAsync();
        using RestBlobStore silo = azurite.OpenAs(own, BlobSas.Mailbox);

        await AssertDenied(() => silo.OpenReadAsync(new BlobName(other, "x"), 0, null, default));
    }

    [Fact]
    public async Task Sas_OfOneContainerUsedOnAnother_IsDeniedByTheStorage()
    {
        string own = await azurite.ContainerAsync();
        string other = await azurite.ContainerAsync();
        string token = BlobSas.ForContainer(azurite.Key, own, BlobSas.Mailbox, DateTimeOffset.UtcNow.AddHours(1));
        using RestBlobStore thief = new(azurite.Endpoint, new SasCredential(System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add(other, token)));

        await AssertDenied(() => thief.OpenReadAsync(new BlobName(other, "x"), 0, null, default));
    }

    private static async Task AssertDenied(Func<Task> act) =>
        Assert.Equal(ErrorCodes.StorageDenied, (await Assert.ThrowsAsync<FedCloudException>(act)).Code);
}
