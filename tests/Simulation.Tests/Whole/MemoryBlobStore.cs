// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.ObjectModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Blob storage in memory, with the storage's own clock. Every operation is over when it returns.</summary>
internal sealed class MemoryBlobStore(TimeProvider time) : IBlobStore
{
    private readonly SortedDictionary<string, SortedDictionary<string, Stored>> _containers = new(StringComparer.Ordinal);
    private int _writes;

    /// <summary>Says how long a new blob stays hidden from lists, as if its message were on the way; null for not at all.</summary>
    public Func<BlobName, TimeSpan>? Delay { get; set; }

    /// <summary>Hears of everything that is stored.</summary>
    public Action<BlobName, byte[]>? Written { get; set; }

    /// <summary>Says which blobs nobody is shown; null for none.</summary>
    public Func<BlobName, bool>? Hides { get; set; }

    /// <summary>The next moment at which a hidden blob appears.</summary>
    public DateTimeOffset? NextAppearance =>
        _containers.Values.SelectMany(container => container.Values).Where(blob => blob.Appears > time.GetUtcNow()).Min(blob => (DateTimeOffset?)blob.Appears);

    /// <summary>A blob's bytes.</summary>
    public byte[] Peek(string container, string path) => Container(container)[path].Bytes;

    /// <summary>Changes a blob's bytes behind everybody's back.</summary>
    public void Tamper(string container, string path, Func<byte[], byte[]> change)
    {
        Stored blob = Container(container)[path];
        blob.Bytes = change(blob.Bytes);
    }

    public Task EnsureContainerAsync(string container, CancellationToken cancellation)
    {
        _containers.TryAdd(container, new SortedDictionary<string, Stored>(StringComparer.Ordinal));
        return Task.CompletedTask;
    }

    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) =>
        Task.FromResult<PutOutcome>(Find(name) is null ? Write(name, content, lease: null, leaseEnds: default, time.GetUtcNow() + (Delay?.Invoke(name) ?? TimeSpan.Zero)) : new PutOutcome.ConditionFailed());

    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) =>
        Task.FromResult<PutOutcome>(Find(name) is { } there && string.Equals(there.ETag, etag, StringComparison.Ordinal) && !IsLeased(there)
            ? Write(name, content, lease: null, leaseEnds: default, there.Appears)
            : new PutOutcome.ConditionFailed());

    public Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation)
    {
        if (Holder(name, lease) is not { } there)
        {
            return Task.FromResult(false);
        }

        Write(name, content, there.Lease, there.LeaseEnds, there.Appears);
        return Task.FromResult(true);
    }

    public Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation)
    {
        if (Find(name) is not { } there || Hides?.Invoke(name) == true)
        {
            return Task.FromResult<BlobRead?>(null);
        }

        int count = (int)Math.Min(length ?? long.MaxValue, there.Bytes.Length - offset);
        MemoryStream content = new(there.Bytes, (int)offset, count, writable: false);
        return Task.FromResult<BlobRead?>(new BlobRead(content, content, there.ETag, there.Bytes.Length, there.Metadata));
    }

    public async IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.CompletedTask;
        foreach ((string path, Stored blob) in Container(container).Where(blob => blob.Key.StartsWith(prefix, StringComparison.Ordinal) && blob.Value.Appears <= time.GetUtcNow()).ToList())
        {
            yield return new BlobItem(path, blob.Bytes.Length, blob.LastModified, IsLeased(blob)) { Metadata = blob.Metadata };
        }
    }

    public Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation)
    {
        bool mayGo = Find(name) is { } there && (IsLeased(there) ? string.Equals(there.Lease, lease, StringComparison.Ordinal) : lease is null);
        return Task.FromResult(mayGo && Container(name.Container).Remove(name.Path));
    }

    public Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation)
    {
        if (Find(name) is not { } there || IsLeased(there))
        {
            return Task.FromResult<string?>(null);
        }

        there.Lease = string.Create(CultureInfo.InvariantCulture, $"lease-{++_writes}");
        there.LeaseFor = duration;
        there.LeaseEnds = time.GetUtcNow() + duration;
        return Task.FromResult<string?>(there.Lease);
    }

    public Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        // As in Azure, a lease that has run out can be renewed while nobody else took it.
        if (Find(name) is not { } there || !string.Equals(there.Lease, lease, StringComparison.Ordinal))
        {
            return Task.FromResult(false);
        }

        there.LeaseEnds = time.GetUtcNow() + there.LeaseFor;
        return Task.FromResult(true);
    }

    public Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        if (Find(name) is not { } there || !string.Equals(there.Lease, lease, StringComparison.Ordinal))
        {
            return Task.FromResult(false);
        }

        there.Lease = null;
        return Task.FromResult(true);
    }

    public Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation)
    {
        if (Holder(name, lease) is not { } there)
        {
            return Task.FromResult(false);
        }

        there.Metadata = metadata;
        there.ETag = NextETag();
        there.LastModified = Second();
        return Task.FromResult(true);
    }

    private SortedDictionary<string, Stored> Container(string container) =>
        _containers.TryGetValue(container, out SortedDictionary<string, Stored>? found) ? found : throw new FedCloudException(ErrorCodes.ContainerMissing, $"expected the container {container}, found none");

    private Stored? Find(BlobName name) => Container(name.Container).GetValueOrDefault(name.Path);

    private Stored? Holder(BlobName name, string lease) => Find(name) is { } there && IsLeased(there) && string.Equals(there.Lease, lease, StringComparison.Ordinal) ? there : null;

    private bool IsLeased(Stored blob) => blob.Lease is not null && blob.LeaseEnds > time.GetUtcNow();

    private PutOutcome.Written Write(BlobName name, BlobContent content, string? lease, DateTimeOffset leaseEnds, DateTimeOffset appears)
    {
        using MemoryStream bytes = new();
        using (Stream source = content.Open())
        {
            source.CopyTo(bytes);
        }

        Stored blob = new()
        {
            Bytes = bytes.ToArray(),
            Metadata = new ReadOnlyDictionary<string, string>(content.Metadata.ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal)),
            ETag = NextETag(),
            LastModified = Second(),
            Lease = lease,
            LeaseEnds = leaseEnds,
            LeaseFor = Find(name)?.LeaseFor ?? default,
            Appears = appears,
        };
        Container(name.Container)[name.Path] = blob;
        Written?.Invoke(name, blob.Bytes);
        return new PutOutcome.Written(blob.ETag);
    }

    private string NextETag() => string.Create(CultureInfo.InvariantCulture, $"\"{++_writes}\"");

    // The storage tells times to the second.
    private DateTimeOffset Second() => DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());

    private sealed class Stored
    {
        public required byte[] Bytes { get; set; }

        public required IReadOnlyDictionary<string, string> Metadata { get; set; }

        public required string ETag { get; set; }

        public required DateTimeOffset LastModified { get; set; }

        public required DateTimeOffset Appears { get; init; }

        public string? Lease { get; set; }

        public DateTimeOffset LeaseEnds { get; set; }

        public TimeSpan LeaseFor { get; set; }
    }
}
