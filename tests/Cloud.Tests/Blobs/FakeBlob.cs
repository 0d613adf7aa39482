// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>A blob of the fake, whether it exists or not.</summary>
internal sealed class FakeBlob(FakeBlobService service, FakeContainer container, string name) : BlockBlobClient
{
    private readonly Dictionary<string, byte[]> _staged = new(StringComparer.Ordinal);
    private byte[]? _bytes;
    private ETag _etag;
    private DateTimeOffset _modified;
    private Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private string? _lease;
    private DateTimeOffset _leasedUntil;
    private TimeSpan _leaseDuration;

    public bool IsThere => _bytes is not null;

    private bool IsLeased => _lease is not null && service.Now < _leasedUntil;

    public BlobItem ToItem(string path) => BlobsModelFactory.BlobItem(
        name: path,
        properties: BlobsModelFactory.BlobItemProperties(
            accessTierInferred: false, contentLength: _bytes?.Length, lastModified: _modified, leaseState: IsLeased ? LeaseState.Leased : LeaseState.Available),
        metadata: _metadata,
        hasVersionsOnly: null);

    public override Task<Response<BlobContentInfo>> UploadAsync(Stream content, BlobUploadOptions options, CancellationToken cancellationToken = default) =>
        service.RunAsync("upload", name, () =>
        {
            content.Position = 0;
            using MemoryStream copy = new();
            content.CopyTo(copy);
            return Write(copy.ToArray(), options.Conditions, options.Metadata);
        });

