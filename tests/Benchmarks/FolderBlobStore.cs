// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;

namespace FedCloud.Benchmarks;

/// <summary>Blobs as files, so that a benchmark of the coordinator measures no emulator.</summary>
internal sealed class FolderBlobStore(string folder) : IBlobStore
{
    /// <summary>The blob that every silo's upload reads from.</summary>
    public BlobName? UploadsReadFrom { get; set; }

    public string PathOf(BlobName name)
    {
        string path = Path.Combine(folder, name.Container, name.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    public Task EnsureContainerAsync(string container, CancellationToken cancellation) => Task.CompletedTask;

    public async Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation)
    {
        await using FileStream target = File.Create(PathOf(name));
        await using Stream source = content.Open();
        await source.CopyToAsync(target, cancellation);
        return new PutOutcome.Written("\"1\"");
    }

    public Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation)
    {
        BlobName stored = name.Container.StartsWith("up-", StringComparison.Ordinal) && UploadsReadFrom is { } shared ? shared : name;
        FileStream stream = new(PathOf(stored), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0) { Position = offset };
        return Task.FromResult<BlobRead?>(new BlobRead(stream, stream, "\"1\"", stream.Length, new Dictionary<string, string>()));
    }

    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) => throw new NotSupportedException();

    public IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation) => throw new NotSupportedException();
}
