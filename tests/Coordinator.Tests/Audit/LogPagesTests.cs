// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Audit;

public sealed class LogPagesTests
{
    private readonly MemoryBlobStore _store = new(new SimulatedTime());

    [Fact]
    public async Task Read_WithoutAFilter_TurnsPagesDownToTheFirstEntry()
    {
        await WriteAsync(600);
        List<long> seen = [];
        long? before = null;
        do
        {
            LogPage page = await ReadAsync(600, new EntryQuery(), before, 200);
            Assert.Equal(600, page.Size);
            Assert.All(page.Entries, line => Assert.Equal(line.Index + 1, line.Entry.GetProperty("seq").GetInt64()));
            seen.AddRange(page.Entries.Select(line => line.Index));
            before = page.Next;
        }
        while (before is not null);

        Assert.Equal(Enumerable.Range(0, 600).Select(i => (long)i).Reverse(), seen);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    public async Task Read_AtEverySize_BeginsWithTheNewestEntry(int size)
    {
        await WriteAsync(size);

        LogPage page = await ReadAsync(size, new EntryQuery(), null, 3);

        Assert.Equal(size - 1, page.Entries[0].Index);
        Assert.Equal(size > 3 ? size - 3 : null, page.Next);
        Assert.Empty((await ReadAsync(size, new EntryQuery(), 0, 3)).Entries);
        Assert.Equal(page.Entries[0].Index, (await ReadAsync(size, new EntryQuery(), 1_000_000, 3)).Entries[0].Index);
    }

    [Fact]
    public async Task Read_SomethingRareInALongLog_SearchesABoundedPartAndGoesOn()
    {
        await WriteAsync(20_000, rare: 100);
        EntryQuery rare = new() { Type = EntryTypes.Alarm, Actor = "silo-2", Job = "run-1" };
        int asked = 0;
        LogPage page;
        long? before = null;
        do
        {
            page = await ReadAsync(20_000, rare, before, 50);
            asked++;
            Assert.True(page.Entries.IsEmpty || page.Entries is [{ Index: 100 }]);
            before = page.Next;
        }
        while (before is not null && page.Entries.IsEmpty);

        // 8,192 entries a page.
        Assert.Equal(3, asked);
        Assert.Equal(100, Assert.Single(page.Entries).Index);
        Assert.Empty((await ReadAsync(20_000, rare with { Round = 7 }, 300, 50)).Entries);
        Assert.Empty((await ReadAsync(20_000, rare with { Actor = "admin" }, 300, 50)).Entries);
        Assert.Single((await ReadAsync(20_000, rare with { Actor = "silo" }, 300, 50)).Entries);
    }

    [Theory]
    [InlineData(null, null, 0)]
    [InlineData(null, null, 201)]
    [InlineData(null, -1L, 50)]
    [InlineData("no_such_type", null, 50)]
    public async Task Read_ImpossibleRequest_IsRefused(string? type, long? before, int limit)
    {
        await WriteAsync(3);

        Assert.Equal(ErrorCodes.RequestMalformed, (await Assert.ThrowsAsync<FedCloudException>(() => ReadAsync(3, new EntryQuery { Type = type }, before, limit))).Code);
    }

    private Task<LogPage> ReadAsync(long size, EntryQuery query, long? before, int limit) => new LogPages(new LogStore(_store)).ReadAsync(size, query, before, limit, CancellationToken.None);

    // Pages are read, not verified: signatures are of no matter here.
    private async Task WriteAsync(int size, int? rare = null)
    {
        await _store.EnsureContainerAsync(StorageNames.Log, CancellationToken.None);
        EntryActor coordinator = new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = Sha256Digest.Zero };
        EntryActor silo = new() { Kind = EntryActor.Silo, Id = "silo-2", KeyId = Sha256Digest.Zero };
        byte[][] entries = [.. Enumerable.Range(0, size).Select(i =>
        {
            EntryDraft draft = i == rare
                ? EntryDraft.Of(EntryTypes.Alarm, new RunId("run-1")).With("code", "round_conflict").With("evidence_1", Sha256Digest.Of("evidence"u8))
                : EntryDraft.Of(EntryTypes.Access).With("resource", Sha256Digest.Of("resource"u8)).With("operation", string.Create(CultureInfo.InvariantCulture, $"read_{i}")).With("result", "allowed");
            return draft.ToEntry(new FederationId("test-federation"), i == rare ? silo : coordinator, i + 1, DateTimeOffset.UnixEpoch).WithSignature(new byte[64]).ToBytes();
        })];
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            byte[] bytes = EntryBundle.Write([.. entries.Skip((int)bundle.Index * HashTile.FullWidth).Take(bundle.Width)]);
            await _store.PutIfAbsentAsync(new BlobName(StorageNames.Log, bundle.Path), BlobContent.Of(bytes), CancellationToken.None);
        }
    }
}
