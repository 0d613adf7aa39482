// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Checked against the net10.0 assemblies of Azure.Storage.Blobs 12.30.0, and the listing of Azure.Storage.Common 12.29.0.

using System;
using System.Collections.Generic;
using System.IO;
using Azure.Storage.Blobs.Models;

namespace Azure.Storage
{
    public struct StorageTransferOptions
    {
        public long? InitialTransferSize { get; set; }

        public long? MaximumTransferSize { get; set; }
    }
}

namespace Azure.Storage.Blobs.Models
{
    public class BlobUploadOptions
    {
        public BlobRequestConditions Conditions { get; set; }

        public BlobHttpHeaders HttpHeaders { get; set; }

        public IDictionary<string, string> Metadata { get; set; }

        public StorageTransferOptions TransferOptions { get; set; }
    }

    public class CommitBlockListOptions
    {
        public BlobRequestConditions Conditions { get; set; }

        public BlobHttpHeaders HttpHeaders { get; set; }

        public IDictionary<string, string> Metadata { get; set; }
    }

    public class BlockBlobStageBlockOptions
    {
        public BlobRequestConditions Conditions { get; set; }
    }

    public class BlobDownloadOptions
    {
        public BlobRequestConditions Conditions { get; set; }

        public HttpRange Range { get; set; }
    }

    public class GetBlobsOptions
    {
        public string Prefix { get; set; }

        public BlobStates States { get; set; }

        public BlobTraits Traits { get; set; }
    }

    public class BlobLeaseRequestConditions : RequestConditions
    {
    }

    public class BlobRequestConditions : BlobLeaseRequestConditions
    {
        public string LeaseId { get; set; }
    }

    public class BlobHttpHeaders
    {
        public string ContentType { get; set; }
    }

    public class BlobContainerEncryptionScopeOptions
    {
    }

    public class BlobContainerInfo
    {
        internal BlobContainerInfo()
        {
        }

        public ETag ETag { get; internal init; }
    }

    public class BlobContentInfo
    {
        internal BlobContentInfo()
        {
        }

        public ETag ETag { get; internal init; }
    }

    public class BlobInfo
    {
        internal BlobInfo()
        {
        }

        public ETag ETag { get; internal init; }
    }

    public class BlockInfo
    {
        internal BlockInfo()
        {
        }
    }

    public class BlobLease
    {
        internal BlobLease()
        {
        }

        public string LeaseId { get; internal init; }
    }

    public class ReleasedObjectInfo(ETag eTag, DateTimeOffset lastModified)
    {
        public ETag ETag { get; } = eTag;

        public DateTimeOffset LastModified { get; } = lastModified;
    }

    public class BlobProperties
    {
        public ETag ETag { get; internal init; }

        public IDictionary<string, string> Metadata { get; internal init; }
    }

    public class BlobDownloadDetails
    {
        public long ContentLength { get; internal init; }

        public string ContentRange { get; internal init; }

        public ETag ETag { get; internal init; }

        public IDictionary<string, string> Metadata { get; internal init; }
    }

    public class BlobDownloadStreamingResult : IDisposable
    {
        internal BlobDownloadStreamingResult()
        {
        }

        public Stream Content { get; internal init; }

        public BlobDownloadDetails Details { get; internal init; }

        public void Dispose() => Content?.Dispose();
    }

    public class BlobItem
    {
        internal BlobItem()
        {
        }

        public IDictionary<string, string> Metadata { get; internal init; }

        public string Name { get; internal init; }

        public BlobItemProperties Properties { get; internal init; }
    }

    public class BlobItemProperties
    {
        internal BlobItemProperties()
        {
        }

        public long? ContentLength { get; internal init; }

        public DateTimeOffset? LastModified { get; internal init; }

        public LeaseState? LeaseState { get; internal init; }
    }

    public class BlobImmutabilityPolicy
    {
    }

    public class ObjectReplicationPolicy
    {
        internal ObjectReplicationPolicy()
        {
        }
    }

    public readonly struct AccessTier
    {
    }

    public enum ArchiveStatus
    {
        RehydratePendingToHot = 0,
        RehydratePendingToCool = 1,
        RehydratePendingToCold = 2,
        RehydratePendingToSmart = 3,
    }

    [Flags]
    public enum BlobStates
    {
        None = 0,
    }

    [Flags]
    public enum BlobTraits
    {
        None = 0,
        Metadata = 2,
    }

    public enum BlobType
    {
        Block = 0,
        Page = 1,
        Append = 2,
    }

    public enum CopyStatus
    {
        Pending = 0,
        Success = 1,
        Aborted = 2,
        Failed = 3,
    }

    public enum DeleteSnapshotsOption
    {
        None = 0,
        IncludeSnapshots = 1,
        OnlySnapshots = 2,
    }

    public enum LeaseDurationType
    {
        Infinite = 0,
        Fixed = 1,
    }

    public enum LeaseState
    {
        Available = 0,
        Leased = 1,
        Expired = 2,
        Breaking = 3,
        Broken = 4,
    }

    public enum LeaseStatus
    {
        Locked = 0,
        Unlocked = 1,
    }

    public enum PublicAccessType
    {
        None = 0,
        BlobContainer = 1,
        Blob = 2,
    }

    public enum RehydratePriority
    {
        High = 0,
        Standard = 1,
    }
}
