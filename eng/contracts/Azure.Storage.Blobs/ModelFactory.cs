// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Checked against the net10.0 assembly of Azure.Storage.Blobs 12.30.0.

using System;
using System.Collections.Generic;
using System.IO;

namespace Azure.Storage.Blobs.Models
{
    public static class BlobsModelFactory
    {
        public static BlobContainerInfo BlobContainerInfo(ETag eTag, DateTimeOffset lastModified) =>
            new() { ETag = eTag };

        public static BlobContentInfo BlobContentInfo(
            ETag eTag = default,
            DateTimeOffset lastModified = default,
            byte[] contentHash = default,
            byte[] contentCrc64 = default,
            string versionId = default,
            string encryptionKeySha256 = default,
            string encryptionScope = default,
            long blobSequenceNumber = default) =>
            new() { ETag = eTag };

        public static BlobDownloadDetails BlobDownloadDetails(
            BlobType blobType = default,
            long contentLength = default,
            string contentType = default,
            byte[] contentHash = default,
            DateTimeOffset lastModified = default,
            IDictionary<string, string> metadata = default,
            string contentRange = default,
            string contentEncoding = default,
            string cacheControl = default,
            string contentDisposition = default,
            string contentLanguage = default,
            long blobSequenceNumber = default,
            DateTimeOffset copyCompletedOn = default,
            string copyStatusDescription = default,
            string copyId = default,
            string copyProgress = default,
            Uri copySource = default,
            CopyStatus copyStatus = default,
            LeaseDurationType leaseDuration = default,
            LeaseState leaseState = default,
            LeaseStatus leaseStatus = default,
            string acceptRanges = default,
            int blobCommittedBlockCount = default,
            bool isServerEncrypted = default,
            string encryptionKeySha256 = default,
            string encryptionScope = default,
            byte[] blobContentHash = default,
            long tagCount = default,
            string versionId = default,
            bool isSealed = default,
            IList<ObjectReplicationPolicy> objectReplicationSourceProperties = default,
            string objectReplicationDestinationPolicy = default,
            bool hasLegalHold = default,
            DateTimeOffset createdOn = default,
            string accessTier = default,
            bool accessTierInferred = default,
            DateTimeOffset accessTierChangedOn = default,
            string smartAccessTier = default,
            ETag eTag = default) =>
            new() { ContentLength = contentLength, ContentRange = contentRange, ETag = eTag, Metadata = metadata };

        public static BlobDownloadStreamingResult BlobDownloadStreamingResult(Stream content = default, BlobDownloadDetails details = default) =>
            new() { Content = content, Details = details };

        public static BlobInfo BlobInfo(ETag eTag, DateTimeOffset lastModified) =>
            new() { ETag = eTag };

        public static BlobItem BlobItem(
            string name = default,
            bool deleted = default,
            BlobItemProperties properties = default,
            string snapshot = default,
            string versionId = default,
            bool? isLatestVersion = default,
            IDictionary<string, string> metadata = default,
            IDictionary<string, string> tags = default,
            List<ObjectReplicationPolicy> objectReplicationSourcePolicies = default,
            bool? hasVersionsOnly = default) =>
            new() { Metadata = metadata, Name = name, Properties = properties };

        public static BlobItemProperties BlobItemProperties(
            bool accessTierInferred,
            bool? serverEncrypted = default,
            string contentType = default,
            string contentEncoding = default,
            string contentLanguage = default,
            byte[] contentHash = default,
            string contentDisposition = default,
            string cacheControl = default,
            long? blobSequenceNumber = default,
            BlobType? blobType = default,
            LeaseStatus? leaseStatus = default,
            LeaseState? leaseState = default,
            LeaseDurationType? leaseDuration = default,
            string copyId = default,
            CopyStatus? copyStatus = default,
            Uri copySource = default,
            string copyProgress = default,
            string copyStatusDescription = default,
            long? contentLength = default,
            bool? incrementalCopy = default,
            string destinationSnapshot = default,
            int? remainingRetentionDays = default,
            AccessTier? accessTier = default,
            DateTimeOffset? lastModified = default,
            ArchiveStatus? archiveStatus = default,
            string customerProvidedKeySha256 = default,
            string encryptionScope = default,
            long? tagCount = default,
            DateTimeOffset? expiresOn = default,
            bool? isSealed = default,
            RehydratePriority? rehydratePriority = default,
            DateTimeOffset? lastAccessedOn = default,
            ETag? eTag = default,
            DateTimeOffset? createdOn = default,
            DateTimeOffset? copyCompletedOn = default,
            DateTimeOffset? deletedOn = default,
            DateTimeOffset? accessTierChangedOn = default,
            AccessTier? smartAccessTier = default) =>
            new() { ContentLength = contentLength, LastModified = lastModified, LeaseState = leaseState };

        public static BlobLease BlobLease(ETag eTag, DateTimeOffset lastModified, string leaseId) =>
            new() { LeaseId = leaseId };

        public static BlobProperties BlobProperties(
            DateTimeOffset lastModified = default,
            LeaseStatus leaseStatus = default,
            long contentLength = default,
            string contentType = default,
            ETag eTag = default,
            LeaseState leaseState = default,
            string contentEncoding = default,
            string contentDisposition = default,
            string contentLanguage = default,
            string cacheControl = default,
            long blobSequenceNumber = default,
            LeaseDurationType leaseDuration = default,
            string acceptRanges = default,
            string destinationSnapshot = default,
            int blobCommittedBlockCount = default,
            bool isIncrementalCopy = default,
            bool isServerEncrypted = default,
            CopyStatus? blobCopyStatus = default,
            string encryptionKeySha256 = default,
            Uri copySource = default,
            string encryptionScope = default,
            string copyProgress = default,
            string accessTier = default,
            string copyId = default,
            bool accessTierInferred = default,
            string copyStatusDescription = default,
            string archiveStatus = default,
            DateTimeOffset copyCompletedOn = default,
            DateTimeOffset accessTierChangedOn = default,
            BlobType blobType = default,
            string versionId = default,
            IList<ObjectReplicationPolicy> objectReplicationSourceProperties = default,
            bool isLatestVersion = default,
            string objectReplicationDestinationPolicyId = default,
            long tagCount = default,
            IDictionary<string, string> metadata = default,
            DateTimeOffset expiresOn = default,
            DateTimeOffset createdOn = default,
            bool isSealed = default,
            string rehydratePriority = default,
            byte[] contentHash = default,
            DateTimeOffset lastAccessed = default,
            BlobImmutabilityPolicy immutabilityPolicy = default,
            bool hasLegalHold = default,
            string smartAccessTier = default) =>
            new() { ETag = eTag, Metadata = metadata };

        public static BlockInfo BlockInfo(
            byte[] contentHash,
            byte[] contentCrc64,
            string encryptionKeySha256,
            string encryptionScope) =>
            new();
    }
}
