// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>Azure Blob Storage in memory, behind the client's own classes: containers, ETags, leases, staged blocks, lists in pages of two.</summary>
internal sealed class FakeBlobService(TimeProvider time) : BlobServiceClient
{
    private readonly Dictionary<string, FakeContainer> _containers = new(StringComparer.Ordinal);
    private int _etags;

    public Lock Gate { get; } = new();

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Throws before the service sees the operation; gets the operation's and the blob's name.</summary>
    public Action<string, string> Before { get; set; } = (_, _) => { };

    /// <summary>Whether the next answer to a write is lost, so that the client sends it again by itself.</summary>
    public bool LosesAnswer { get; set; }

    /// <summary>Changes the bytes that a download hands out.</summary>
    public Func<Stream, Stream> Body { get; set; } = body => body;

    /// <summary>The operations, in order.</summary>
    public List<string> Operations { get; } = [];

    public override BlobContainerClient GetBlobContainerClient(string blobContainerName)
    {
        lock (Gate)
        {
            return _containers.TryGetValue(blobContainerName, out FakeContainer? there) ? there : _containers[blobContainerName] = new FakeContainer(this);
        }
    }

    public static RequestFailedException Failure(int status, string code) => new(status, code, code, null);

    public ETag NextETag() => new($"0x{++_etags:X}");

    /// <summary>Carries out an operation, twice where the first answer is lost.</summary>
    public Task<Response<T>> RunAsync<T>(string operation, string name, Func<T> act)
    {
        try
        {
            lock (Gate)
            {
                Operations.Add(operation);
                Before(operation, name);
                T result = act();
                if (LosesAnswer && operation is not "properties")
                {
                    LosesAnswer = false;
                    result = act();
                }

                return Task.FromResult(FakeResponse.With(result));
            }
        }
        catch (Exception error)
        {
            return Task.FromException<Response<T>>(error);
        }
    }
}

/// <summary>A container of the fake.</summary>
internal sealed class FakeContainer(FakeBlobService service) : BlobContainerClient
{
    public bool IsThere { get; private set; }

    public SortedDictionary<string, FakeBlob> Blobs { get; } = new(StringComparer.Ordinal);

    public override Task<Response<BlobContainerInfo>> CreateIfNotExistsAsync(
        PublicAccessType publicAccessType = PublicAccessType.None,
        IDictionary<string, string>? metadata = null,
        BlobContainerEncryptionScopeOptions? encryptionScopeOptions = null,
        CancellationToken cancellationToken = default) => service.RunAsync("container", string.Empty, () =>
        {
            IsThere = true;
            return BlobsModelFactory.BlobContainerInfo(service.NextETag(), service.Now);
        });

    public override AsyncPageable<BlobItem> GetBlobsAsync(GetBlobsOptions? options = null, CancellationToken cancellationToken = default) =>
        new FakePages<BlobItem>(() => Pages(options?.Prefix ?? string.Empty));

    public void RequireThere()
    {
        if (!IsThere)
        {
            throw FakeBlobService.Failure(404, "ContainerNotFound");
        }
    }

    protected override BlockBlobClient GetBlockBlobClientCore(string blobName)
    {
        lock (service.Gate)
        {
            return Blobs.TryGetValue(blobName, out FakeBlob? there) ? there : Blobs[blobName] = new FakeBlob(service, this, blobName);
        }
    }

    private IEnumerable<IReadOnlyList<BlobItem>> Pages(string prefix)
    {
        service.Before("list", prefix);
        RequireThere();
        BlobItem[] items = [.. Blobs.Where(blob => blob.Value.IsThere && blob.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(blob => blob.Value.ToItem(blob.Key))];
        foreach (BlobItem[] page in items.Chunk(2))
        {
            yield return page;
            service.Before("list page", prefix);
        }
    }
}
