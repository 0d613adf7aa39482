// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure;
using Azure.Storage;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedCloud.Cloud.Blobs;

/// <summary>One conditional write: in one request, or by staged blocks.</summary>
/// <param name="blob">The blob's client.</param>
/// <param name="name">The blob.</param>
/// <param name="content">What is written.</param>
/// <param name="condition">When it is allowed.</param>
/// <param name="options">Sizes.</param>
internal sealed class AzureBlobWriter(BlockBlobClient blob, BlobName name, BlobContent content, WriteCondition condition, AzureBlobStoreOptions options)
{
    private const string WriterKey = "writer";
    private const string ContentType = "application/octet-stream";

    private readonly string _writer = Guid.NewGuid().ToString("N");

    /// <summary>Writes.</summary>
    public async Task<PutOutcome> PutAsync(CancellationToken cancellation)
    {
        try
        {
            return content.Length <= options.SinglePutBytes ? await PutWholeAsync(cancellation) : await PutBlocksAsync(cancellation);
        }
        catch (RequestFailedException error) when (AzureStorageErrors.IsConditionFailed(error) || IsOverwriteDenied(error))
        {
            // The client tries again without saying so: the condition may have failed on our own first write, whose answer was lost.
            return await WrittenByUsAsync(cancellation) is { } etag ? new PutOutcome.Written(etag) : new PutOutcome.ConditionFailed();
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellation))
        {
            throw AzureStorageErrors.Of(error, condition.Right, name.ToString());
        }
    }

    /// <summary>An ETag as the header has it; clients hold it with or without its quotation marks.</summary>
    public static string TextOf(ETag etag) => $"\"{etag.ToString().Trim('"')}\"";

    private async Task<PutOutcome> PutWholeAsync(CancellationToken cancellation)
    {
        await using Stream source = content.Open();
        BlobUploadOptions upload = new()
        {
            Conditions = Conditions(),
            HttpHeaders = new BlobHttpHeaders { ContentType = ContentType },
            Metadata = Metadata(),

            // Above its threshold the client would stage blocks, whose ids it takes from their places: two writers would mix them.
            TransferOptions = new StorageTransferOptions { InitialTransferSize = content.Length + 1 },
        };
        Response<BlobContentInfo> written = await blob.UploadAsync(source, upload, cancellation);
        return new PutOutcome.Written(TextOf(written.Value.ETag));
    }

    // Block ids are random, so that two writers never mix blocks: who commits first wins, and the storage drops the other's.
    private async Task<PutOutcome> PutBlocksAsync(CancellationToken cancellation)
    {
        if (condition.IfAbsent && await LookAsync(cancellation) is not null)
        {
            return new PutOutcome.ConditionFailed();
        }

        BlockBlobStageBlockOptions stage = new() { Conditions = condition.Lease is null ? null : new BlobRequestConditions { LeaseId = condition.Lease } };
        List<string> ids = [];
        await using Stream source = content.Open();
        byte[] block = new byte[Math.Min(options.BlockBytes, content.Length)];
        for (long left = content.Length; left > 0;)
        {
            int count = (int)Math.Min(block.Length, left);
            await source.ReadExactlyAsync(block.AsMemory(0, count), cancellation);
            ids.Add(Convert.ToBase64String(Guid.NewGuid().ToByteArray()));
            using MemoryStream bytes = new(block, 0, count, writable: false);
            await blob.StageBlockAsync(ids[^1], bytes, stage, cancellation);
            left -= count;
        }

        CommitBlockListOptions commit = new() { Conditions = Conditions(), HttpHeaders = new BlobHttpHeaders { ContentType = ContentType }, Metadata = Metadata() };
        Response<BlobContentInfo> written = await blob.CommitBlockListAsync(ids, commit, cancellation);
        return new PutOutcome.Written(TextOf(written.Value.ETag));
    }

    private BlobRequestConditions Conditions()
    {
        BlobRequestConditions conditions = new() { LeaseId = condition.Lease };
        if (condition.IfAbsent)
        {
            conditions.IfNoneMatch = ETag.All;
        }

        if (condition.IfMatch is not null)
        {
            conditions.IfMatch = new ETag(condition.IfMatch.Trim('"'));
        }

        return conditions;
    }

    private Dictionary<string, string> Metadata() => new(content.Metadata, StringComparer.Ordinal) { [WriterKey] = _writer };

    private bool IsOverwriteDenied(RequestFailedException error) => condition.IfAbsent && AzureStorageErrors.AnswerOf(error) is { Code: "UnauthorizedBlobOverwrite" };

    private async Task<string?> WrittenByUsAsync(CancellationToken cancellation) =>
        await LookAsync(cancellation) is { } there && there.Metadata.TryGetValue(WriterKey, out string? writer) && string.Equals(writer, _writer, StringComparison.Ordinal)
            ? TextOf(there.ETag)
            : null;

    // Who may only create cannot look; then the name counts as taken, and the caller takes the next one.
    private async Task<BlobProperties?> LookAsync(CancellationToken cancellation)
    {
        try
        {
            return (await blob.GetPropertiesAsync(cancellationToken: cancellation)).Value;
        }
        catch (RequestFailedException error) when (error.Status is 403 or 404)
        {
            return null;
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellation))
        {
            throw AzureStorageErrors.Of(error, "read", name.ToString());
        }
    }
}
