// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>Deletes what could open single updates to whoever breaks P-256 later, when an auditor's time for it is over: masked vectors, revealed secrets, encrypted shares (secure-aggregation, section 10).</summary>
/// <remarks>The signed bodies, the sums and the log stay. A blob's age is the storage's.</remarks>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
/// <param name="window">How long they are kept.</param>
public sealed class AuditWindow(IBlobStore store, TimeProvider time, TimeSpan window)
{
    /// <summary>How long they are kept where nothing else is said.</summary>
    public static readonly TimeSpan Default = TimeSpan.FromDays(90);

    private static readonly TimeSpan Period = TimeSpan.FromDays(1);
    private static readonly TimeSpan Retry = TimeSpan.FromHours(1);

    /// <summary>Sweeps now and once a day until it is stopped; trouble of the storage is reported and tried again.</summary>
    /// <param name="silos">The silos that have containers.</param>
    /// <param name="failed">Hears of trouble.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task ServeAsync(Func<IEnumerable<SiloId>> silos, Action<FedCloudException> failed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(silos);
        ArgumentNullException.ThrowIfNull(failed);
        while (!cancellation.IsCancellationRequested)
        {
            TimeSpan pause = Period;
            try
            {
                await SweepAsync(silos(), cancellation);
            }
            catch (FedCloudException error)
            {
                failed(error);
                pause = Retry;
            }

            await Task.Delay(pause, time, cancellation);
        }
    }

    /// <summary>Deletes what is older than the window.</summary>
    /// <param name="silos">The silos that have containers.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>How many blobs were deleted.</returns>
    public async Task<int> SweepAsync(IEnumerable<SiloId> silos, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(silos);
        int deleted = await SweepAsync(StorageNames.Rounds, SecureShelf.EndsWithAuditWindow, cancellation);
        foreach (SiloId silo in silos)
        {
            deleted += await SweepAsync(StorageNames.Up(silo), static _ => true, cancellation);
        }

        return deleted;
    }

    private async Task<int> SweepAsync(string container, Func<string, bool> ends, CancellationToken cancellation)
    {
        int deleted = 0;
        DateTimeOffset oldest = time.GetUtcNow() - window;
        await foreach (BlobItem item in store.ListAsync(container, string.Empty, cancellation))
        {
            if (item.LastModified < oldest && ends(item.Path))
            {
                deleted += await store.DeleteAsync(new BlobName(container, item.Path), lease: null, cancellation) ? 1 : 0;
            }
        }

        return deleted;
    }
}
