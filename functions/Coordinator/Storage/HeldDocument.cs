// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Storage;

/// <summary>A stored document in memory. Changes come one after the other, and are durable before they are seen.</summary>
/// <typeparam name="T">Its type, immutable.</typeparam>
public sealed class HeldDocument<T> : IDisposable
    where T : class
{
    private readonly StoredDocument<T> _stored;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private T _current;

    /// <summary>Holds a document.</summary>
    /// <param name="stored">Where it lies.</param>
    /// <param name="current">What was read from there, or written to it, last.</param>
    public HeldDocument(StoredDocument<T> stored, T current)
    {
        _stored = stored;
        _current = current;
    }

    /// <summary>The document as it stands.</summary>
    public T Current => Volatile.Read(ref _current);

    /// <summary>Changes the document; durable when this returns.</summary>
    /// <param name="change">Gives the next document, or the same one for no change.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Whether <see cref="Current"/> is another one now.</returns>
    /// <exception cref="FedCloudException"><c>storage_*</c>: the change was perhaps made; the storage is asked before the next one.</exception>
    public async Task<bool> ReplaceAsync(Func<T, T> change, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(change);
        await _gate.WaitAsync(cancellation);
        try
        {
            T before = _current;
            if (_stored.IsInDoubt && await _stored.LoadAsync(cancellation) is { } stored)
            {
                Volatile.Write(ref _current, stored);
            }

            T next = change(_current);
            if (!ReferenceEquals(next, _current))
            {
                await _stored.SaveAsync(next, cancellation);
                Volatile.Write(ref _current, next);
            }

            return !ReferenceEquals(before, _current);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>After a write whose outcome is not known, asks the storage how the document stands.</summary>
    /// <returns>Whether <see cref="Current"/> is another one now.</returns>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public Task<bool> RefreshAsync(CancellationToken cancellation) => ReplaceAsync(document => document, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();
}
