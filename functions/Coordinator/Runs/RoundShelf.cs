// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>The records of finished rounds, which never change: each is read once, however often somebody asks for all.</summary>
/// <param name="store">The storage.</param>
public sealed class RoundShelf(IBlobStore store)
{
    private const int MaxBytes = 4 << 20;

    private readonly ConcurrentDictionary<BlobName, RoundRecord> _known = [];

    /// <summary>The records of a run, oldest first.</summary>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public async Task<ImmutableArray<RoundRecord>> AllAsync(RunId job, CancellationToken cancellation)
    {
        ImmutableArray<RoundRecord>.Builder records = ImmutableArray.CreateBuilder<RoundRecord>();
        await foreach (BlobItem item in store.ListAsync(StorageNames.State, StorageNames.RoundRecords(job), cancellation))
        {
            BlobName name = new(StorageNames.State, item.Path);
            if (!_known.TryGetValue(name, out RoundRecord? record))
            {
                (byte[] bytes, _) = await store.ReadAsync(name, MaxBytes, cancellation) ?? throw Missing(name);
                record = _known.GetOrAdd(name, JsonSerializer.Deserialize(bytes, DocumentJson.Default.RoundRecord) ?? throw Missing(name));
            }

            records.Add(record);
        }

        return records.ToImmutable();
    }

    private static FedCloudException Missing(BlobName name) => new(ErrorCodes.StorageFailed, $"{name}: expected the record of a round, found none");
}