    public override Task<Response<BlockInfo>> StageBlockAsync(string base64BlockId, Stream content, BlockBlobStageBlockOptions? options = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("stage", name, () =>
        {
            container.RequireThere();
            RequireLease(options?.Conditions?.LeaseId);
            using MemoryStream copy = new();
            content.Position = 0;
            content.CopyTo(copy);
            _staged[base64BlockId] = copy.ToArray();
            return BlobsModelFactory.BlockInfo([], [], string.Empty, string.Empty);
        });

    public override Task<Response<BlobContentInfo>> CommitBlockListAsync(IEnumerable<string> base64BlockIds, CommitBlockListOptions options, CancellationToken cancellationToken = default) =>
        service.RunAsync("commit", name, () =>
        {
            string[] ids = [.. base64BlockIds];
            if (options.Conditions?.IfNoneMatch is null && !ids.All(_staged.ContainsKey))
            {
                throw FakeBlobService.Failure(400, "InvalidBlockList");
            }

            return Write(() => [.. ids.SelectMany(id => _staged.TryGetValue(id, out byte[]? block) ? block : throw FakeBlobService.Failure(400, "InvalidBlockList"))], options.Conditions, options.Metadata);
        });

    public override Task<Response<BlobDownloadStreamingResult>> DownloadStreamingAsync(BlobDownloadOptions? options = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("download", name, () =>
        {
            byte[] bytes = Require();
            HttpRange range = options?.Range ?? default;
            bool whole = range is { Offset: 0, Length: null };
            if (!whole && range.Offset >= bytes.Length)
            {
                throw FakeBlobService.Failure(416, "InvalidRange");
            }

            int count = (int)Math.Min(range.Length ?? long.MaxValue, bytes.Length - range.Offset);
            MemoryStream body = new(bytes, (int)range.Offset, count, writable: false);
            BlobDownloadDetails details = BlobsModelFactory.BlobDownloadDetails(
                contentLength: count,
                contentRange: whole ? null : $"bytes {range.Offset}-{range.Offset + count - 1}/{bytes.Length}",
                metadata: new Dictionary<string, string>(_metadata, StringComparer.Ordinal),
                smartAccessTier: null,
                eTag: _etag);
            return BlobsModelFactory.BlobDownloadStreamingResult(service.Body(body), details);
        });

    public override Task<Response<BlobProperties>> GetPropertiesAsync(BlobRequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("properties", name, () =>
        {
            Require();
            return BlobsModelFactory.BlobProperties(eTag: _etag, metadata: new Dictionary<string, string>(_metadata, StringComparer.Ordinal), smartAccessTier: null);
        });

    public override Task<Response<BlobInfo>> SetMetadataAsync(IDictionary<string, string> metadata, BlobRequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("metadata", name, () =>
        {
            Require();
            RequireLease(conditions?.LeaseId);
            _metadata = new Dictionary<string, string>(metadata, StringComparer.Ordinal);
            _etag = service.NextETag();
            return BlobsModelFactory.BlobInfo(_etag, _modified = service.Now);
        });

    public override async Task<Response> DeleteAsync(DeleteSnapshotsOption snapshotsOption = DeleteSnapshotsOption.None, BlobRequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        (await service.RunAsync("delete", name, () =>
        {
            Require();
            RequireLease(conditions?.LeaseId);
            _bytes = null;
            _lease = null;
            return true;
        })).GetRawResponse();

    public BlobLease Acquire(string lease, TimeSpan duration)
    {
        Require();
        if (IsLeased && !string.Equals(_lease, lease, StringComparison.Ordinal))
        {
            throw FakeBlobService.Failure(409, "LeaseAlreadyPresent");
        }

        (_lease, _leaseDuration, _leasedUntil) = (lease, duration, service.Now + duration);
        return BlobsModelFactory.BlobLease(_etag, _modified, lease);
    }

    public BlobLease Renew(string lease)
    {
        Require();
        if (!string.Equals(_lease, lease, StringComparison.Ordinal))
        {
            throw FakeBlobService.Failure(409, "LeaseIdMismatchWithLeaseOperation");
        }

        return Acquire(lease, _leaseDuration);
    }

    public ReleasedObjectInfo Release(string lease)
    {
        Renew(lease);
        _lease = null;
        return new ReleasedObjectInfo(_etag, _modified);
    }

    protected override BlobLeaseClient GetBlobLeaseClientCore(string leaseId) => new FakeLease(service, this, name, leaseId);

    private BlobContentInfo Write(byte[] bytes, BlobRequestConditions? conditions, IDictionary<string, string>? metadata) => Write(() => bytes, conditions, metadata);

    private BlobContentInfo Write(Func<byte[]> bytes, BlobRequestConditions? conditions, IDictionary<string, string>? metadata)
    {
        container.RequireThere();
        if (conditions?.IfNoneMatch == ETag.All && IsThere)
        {
            throw FakeBlobService.Failure(409, "BlobAlreadyExists");
        }

        if (conditions?.IfMatch is { } match && (!IsThere || !match.Equals(_etag)))
        {
            throw FakeBlobService.Failure(412, "ConditionNotMet");
        }

        RequireLease(conditions?.LeaseId);
        _bytes = bytes();
        _staged.Clear();
        _metadata = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>(StringComparer.Ordinal), StringComparer.Ordinal);
        _etag = service.NextETag();
        _modified = service.Now;
        return BlobsModelFactory.BlobContentInfo(eTag: _etag, lastModified: _modified, contentCrc64: null);
    }

    private byte[] Require()
    {
        container.RequireThere();
        return _bytes ?? throw FakeBlobService.Failure(404, "BlobNotFound");
    }

    private void RequireLease(string? lease)
    {
        if (lease is null && IsLeased)
        {
            throw FakeBlobService.Failure(412, "LeaseIdMissing");
        }

        if (lease is not null && (!IsLeased || !string.Equals(_lease, lease, StringComparison.Ordinal)))
        {
            throw FakeBlobService.Failure(412, IsLeased ? "LeaseIdMismatchWithBlobOperation" : "LeaseNotPresentWithBlobOperation");
        }
    }
}

/// <summary>A lease of the fake.</summary>
internal sealed class FakeLease(FakeBlobService service, FakeBlob blob, string name, string lease) : BlobLeaseClient
{
    public override Task<Response<BlobLease>> AcquireAsync(TimeSpan duration, RequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("acquire", name, () => blob.Acquire(lease, duration));

    public override Task<Response<BlobLease>> RenewAsync(RequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("renew", name, () => blob.Renew(lease));

    public override Task<Response<ReleasedObjectInfo>> ReleaseAsync(RequestConditions? conditions = null, CancellationToken cancellationToken = default) =>
        service.RunAsync("release", name, () => blob.Release(lease));
}
