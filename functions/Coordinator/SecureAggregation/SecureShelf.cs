// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>What the coordinator stores of epochs and rounds in the container <c>rounds</c>: every signed body, masked vectors, the secrets of opened sums, and sums (secure-aggregation, section 10).</summary>
/// <remarks>Everything is written once. An envelope's name holds its identity: what holds the name has the same body, perhaps with other bytes of a signature.</remarks>
/// <param name="store">The storage.</param>
public sealed class SecureShelf(IBlobStore store)
{
    /// <summary>The storage.</summary>
    public IBlobStore Store => store;

    /// <summary>The parameters of an epoch.</summary>
    public static BlobName Parameters(Sha256Digest sid) => OfEpoch(sid, "params.json");

    /// <summary>E1 of a silo.</summary>
    public static BlobName Advertise(Sha256Digest sid, int idx, Sha256Digest identity) => OfEpoch(sid, Envelope("e1", idx, identity));

    /// <summary>E1 of all of U1, ascending: a parcel.</summary>
    public static BlobName List(Sha256Digest sid) => OfEpoch(sid, "e2.json");

    /// <summary>E3 of a silo.</summary>
    public static BlobName Shares(Sha256Digest sid, int idx, Sha256Digest identity) => OfEpoch(sid, Envelope("e3", idx, identity));

    /// <summary>The ciphertexts and slices of a silo's E3: a parcel.</summary>
    public static BlobName SharesParcel(Sha256Digest sid, int idx, Sha256Digest identity) => OfEpoch(sid, Invariant($"e3/{idx}-{identity.Hex}.parcel"));

    /// <summary>E3 of all of U2, ascending: a parcel without parts.</summary>
    public static BlobName Delivered(Sha256Digest sid) => OfEpoch(sid, "e4.json");

    /// <summary>E5 of a silo.</summary>
    public static BlobName Ack(Sha256Digest sid, int idx, Sha256Digest identity) => OfEpoch(sid, Envelope("e5", idx, identity));

    /// <summary>A silo's complaint instead of E5.</summary>
    public static BlobName Complaint(Sha256Digest sid, int idx, Sha256Digest identity) => OfEpoch(sid, Envelope("complaint", idx, identity));

    /// <summary>Where everything of all attempts at a round lies.</summary>
    public static string Folder(RunId job, long round) => Invariant($"{job.Value}/r{round:D6}/");

    /// <summary>The identity in the name of a silo's R4, of whatever attempt; null for every other blob.</summary>
    public static Sha256Digest? ConsistencyIn(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string[] parts = path.Split('/');
        string[] name = parts[^1].Split('-', '.');
        return parts is [_, _, _, "r4", _] && name is [_, { } identity, "json"] && Sha256Digest.IsValid(identity) ? new Sha256Digest(identity) : null;
    }

    /// <summary>R1.</summary>
    public static BlobName Start(RunId job, long round, Sha256Digest rid) => OfRound(job, round, rid, "r1.json");

    /// <summary>R2 of a silo.</summary>
    public static BlobName Masked(RunId job, long round, Sha256Digest rid, int idx, Sha256Digest identity) => OfRound(job, round, rid, Envelope("r2", idx, identity));

    /// <summary>The masked vector of a silo.</summary>
    public static BlobName Vector(RunId job, long round, Sha256Digest rid, int idx) => OfRound(job, round, rid, Invariant($"y/{idx}"));

    /// <summary>R3.</summary>
    public static BlobName U3List(RunId job, long round, Sha256Digest rid) => OfRound(job, round, rid, "r3.json");

    /// <summary>R4 of a silo.</summary>
    public static BlobName Consistency(RunId job, long round, Sha256Digest rid, int idx, Sha256Digest identity) => OfRound(job, round, rid, Envelope("r4", idx, identity));

    /// <summary>A silo's body that its slot is burned.</summary>
    public static BlobName Burned(RunId job, long round, Sha256Digest rid, int idx, Sha256Digest identity) => OfRound(job, round, rid, Envelope("burned", idx, identity));

    /// <summary>The secrets that opened the sum.</summary>
    public static BlobName Secrets(RunId job, long round, Sha256Digest rid) => OfRound(job, round, rid, "secrets.json");

    /// <summary>The sum.</summary>
    public static BlobName Sum(RunId job, long round, Sha256Digest rid) => OfRound(job, round, rid, "z");

    /// <summary>R7.</summary>
    public static BlobName Result(RunId job, long round, Sha256Digest rid) => OfRound(job, round, rid, "result.json");

    /// <summary>Whether a blob of the container is deleted when the audit window ends: masked vectors, revealed secrets, encrypted shares.</summary>
    public static bool EndsWithAuditWindow(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string[] parts = path.Split('/');
        return parts is [.., "y", _] or [.., "secrets.json"] || (parts is ["epochs", _, "e3", { } name] && name.EndsWith(".parcel", StringComparison.Ordinal));
    }

    /// <summary>Keeps a signed body.</summary>
    public Task PutAsync(BlobName name, DsseEnvelope envelope, CancellationToken cancellation) =>
        store.PutIfAbsentAsync(name, BlobContent.Of(JsonSerializer.SerializeToUtf8Bytes(envelope, FrameJson.Default.DsseEnvelope)), cancellation);

    /// <summary>Keeps a parcel, whose bytes follow from what its name says.</summary>
    public Task PutAsync(BlobName name, Parcel parcel, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(parcel);
        return store.PutOnceAsync(name, parcel.ToJson(), cancellation);
    }

    /// <summary>A signed body, or null.</summary>
    public async Task<DsseEnvelope?> FindAsync(BlobName name, CancellationToken cancellation) =>
        await store.ReadAsync(name, Frame.MaxBytes, cancellation) is { } read ? JsonSerializer.Deserialize(read.Bytes, FrameJson.Default.DsseEnvelope) : null;

    /// <summary>A signed body.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: it is gone.</exception>
    public async Task<DsseEnvelope> EnvelopeAsync(BlobName name, CancellationToken cancellation) => await FindAsync(name, cancellation) ?? throw Missing(name);

    /// <summary>A parcel.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: it is gone.</exception>
    public async Task<Parcel> ParcelAsync(BlobName name, CancellationToken cancellation) => Parcel.FromJson(await BytesAsync(name, cancellation));

    /// <summary>A small blob.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: it is gone.</exception>
    public async Task<byte[]> BytesAsync(BlobName name, CancellationToken cancellation) =>
        await store.ReadAsync(name, Parcel.MaxBytes, cancellation) is { } read ? read.Bytes : throw Missing(name);

    private static FedCloudException Missing(BlobName name) => new(ErrorCodes.StorageFailed, $"{name}: expected what was stored there, found nothing");

    private static BlobName OfEpoch(Sha256Digest sid, string name) => new(StorageNames.Rounds, $"epochs/{sid.Hex}/{name}");

    private static BlobName OfRound(RunId job, long round, Sha256Digest rid, string name) => new(StorageNames.Rounds, $"{Folder(job, round)}{rid.Hex}/{name}");

    private static string Envelope(string kind, int idx, Sha256Digest identity) => Invariant($"{kind}/{idx}-{identity.Hex}.json");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
