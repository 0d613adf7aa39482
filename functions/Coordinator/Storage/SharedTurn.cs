// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Storage;

/// <summary>Lets one at a time do something, of this process and of others that work on the same storage.</summary>
/// <remarks>Across processes a lease of a minute does it. Whoever takes longer may meet the next one: then the ETags of what both write decide.</remarks>
/// <param name="store">The storage.</param>
/// <param name="name">What they take turns at; null where no other process is there.</param>
/// <param name="time">The clock.</param>
/// <param name="patience">How long to wait for others.</param>
public sealed class SharedTurn(IBlobStore store, BlobName? name, TimeProvider time, TimeSpan patience = default) : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Whether other processes take turns too: then what is in memory may be old.</summary>
    public bool IsShared => name is not null;

    /// <summary>Waits for a turn.</summary>
    /// <returns>Ends the turn when it is disposed of.</returns>
    /// <exception cref="FedCloudException"><c>storage_unreachable</c>: others were at it all the time.</exception>
    public async Task<IAsyncDisposable> TakeAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return new Turn(this, await LeaseAsync(cancellation));
        }
        catch
        {
            _gate.Release();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<string?> LeaseAsync(CancellationToken cancellation)
    {
        if (name is not { } shared)
        {
            return null;
        }

        long began = time.GetTimestamp();
        while (true)
        {
            if (await store.AcquireLeaseAsync(shared, Longest, cancellation) is { } lease)
            {
                return lease;
            }

            // There is no such blob yet, or another holds it.
            if (await store.PutIfAbsentAsync(shared, BlobContent.Of([]), cancellation) is PutOutcome.Written)
            {
                continue;
            }

            if (time.GetElapsedTime(began) >= patience)
            {
                throw new FedCloudException(ErrorCodes.StorageUnreachable, $"{shared} was held by others for {patience.TotalSeconds:0} s");
            }

            await Task.Delay(Poll, time, cancellation);
        }
    }

    private async Task EndAsync(string? lease)
    {
        try
        {
            if (lease is not null && name is { } shared)
            {
                await store.ReleaseLeaseAsync(shared, lease, CancellationToken.None);
            }
        }
        catch (FedCloudException)
        {
            // A lease that is not given back ends by itself; what was done under it is done.
        }
        finally
        {
            _gate.Release();
        }
    }

    private sealed class Turn(SharedTurn owner, string? lease) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => new(owner.EndAsync(lease));
    }
}
