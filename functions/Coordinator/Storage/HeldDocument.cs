// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Storage;

/// <summary>A stored document in memory. Changes come one after the other, and are durable before they are seen.</summary>
/// <remarks>A change is made to what is stored: where another process was there first, its document is read and changed instead. So a change must be a function of the document alone.</remarks>
/// <typeparam name="T">Its type, immutable.</typeparam>
public sealed class HeldDocument<T> : IDisposable
    where T : class
{
    // Writers that meet do so for an instant: whoever loses so often has met something else.
    private const int MostTries = 32;

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
            for (int tries = 1; !ReferenceEquals(next, _current) && !await _stored.TrySaveAsync(next, cancellation); tries++)
            {
                Volatile.Write(ref _current, tries < MostTries && await _stored.LoadAsync(cancellation) is { } theirs ? theirs : throw _stored.Contended());
                next = change(_current);
            }

            Volatile.Write(ref _current, next);
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

    /// <summary>Reads the document anew: another process may have changed it.</summary>
    /// <returns>The document as it is stored.</returns>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public async Task<T> ReloadAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            T stored = await _stored.LoadAsync(cancellation) ?? _current;
            Volatile.Write(ref _current, stored);
            return stored;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();
}
