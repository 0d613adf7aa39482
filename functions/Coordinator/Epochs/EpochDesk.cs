// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Coordinator.Epochs;

/// <summary>Checks what silos say about epochs against the epoch that opens, stores it, and only then lets the epochs hear of it (secure-aggregation, section 5.1).</summary>
/// <param name="archive">What is stored.</param>
/// <param name="epochs">The epochs.</param>
/// <param name="time">The clock.</param>
/// <param name="turn">Lets one body at a time be taken.</param>
public sealed class EpochDesk(EpochArchive archive, IEpochs epochs, TimeProvider time, SharedTurn turn) : IDisposable
{
    private const string NotAwaited = "the epoch does not wait for this body";

    // Bodies by their identity, of one epoch: each is read once, not with every advertisement.
    private readonly Dictionary<Sha256Digest, AdvertiseBody> _advertised = [];
    private Sha256Digest _sid;

    /// <summary>Takes a verified body.</summary>
    /// <param name="message">The body.</param>
    /// <param name="federation">The roster in force, with all its keys.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Why it had no effect; null when it had one.</returns>
    /// <exception cref="FedCloudException">
    /// <c>signature_invalid</c>: not the index of the signer. <c>advertise_list_invalid</c>, <c>shares_mismatch</c>, <c>ack_invalid</c>: another
    /// epoch, key, list or cohort. <c>upload_name_refused</c>, <c>update_missing</c>, <c>message_malformed</c>: no parcel.
    /// </exception>
    public async Task<string?> TakeAsync(EpochMessage message, Roster? federation, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);

        // One at a time: a key that one silo advertises must not be another's, too.
        await using (await turn.TakeAsync(cancellation))
        {
            EpochsState state = await epochs.ReadAsync(cancellation);
            if (state.Roster is not { } roster || federation?.Digest() != roster.Sha256)
            {
                return "the roster changes";
            }

            return await (message switch
            {
                EpochMessage.Advertise advertise => AdvertiseAsync(advertise, federation, roster, state, cancellation),
                EpochMessage.Shares shares => ShareAsync(shares, roster, state, cancellation),
                EpochMessage.Ack ack => AckAsync(ack, roster, state, cancellation),
                EpochMessage.Complaint complaint => ComplainAsync(complaint, roster, state, cancellation),
                EpochMessage.Report report => epochs.ApplyAsync(new EpochsReported(time.GetUtcNow(), IndexOf(roster, report.Silo), report.Body.Sids), cancellation),
                _ => throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "an unknown message"),
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();

    private async Task<string?> AdvertiseAsync(EpochMessage.Advertise message, Roster federation, RosterView roster, EpochsState state, CancellationToken cancellation)
    {
        AdvertiseBody body = message.Body;
        RequireSigner(roster, message.Silo, body.Idx);
        EpochState next = Opening(state, body.Sid, ErrorCodes.AdvertiseListInvalid);
        if (next.Phase != EpochPhase.Advertising || next.Advertised.ContainsKey(body.Idx))
        {
            return NotAwaited;
        }

        if (body.SPk.Length != next.Slots)
        {
            throw new FedCloudException(ErrorCodes.AdvertiseListInvalid, $"silo {body.Idx}: expected keys for {next.Slots} slots, found {body.SPk.Length}");
        }

        await RequireFreshKeysAsync(next, body, federation, cancellation);
        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.Advertise(body.Sid, body.Idx, identity), message.Envelope, cancellation);
        return await epochs.ApplyAsync(new Advertised(time.GetUtcNow(), body.Sid, body.Idx, identity), cancellation);
    }

    // Rule E2: no key appears twice in any role. EpochMembers knows the silos' identity keys; here all keys of the roster count,
    // so that nobody spoils the list for the others by advertising the key of a witness, an administrator, the coordinator or the log.
    private async Task RequireFreshKeysAsync(EpochState next, AdvertiseBody body, Roster federation, CancellationToken cancellation)
    {
        if (_sid != next.Sid)
        {
            _sid = next.Sid;
            _advertised.Clear();
        }

        HashSet<Sha256Digest> taken = [.. federation.Fingerprints()];
        foreach ((int idx, Sha256Digest identity) in next.Advertised)
        {
            if (!_advertised.TryGetValue(identity, out AdvertiseBody? other))
            {
                other = SecureAggregationBody.Parse<AdvertiseBody>((await archive.Shelf.EnvelopeAsync(SecureShelf.Advertise(next.Sid, idx, identity), cancellation)).Payload);
                _advertised.Add(identity, other);
            }

            taken.UnionWith(Fingerprints(other));
        }

        if (!Fingerprints(body).All(taken.Add))
        {
            throw new FedCloudException(ErrorCodes.AdvertiseListInvalid, $"silo {body.Idx} advertises a key that is already used");
        }
    }

    private async Task<string?> ShareAsync(EpochMessage.Shares message, RosterView roster, EpochsState state, CancellationToken cancellation)
    {
        SharesBody body = message.Body;
        RequireSigner(roster, message.Silo, body.Idx);
        EpochState next = Opening(state, body.Sid, ErrorCodes.SharesMismatch);
        if (next.Phase != EpochPhase.Sharing || next.Shared.ContainsKey(body.Idx) || await archive.FindMembersAsync(body.Sid, cancellation) is not { } members)
        {
            return NotAwaited;
        }

        Parcel parcel = await UploadAsync(message, cancellation);
        ImmutableSortedDictionary<int, byte[]> ciphertexts = EpochArchive.ByIndex(parcel, members.U1.Keys, Parcel.Ciphertext);
        ImmutableSortedDictionary<int, byte[]> slices = EpochArchive.ByIndex(parcel, members.U1.Keys, Parcel.Slice);
        ShareUpload.Open(members, message.Envelope, ciphertexts, slices, await archive.KeysAsync(roster.Sha256, cancellation));

        // Only what the body hashes is kept, so that the body's identity names the bytes.
        ImmutableSortedDictionary<string, byte[]> parts = parcel.Parts.RemoveRange(parcel.Parts.Keys.Except(
            [.. body.Ct.Keys.Select(Parcel.Ciphertext), .. body.Com.Keys.Select(Parcel.Slice)], StringComparer.Ordinal));
        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.SharesParcel(body.Sid, body.Idx, identity), new Parcel { Parts = parts }, cancellation);
        await archive.Shelf.PutAsync(SecureShelf.Shares(body.Sid, body.Idx, identity), message.Envelope, cancellation);
        return await epochs.ApplyAsync(new Shared(time.GetUtcNow(), body.Sid, body.Idx, identity), cancellation);
    }

