// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Checked against the net10.0 assembly of Azure.Storage.Blobs 12.30.0.

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Azure.Core;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using FedCloud.Contracts;

namespace Azure.Storage.Blobs
{
    public class BlobServiceClient
    {
        protected BlobServiceClient()
        {
        }

        public BlobServiceClient(Uri serviceUri, TokenCredential credential, BlobClientOptions options = default) => throw Missing.Package();

        public virtual BlobContainerClient GetBlobContainerClient(string blobContainerName) => throw Missing.Package();
    }

    public class BlobContainerClient
    {
        protected BlobContainerClient()
        {
        }

        public virtual Task<Response<BlobContainerInfo>> CreateIfNotExistsAsync(
            PublicAccessType publicAccessType = PublicAccessType.None,
            IDictionary<string, string> metadata = default,
            BlobContainerEncryptionScopeOptions encryptionScopeOptions = default,
            CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual AsyncPageable<BlobItem> GetBlobsAsync(GetBlobsOptions options = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        protected internal virtual BlockBlobClient GetBlockBlobClientCore(string blobName) => throw Missing.Package();
    }

    public class BlobClientOptions : ClientOptions
    {
        public BlobClientOptions(ServiceVersion version = ServiceVersion.V2026_10_06)
        {
        }

        public enum ServiceVersion
        {
            V2026_10_06 = 32,
        }
    }

    internal static class Missing
    {
        public static Exception Package() => PackageNotRestoredException.Of("Azure.Storage.Blobs");
    }
}

namespace Azure.Storage.Blobs.Specialized
{
    public class BlobBaseClient
    {
        protected BlobBaseClient()
        {
        }

        public virtual Task<Response<BlobDownloadStreamingResult>> DownloadStreamingAsync(BlobDownloadOptions options = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<BlobProperties>> GetPropertiesAsync(BlobRequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<BlobInfo>> SetMetadataAsync(IDictionary<string, string> metadata, BlobRequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response> DeleteAsync(DeleteSnapshotsOption snapshotsOption = DeleteSnapshotsOption.None, BlobRequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        protected internal virtual BlobLeaseClient GetBlobLeaseClientCore(string leaseId) => throw Missing.Package();
    }

    public class BlockBlobClient : BlobBaseClient
    {
        protected BlockBlobClient()
        {
        }

        public virtual Task<Response<BlobContentInfo>> UploadAsync(Stream content, BlobUploadOptions options, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<BlockInfo>> StageBlockAsync(string base64BlockId, Stream content, BlockBlobStageBlockOptions options = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<BlobContentInfo>> CommitBlockListAsync(IEnumerable<string> base64BlockIds, CommitBlockListOptions options, CancellationToken cancellationToken = default) => throw Missing.Package();
    }

    public class BlobLeaseClient
    {
        protected BlobLeaseClient()
        {
        }

        public virtual Task<Response<BlobLease>> AcquireAsync(TimeSpan duration, RequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<BlobLease>> RenewAsync(RequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<ReleasedObjectInfo>> ReleaseAsync(RequestConditions conditions = default, CancellationToken cancellationToken = default) => throw Missing.Package();
    }

    public static class SpecializedBlobExtensions
    {
        public static BlobLeaseClient GetBlobLeaseClient(this BlobBaseClient client, string leaseId = null) => client.GetBlobLeaseClientCore(leaseId);

        public static BlockBlobClient GetBlockBlobClient(this BlobContainerClient client, string blobName) => client.GetBlockBlobClientCore(blobName);
    }
}
