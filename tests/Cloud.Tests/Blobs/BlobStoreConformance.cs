// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Tests.Azurite;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>What every blob store does. A derived class says which store it is.</summary>
public abstract class BlobStoreConformance : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private readonly string _container = StorageFixture.NewContainer("blobs");

    protected abstract IBlobStore Store { get; }

    public Task InitializeAsync() => Store.EnsureContainerAsync(_container, None);

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task EnsureContainer_Again_Succeeds()
    {
        await Store.EnsureContainerAsync(_container, None);

        Assert.Equal([], await ListAsync(string.Empty));
    }

    [Fact]
    public async Task PutIfAbsent_NewName_CanBeRead()
    {
        PutOutcome outcome = await Store.PutIfAbsentAsync(Name("a/b.bin"), Content("hello"), None);

        (byte[] bytes, string etag) = (await Store.ReadAsync(Name("a/b.bin"), 100, None)).GetValueOrDefault();
        Assert.Equal("hello", Encoding.UTF8.GetString(bytes));
        Assert.Equal(Assert.IsType<PutOutcome.Written>(outcome).ETag, etag);
    }

    [Fact]
    public async Task PutIfAbsent_TakenName_ChangesNothing()
    {
        await Store.PutIfAbsentAsync(Name("taken"), Content("first"), None);

        PutOutcome outcome = await Store.PutIfAbsentAsync(Name("taken"), Content("second"), None);

        Assert.IsType<PutOutcome.ConditionFailed>(outcome);
        Assert.Equal("first", await TextAsync("taken"));
    }

    [Fact]
    public async Task PutIfAbsent_ManyAtOnce_OneWins()
    {
        PutOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Store.PutIfAbsentAsync(Name("race"), Content($"writer {i}"), None)));

        int winner = Array.FindIndex(outcomes, outcome => outcome is PutOutcome.Written);
        Assert.Single(outcomes, outcome => outcome is PutOutcome.Written);
        Assert.Equal($"writer {winner}", await TextAsync("race"));
    }

    [Fact]
    public async Task PutIfAbsent_NoContainer_SaysContainerMissing()
    {
        BlobName name = new(StorageFixture.NewContainer("nowhere"), "a");

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Store.PutIfAbsentAsync(name, Content("lost"), None));

        Assert.Equal(ErrorCodes.ContainerMissing, error.Code);
    }

    [Fact]
    public async Task PutIfAbsent_EmptyContent_IsABlob()
    {
        await Store.PutIfAbsentAsync(Name("empty"), Content(string.Empty), None);

        Assert.Equal(string.Empty, await TextAsync("empty"));
        Assert.Equal([new { Path = "empty", Length = 0L }], (await ListAsync("empty")).Select(item => new { item.Path, item.Length }));
    }

    [Fact]
    public async Task PutIfAbsent_WithMetadata_ReadsAndListsIt()
    {
        await Store.PutIfAbsentAsync(Name("noted"), Content("x", ("reason", "signature_invalid")), None);

        using BlobRead? read = await Store.OpenReadAsync(Name("noted"), 0, null, None);
        Assert.Equal("signature_invalid", read?.Metadata["reason"]);
        Assert.Equal("signature_invalid", Assert.Single(await ListAsync("noted")).Metadata["reason"]);
    }

    [Fact]
    public async Task PutIfAbsent_File_IsStreamedWhole()
    {
        string path = Path.GetTempFileName();
        byte[] bytes = new byte[3_000_001];
        new Random(7).NextBytes(bytes);
        await File.WriteAllBytesAsync(path, bytes);

        await Store.PutIfAbsentAsync(Name("large"), BlobContent.OfFile(path), None);
        File.Delete(path);

        Assert.Equal(bytes, (await Store.ReadAsync(Name("large"), bytes.Length, None))?.Bytes);
    }

    [Fact]
    public async Task ReplaceIfMatch_RightETag_Replaces()
    {
        PutOutcome.Written first = Assert.IsType<PutOutcome.Written>(await Store.PutIfAbsentAsync(Name("pointer"), Content("v1"), None));

        PutOutcome.Written second = Assert.IsType<PutOutcome.Written>(await Store.ReplaceIfMatchAsync(Name("pointer"), Content("v2"), first.ETag, None));

        Assert.NotEqual(first.ETag, second.ETag, StringComparer.Ordinal);
        Assert.Equal("v2", await TextAsync("pointer"));
    }

    [Fact]
    public async Task ReplaceIfMatch_OldETag_ChangesNothing()
    {
        PutOutcome.Written first = Assert.IsType<PutOutcome.Written>(await Store.PutIfAbsentAsync(Name("pointer"), Content("v1"), None));
        await Store.ReplaceIfMatchAsync(Name("pointer"), Content("v2"), first.ETag, None);

        PutOutcome outcome = await Store.ReplaceIfMatchAsync(Name("pointer"), Content("v3"), first.ETag, None);

        Assert.IsType<PutOutcome.ConditionFailed>(outcome);
        Assert.Equal("v2", await TextAsync("pointer"));
    }

    [Fact]
    public async Task ReplaceIfMatch_BlobGone_Fails()
    {
        PutOutcome.Written first = Assert.IsType<PutOutcome.Written>(await Store.PutIfAbsentAsync(Name("gone"), Content("v1"), None));
        await Store.DeleteAsync(Name("gone"), null, None);

        PutOutcome outcome = await Store.ReplaceIfMatchAsync(Name("gone"), Content("v2"), first.ETag, None);

        Assert.IsType<PutOutcome.ConditionFailed>(outcome);
        Assert.Null(await TextAsync("gone"));
    }

    [Fact]
    public async Task OpenRead_Absent_IsNull()
    {
        Assert.Null(await Store.OpenReadAsync(Name("absent"), 0, null, None));
    }

    [Theory]
    [InlineData(0, null, "0123456789")]
    [InlineData(3, null, "3456789")]
    [InlineData(0, 4, "0123")]
    [InlineData(3, 4, "3456")]
    [InlineData(8, 100, "89")]
    public async Task OpenRead_Range_ReturnsJustThat(int offset, int? length, string expected)
    {
        await Store.PutIfAbsentAsync(Name("digits"), Content("0123456789"), None);

        using BlobRead? read = await Store.OpenReadAsync(Name("digits"), offset, length, None);

        Assert.NotNull(read);
        using StreamReader reader = new(read.Content);
        Assert.Equal(expected, await reader.ReadToEndAsync());
        Assert.Equal(10, read.BlobLength);
    }

    [Fact]
    public async Task Read_LargerThanAllowed_Refuses()
    {
        await Store.PutIfAbsentAsync(Name("big"), Content("0123456789"), None);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Store.ReadAsync(Name("big"), 9, None));

        Assert.Equal(ErrorCodes.BlobTooLarge, error.Code);
    }

    [Fact]
    public async Task List_Prefix_GivesOnlyThoseInOrder()
    {
        foreach (string path in (string[])["b/4", "a/2", "ab/3", "a/1"])
        {
            await Store.PutIfAbsentAsync(Name(path), Content(path), None);
        }

        Assert.Equal(["a/1", "a/2"], (await ListAsync("a/")).Select(item => item.Path), StringComparer.Ordinal);
        Assert.Equal(["a/1", "a/2", "ab/3", "b/4"], (await ListAsync(string.Empty)).Select(item => item.Path), StringComparer.Ordinal);
    }

    [Fact]
    public async Task List_NoContainer_SaysContainerMissing()
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(async () =>
        {
            await foreach (BlobItem item in Store.ListAsync(StorageFixture.NewContainer("nowhere"), string.Empty, None))
            {
                Assert.Fail($"found {item.Path}");
            }
        });

        Assert.Equal(ErrorCodes.ContainerMissing, error.Code);
    }

    [Fact]
    public async Task Delete_Blob_IsGoneOnce()
    {
        await Store.PutIfAbsentAsync(Name("x"), Content("x"), None);

        Assert.True(await Store.DeleteAsync(Name("x"), null, None));
        Assert.False(await Store.DeleteAsync(Name("x"), null, None));
        Assert.Null(await TextAsync("x"));
    }

    [Fact]
    public async Task AcquireLease_Twice_SecondGetsNothing()
    {
        await Store.PutIfAbsentAsync(Name("x"), Content("x"), None);

        string? first = await Store.AcquireLeaseAsync(Name("x"), Lease, None);
        string? second = await Store.AcquireLeaseAsync(Name("x"), Lease, None);

        Assert.NotNull(first);
        Assert.Null(second);
        Assert.True(Assert.Single(await ListAsync("x")).Leased);
    }

    [Fact]
    public async Task AcquireLease_Absent_GetsNothing()
    {
        Assert.Null(await Store.AcquireLeaseAsync(Name("absent"), Lease, None));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(61)]
    public async Task AcquireLease_DurationOutOfBounds_Throws(int seconds)
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.AcquireLeaseAsync(Name("x"), TimeSpan.FromSeconds(seconds), None));
    }

    [Fact]
    public async Task ReleaseLease_ThenRenew_IsLost()
    {
        string lease = await LeasedAsync("x");

        Assert.True(await Store.RenewLeaseAsync(Name("x"), lease, None));
        Assert.True(await Store.ReleaseLeaseAsync(Name("x"), lease, None));
        Assert.False(await Store.RenewLeaseAsync(Name("x"), lease, None));
        Assert.NotNull(await Store.AcquireLeaseAsync(Name("x"), Lease, None));
    }

    [Fact]
    public async Task Delete_Leased_NeedsTheLease()
    {
        string lease = await LeasedAsync("x");

        Assert.False(await Store.DeleteAsync(Name("x"), null, None));
        Assert.False(await Store.DeleteAsync(Name("x"), Guid.NewGuid().ToString(), None));
        Assert.True(await Store.DeleteAsync(Name("x"), lease, None));
    }

    [Fact]
    public async Task SetMetadata_UnderLease_KeepsTheBytes()
    {
        string lease = await LeasedAsync("x");

        bool done = await Store.SetMetadataAsync(Name("x"), new Dictionary<string, string>(StringComparer.Ordinal) { ["deliveries"] = "3" }, lease, None);

        using BlobRead? read = await Store.OpenReadAsync(Name("x"), 0, null, None);
        Assert.True(done);
        Assert.Equal("3", read?.Metadata["deliveries"]);
        Assert.Equal("x", await TextAsync("x"));
    }

    [Fact]
    public async Task SetMetadata_LeaseLost_IsFalse()
    {
        string lease = await LeasedAsync("x");
        await Store.ReleaseLeaseAsync(Name("x"), lease, None);

        Assert.False(await Store.SetMetadataAsync(Name("x"), new Dictionary<string, string>(StringComparer.Ordinal) { ["deliveries"] = "3" }, lease, None));
    }

    [Fact]
    public async Task ReplaceLeased_UnderLease_ReplacesBytesAndMetadata()
    {
        string lease = await LeasedAsync("x");

        bool done = await Store.ReplaceLeasedAsync(Name("x"), Content(string.Empty, ("done", "1")), lease, None);

        using BlobRead? read = await Store.OpenReadAsync(Name("x"), 0, null, None);
        Assert.True(done);
        Assert.Equal("1", read?.Metadata["done"]);
        Assert.Equal(0, read?.BlobLength);
        Assert.True(await Store.RenewLeaseAsync(Name("x"), lease, None));
    }

    [Fact]
    public async Task ReplaceLeased_LeaseLost_ChangesNothing()
    {
        string lease = await LeasedAsync("x");
        await Store.ReleaseLeaseAsync(Name("x"), lease, None);

        Assert.False(await Store.ReplaceLeasedAsync(Name("x"), Content("y"), lease, None));
        Assert.False(await Store.ReplaceLeasedAsync(Name("absent"), Content("y"), lease, None));
        Assert.Equal("x", await TextAsync("x"));
    }

    [Fact]
    public async Task ReplaceIfMatch_LeasedByAnother_ChangesNothing()
    {
        PutOutcome.Written first = Assert.IsType<PutOutcome.Written>(await Store.PutIfAbsentAsync(Name("x"), Content("x"), None));
        await Store.AcquireLeaseAsync(Name("x"), Lease, None);

        Assert.IsType<PutOutcome.ConditionFailed>(await Store.ReplaceIfMatchAsync(Name("x"), Content("y"), first.ETag, None));
        Assert.Equal("x", await TextAsync("x"));
    }

    [Fact]
    public async Task PutOnce_SameBytes_SucceedsAndOthersFail()
    {
        await Store.PutOnceAsync(Name("once"), "same"u8.ToArray(), None);
        await Store.PutOnceAsync(Name("once"), "same"u8.ToArray(), None);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Store.PutOnceAsync(Name("once"), "else"u8.ToArray(), None));

        Assert.Equal(ErrorCodes.StorageFailed, error.Code);
        Assert.Equal("same", await TextAsync("once"));
    }

    [Fact]
    public async Task PutOnce_LongerContentIsThere_SaysAnotherContent()
    {
        await Store.PutOnceAsync(Name("once"), "longer than the other"u8.ToArray(), None);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Store.PutOnceAsync(Name("once"), "short"u8.ToArray(), None));

        Assert.Equal(ErrorCodes.StorageFailed, error.Code);
    }

    private static BlobContent Content(string text, params ReadOnlySpan<(string Key, string Value)> metadata)
    {
        Dictionary<string, string> notes = new(StringComparer.Ordinal);
        foreach ((string key, string value) in metadata)
        {
            notes[key] = value;
        }

        return BlobContent.Of(Encoding.UTF8.GetBytes(text)).WithMetadata(notes);
    }

    private BlobName Name(string path) => new(_container, path);

    private async Task<string> LeasedAsync(string path)
    {
        await Store.PutIfAbsentAsync(Name(path), Content("x"), None);
        return await Store.AcquireLeaseAsync(Name(path), Lease, None) ?? throw new InvalidOperationException("no lease");
    }

    private async Task<string?> TextAsync(string path) =>
        await Store.ReadAsync(Name(path), 1 << 20, None) is { } read ? Encoding.UTF8.GetString(read.Bytes) : null;

    private async Task<List<BlobItem>> ListAsync(string prefix)
    {
        List<BlobItem> items = [];
        await foreach (BlobItem item in Store.ListAsync(_container, prefix, None))
        {
            items.Add(item);
        }

        return items;
    }
}
