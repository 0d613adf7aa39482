// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.SecureAggregation;

public sealed class AuditWindowTests
{
    private static readonly SiloId Silo = new("silo-1");
    private static readonly RunId Job = new("run-1");

    private readonly SimulatedTime _time = new();
    private readonly MemoryBlobStore _store;

    public AuditWindowTests() => _store = new MemoryBlobStore(_time);

    [Fact]
    public async Task Sweep_AfterTheWindow_DeletesWhatOpensSingleUpdatesAndKeepsTheRest()
    {
        Sha256Digest hash = Sha256Digest.Of([1]);
        BlobName[] gone =
        [
            SecureShelf.Vector(Job, 1, hash, 1),
            SecureShelf.Secrets(Job, 1, hash),
            SecureShelf.SharesParcel(hash, 1, hash),
            new(StorageNames.Up(Silo), "run-1/r000001/a0"),
        ];
        BlobName[] kept =
        [
            SecureShelf.Start(Job, 1, hash), SecureShelf.Masked(Job, 1, hash, 1, hash), SecureShelf.Consistency(Job, 1, hash, 1, hash), SecureShelf.Sum(Job, 1, hash), SecureShelf.Result(Job, 1, hash),
            SecureShelf.Parameters(hash), SecureShelf.Advertise(hash, 1, hash), SecureShelf.Shares(hash, 1, hash), SecureShelf.Ack(hash, 1, hash),
        ];
        await PutAsync([.. gone, .. kept]);
        AuditWindow window = new(_store, _time, TimeSpan.FromDays(90));

        _time.Advance(TimeSpan.FromDays(90));
        Assert.Equal(0, await window.SweepAsync([Silo], default));
        _time.Advance(TimeSpan.FromSeconds(2));
        BlobName young = SecureShelf.Vector(Job, 2, hash, 1);
        await PutAsync(young);

        Assert.Equal(gone.Length, await window.SweepAsync([Silo], default));
        Assert.All(gone, name => Assert.Null(ReadAsync(name).Result));
        Assert.All([.. kept, young], name => Assert.NotNull(ReadAsync(name).Result));
        Assert.Equal(0, await window.SweepAsync([Silo], default));
    }

    private async Task PutAsync(params BlobName[] names)
    {
        foreach (BlobName name in names)
        {
            await _store.EnsureContainerAsync(name.Container, default);
            await _store.PutIfAbsentAsync(name, BlobContent.Of([1]), default);
        }
    }

    private Task<(byte[] Bytes, string ETag)?> ReadAsync(BlobName name) => _store.ReadAsync(name, 16, default);
}
