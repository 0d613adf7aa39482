// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The party's process ended here.</summary>
internal sealed class SimulatedCrashException : Exception;

/// <summary>What goes wrong with one request.</summary>
internal enum RequestFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It never arrives.</summary>
    Lost,

    /// <summary>It is carried out, and its answer never arrives.</summary>
    AnswerLost,

    /// <summary>The party crashes before it is sent.</summary>
    CrashBefore,

    /// <summary>It is carried out, and the party crashes before it learns so.</summary>
    CrashAfter,
}

/// <summary>The storage as one party sees it: any request may be lost before or after it is carried out, and the party may crash at either point.</summary>
/// <param name="store">The storage.</param>
/// <param name="next">Says what goes wrong with the next request.</param>
internal sealed class UnreliableStore(IBlobStore store, Func<RequestFault> next) : IBlobStore
{
    public Task EnsureContainerAsync(string container, CancellationToken cancellation) => DoAsync(async () =>
    {
        await store.EnsureContainerAsync(container, cancellation);
        return true;
    });

    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) => DoAsync(() => store.PutIfAbsentAsync(name, content, cancellation));

    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) => DoAsync(() => store.ReplaceIfMatchAsync(name, content, etag, cancellation));

    public Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation) => DoAsync(() => store.ReplaceLeasedAsync(name, content, lease, cancellation));

    public Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation) => DoAsync(() => store.OpenReadAsync(name, offset, length, cancellation));

    public async IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await DoAsync(() => Task.FromResult(true));
        await foreach (BlobItem item in store.ListAsync(container, prefix, cancellation))
        {
            yield return item;
        }
    }

    public Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation) => DoAsync(() => store.DeleteAsync(name, lease, cancellation));

    public Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation) => DoAsync(() => store.AcquireLeaseAsync(name, duration, cancellation));

    public Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => DoAsync(() => store.RenewLeaseAsync(name, lease, cancellation));

    public Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => DoAsync(() => store.ReleaseLeaseAsync(name, lease, cancellation));

    public Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation) => DoAsync(() => store.SetMetadataAsync(name, metadata, lease, cancellation));

    private async Task<T> DoAsync<T>(Func<Task<T>> request)
    {
        RequestFault fault = next();
        switch (fault)
        {
            case RequestFault.Lost:
                throw new FedCloudException(ErrorCodes.StorageUnreachable, "the request was lost");
            case RequestFault.CrashBefore:
                throw new SimulatedCrashException();
        }

        T result = await request();
        return fault switch
        {
            RequestFault.AnswerLost => throw new FedCloudException(ErrorCodes.StorageUnreachable, "the answer was lost"),
            RequestFault.CrashAfter => throw new SimulatedCrashException(),
            _ => result,
        };
    }
}
