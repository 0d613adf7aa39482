// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Storage;

/// <summary>The manifest of an adapter version.</summary>
public sealed record VersionManifest
{
    /// <summary>The version's number in its run.</summary>
    public required int Version { get; init; }

    /// <summary>The SHA-256 of the version's bytes.</summary>
    public required Sha256Digest Sha256 { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round that made it; 0 for version 0.</summary>
    public required int Round { get; init; }

    /// <summary>The plan.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The base model.</summary>
    public required Sha256Digest BaseModel { get; init; }

    /// <summary>The version before; null for version 0.</summary>
    public required Sha256Digest? Previous { get; init; }

    /// <summary>The mean update that led to it; null for version 0.</summary>
    public required Sha256Digest? AggregateSha256 { get; init; }

    /// <summary>The silos in the mean.</summary>
    public required ImmutableArray<SiloId> Contributors { get; init; }
}

/// <summary>Which version a channel points at.</summary>
/// <param name="Job">The run.</param>
/// <param name="Version">The version in the run.</param>
/// <param name="Sha256">Its digest.</param>
public sealed record ChannelPointer(RunId Job, int Version, Sha256Digest Sha256);

/// <summary>An open invitation's secret.</summary>
/// <param name="Code">32 random bytes in hex.</param>
/// <param name="Expires">When it ends.</param>
/// <param name="Salt">32 random bytes in hex, under which the log holds a commitment to the code (audit-log, A2).</param>
public sealed record InvitationSecret(string Code, DateTimeOffset Expires, string Salt);

/// <summary>JSON of everything in the containers <c>state</c> and <c>models</c>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RunDocument))]
[JsonSerializable(typeof(FederationDocument))]
[JsonSerializable(typeof(EpochDocument))]
[JsonSerializable(typeof(RoundRecord))]
[JsonSerializable(typeof(VersionManifest))]
[JsonSerializable(typeof(ChannelPointer))]
[JsonSerializable(typeof(InvitationSecret))]
[JsonSerializable(typeof(OutgoingEntries))]
[JsonSerializable(typeof(Deployment))]
public sealed partial class DocumentJson : JsonSerializerContext;

/// <summary>One JSON document under an ETag.</summary>
/// <typeparam name="T">Its type.</typeparam>
/// <param name="store">The storage.</param>
/// <param name="name">Where it lies.</param>
/// <param name="type">How it is written.</param>
public sealed class StoredDocument<T>(IBlobStore store, BlobName name, JsonTypeInfo<T> type)
    where T : class
{
    private const int MaxBytes = 64 << 20;

    private string? _etag;

    /// <summary>Whether the last write failed in a way that leaves open whether it was carried out: read before you write again.</summary>
    public bool IsInDoubt { get; private set; }

    /// <summary>Reads the document; null when it does not exist.</summary>
    public async Task<T?> LoadAsync(CancellationToken cancellation)
    {
        if (await store.ReadAsync(name, MaxBytes, cancellation) is not { } read)
        {
            return null;
        }

        _etag = read.ETag;
        IsInDoubt = false;
        return JsonSerializer.Deserialize(read.Bytes, type);
    }

    /// <summary>Takes up the stored document to hold it, or stores a first one.</summary>
    /// <param name="first">Makes the first one; called only where none is stored.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public async Task<HeldDocument<T>> HoldAsync(Func<T> first, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(first);
        T? document = await LoadAsync(cancellation);
        if (document is null)
        {
            document = first();
            if (!await TrySaveAsync(document, cancellation))
            {
                document = await LoadAsync(cancellation) ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected the document that another writer made, found none");
            }
        }

        return new HeldDocument<T>(this, document);
    }

    /// <summary>Writes the document in place of the one that was read or written last.</summary>
    /// <returns>False when another writer was there: read, and change what is there now.</returns>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public async Task<bool> TrySaveAsync(T document, CancellationToken cancellation)
    {
        BlobContent content = BlobContent.Of(JsonSerializer.SerializeToUtf8Bytes(document, type));
        IsInDoubt = true;
        PutOutcome outcome = _etag is { } etag
            ? await store.ReplaceIfMatchAsync(name, content, etag, cancellation)
            : await store.PutIfAbsentAsync(name, content, cancellation);
        IsInDoubt = false;
        _etag = (outcome as PutOutcome.Written)?.ETag ?? _etag;
        return outcome is PutOutcome.Written;
    }

    /// <summary>Writes the document in place of the one that was read or written last.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: another writer was there.</exception>
    public async Task SaveAsync(T document, CancellationToken cancellation)
    {
        if (!await TrySaveAsync(document, cancellation))
        {
            throw Contended();
        }
    }

    /// <summary>What to say when other writers were there again and again.</summary>
    internal FedCloudException Contended() => new(ErrorCodes.StorageFailed, $"{name} was changed by another writer");
}
