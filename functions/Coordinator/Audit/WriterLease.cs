// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Audit;

/// <summary>The lease that makes one process the log's writer (audit-log, section 3.1).</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
public sealed class WriterLease(IBlobStore store, TimeProvider time)
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);
    private static readonly BlobName Name = new(StorageNames.LogHead, "writer");

    private string? _lease;
    private long _renewed;

    /// <summary>Whether the lease was held a moment ago; <see cref="RequireAsync"/> makes sure.</summary>
    public bool IsHeld => _lease is not null;

    /// <summary>Takes the lease.</summary>
    /// <returns>False while another process holds it.</returns>
    public async Task<bool> TryTakeAsync(CancellationToken cancellation)
    {
        long at = time.GetTimestamp();
        _lease = await store.AcquireLeaseAsync(Name, Duration, cancellation);
        if (_lease is null && await store.PutIfAbsentAsync(Name, BlobContent.Of([]), cancellation) is PutOutcome.Written)
        {
            at = time.GetTimestamp();
            _lease = await store.AcquireLeaseAsync(Name, Duration, cancellation);
        }

        _renewed = at;
        return _lease is not null;
    }

    /// <summary>Makes sure that the lease is held, and for a while longer. Without it nothing may be written or signed.</summary>
    /// <exception cref="FedCloudException"><c>log_lease_lost</c>.</exception>
    public async Task RequireAsync(CancellationToken cancellation)
    {
        if (_lease is { } lease && time.GetElapsedTime(_renewed) < Duration / 3)
        {
            return;
        }

        long at = time.GetTimestamp();
        if (_lease is null || !await store.RenewLeaseAsync(Name, _lease, cancellation))
        {
            _lease = null;
            throw new FedCloudException(ErrorCodes.LogLeaseLost, "another process writes the log", "run one coordinator only; this one goes on when the other has ended");
        }

        _renewed = at;
    }

    /// <summary>Gives the lease back, so that the next process need not wait for its end.</summary>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        if (_lease is { } lease)
        {
            _lease = null;
            await store.ReleaseLeaseAsync(Name, lease, cancellation);
        }
    }
}