    private async Task<Parcel> UploadAsync(EpochMessage.Shares message, CancellationToken cancellation)
    {
        BlobName name = new(UploadName.Container(message.Silo), UploadName.Shares(message.Body.Sid));
        if (!string.Equals(message.Upload.Container, name.Container, StringComparison.Ordinal) || !string.Equals(message.Upload.Name, name.Path, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected the name that the epoch offers to this silo, found another");
        }

        return await archive.Shelf.Store.ReadAsync(name, Parcel.MaxBytes, cancellation) is { } read
            ? Parcel.FromJson(read.Bytes)
            : throw new FedCloudException(ErrorCodes.UpdateMissing, $"{name}: expected an upload, found none");
    }

    private async Task<string?> AckAsync(EpochMessage.Ack message, RosterView roster, EpochsState state, CancellationToken cancellation)
    {
        ShareAckBody body = message.Body;
        RequireSigner(roster, message.Silo, body.Idx);
        EpochState next = Opening(state, body.Sid, ErrorCodes.AckInvalid);
        if (next.Phase != EpochPhase.Acknowledging || !next.Shared.ContainsKey(body.Idx) || next.Acknowledged.ContainsKey(body.Idx))
        {
            return NotAwaited;
        }

        if (body.L1 != (await archive.MembersAsync(body.Sid, cancellation)).L1 || body.U2Sha256 != next.U2Sha256)
        {
            throw new FedCloudException(ErrorCodes.AckInvalid, $"silo {body.Idx} acknowledges another list or another cohort");
        }

        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.Ack(body.Sid, body.Idx, identity), message.Envelope, cancellation);
        return await epochs.ApplyAsync(new Acknowledged(time.GetUtcNow(), body.Sid, body.Idx, identity), cancellation);
    }

    private async Task<string?> ComplainAsync(EpochMessage.Complaint message, RosterView roster, EpochsState state, CancellationToken cancellation)
    {
        ComplaintBody body = message.Body;
        RequireSigner(roster, message.Silo, body.Idx);
        EpochState next = Opening(state, body.Sid, ErrorCodes.SharesMismatch);
        if (next.Phase != EpochPhase.Acknowledging || !next.Shared.ContainsKey(body.Idx) || !next.Shared.ContainsKey(body.Against))
        {
            return NotAwaited;
        }

        // A reason is shown to people and logged: only words of the one vocabulary get in.
        string reason = ErrorCodes.All.ContainsKey(body.Reason) ? body.Reason : ErrorCodes.SharesMismatch.Name;
        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.Complaint(body.Sid, body.Idx, identity), message.Envelope, cancellation);
        return await epochs.ApplyAsync(new Complained(time.GetUtcNow(), body.Sid, body.Idx, body.Against, reason, identity), cancellation);
    }

    private static EpochState Opening(EpochsState state, Sha256Digest sid, ErrorCode refusal) => state switch
    {
        { Next: { } next } when next.Sid == sid => next,
        { Current: { } current } when current.Sid == sid => current,
        _ => throw new FedCloudException(refusal, $"expected a body of the epoch that opens, found one of {sid.Hex[..16]}…"),
    };

    private static void RequireSigner(RosterView roster, SiloId silo, int idx)
    {
        int own = IndexOf(roster, silo);
        if (own != idx)
        {
            throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{silo} is silo {own} of the roster, but its body names silo {idx}");
        }
    }

    private static int IndexOf(RosterView roster, SiloId silo) => roster.Members.TryGetValue(silo, out int idx)
        ? idx
        : throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{silo} is not a member of the roster");

    private static IEnumerable<Sha256Digest> Fingerprints(AdvertiseBody body) =>
        ((IEnumerable<P256Point>)[body.CPk, .. body.SPk]).Select(key => Sha256Digest.Of(key.ToSpki()));
}
