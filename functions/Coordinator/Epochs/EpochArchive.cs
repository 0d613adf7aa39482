// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Epochs;

/// <summary>Reads epochs back from what is stored of them, checked again as every silo checks it.</summary>
/// <param name="shelf">What is stored.</param>
public sealed class EpochArchive(SecureShelf shelf)
{
    // Rounds use the current epoch, and unmask in the one before.
    private const int KeptEpochs = 4;

    private readonly ConcurrentDictionary<Sha256Digest, EpochMembers> _members = [];
    private readonly ConcurrentDictionary<Sha256Digest, ImmutableSortedDictionary<int, VerificationKey>> _keys = [];

    /// <summary>What is stored.</summary>
    public SecureShelf Shelf => shelf;

    /// <summary>The parameters of an epoch.</summary>
    public async Task<EpochParams> ParametersAsync(Sha256Digest sid, CancellationToken cancellation) =>
        EpochParams.Parse(await shelf.BytesAsync(SecureShelf.Parameters(sid), cancellation));

    /// <summary>The identity keys of a roster by index, from the roster as it was published.</summary>
    /// <exception cref="FedCloudException"><c>roster_missing</c>: no such roster is published.</exception>
    public async Task<ImmutableSortedDictionary<int, VerificationKey>> KeysAsync(Sha256Digest roster, CancellationToken cancellation)
    {
        for (int version = 1; !_keys.ContainsKey(roster); version++)
        {
            (byte[] bytes, _) = await shelf.Store.ReadAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(version)), RosterBundle.MaxBytes, cancellation)
                ?? throw new FedCloudException(ErrorCodes.RosterMissing, $"expected the roster {roster.Hex[..16]}… among those published, found none");
            RosterBundle bundle = RosterBundle.Parse(bytes);
            Dictionary<SiloId, VerificationKey> joins = bundle.Joins.Select(JoinBody.Verify).ToDictionary(join => join.SiloId, join => VerificationKey.FromBase64(join.IkSpki));
            _keys[Sha256Digest.Of(bundle.Roster.Payload)] = Roster.Parse(bundle.Roster.Payload).Members.ToImmutableSortedDictionary(member => member.Idx, member => joins[member.SiloId]);
        }

        return _keys[roster];
    }

    /// <summary>The identity keys under which an epoch's bodies are signed.</summary>
    public async Task<ImmutableSortedDictionary<int, VerificationKey>> KeysOfAsync(Sha256Digest sid, CancellationToken cancellation) =>
        await KeysAsync((await ParametersAsync(sid, cancellation)).RosterSha256, cancellation);

    /// <summary>U1 of an epoch.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: its list is not there.</exception>
    public async Task<EpochMembers> MembersAsync(Sha256Digest sid, CancellationToken cancellation) => await FindMembersAsync(sid, cancellation)
        ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{SecureShelf.List(sid)}: expected the list of an epoch, found none");

    /// <summary>U1 of an epoch, or null before its list is fixed.</summary>
    public async Task<EpochMembers?> FindMembersAsync(Sha256Digest sid, CancellationToken cancellation)
    {
        if (_members.TryGetValue(sid, out EpochMembers? known))
        {
            return known;
        }

        if (await shelf.Store.ReadAsync(SecureShelf.List(sid), Parcel.MaxBytes, cancellation) is not { } list)
        {
            return null;
        }

        EpochParams parameters = await ParametersAsync(sid, cancellation);
        EpochMembers members = EpochMembers.Open(parameters, Parcel.FromJson(list.Bytes).Envelopes, await KeysAsync(parameters.RosterSha256, cancellation));
        if (_members.Count >= KeptEpochs)
        {
            _members.Clear();
        }

        return _members[sid] = members;
    }

    /// <summary>The acknowledgements of a cohort, ascending by index. A member has one: its body follows from list and cohort.</summary>
    public async Task<ImmutableArray<DsseEnvelope>> AcksAsync(Sha256Digest sid, ImmutableArray<int> cohort, CancellationToken cancellation)
    {
        EpochMembers members = await MembersAsync(sid, cancellation);
        Sha256Digest u2 = Derivations.CohortHash(sid, cohort);
        List<DsseEnvelope> acks = [];
        foreach (int idx in cohort)
        {
            ShareAckBody ack = new() { Sid = sid, Idx = idx, L1 = members.L1, U2Sha256 = u2 };
            Sha256Digest identity = Dsse.Identity(Fcsa1.PayloadType, SecureAggregationBody.Encode(ack));
            acks.Add(await shelf.EnvelopeAsync(SecureShelf.Ack(sid, idx, identity), cancellation));
        }

        return [.. acks];
    }

    /// <summary>What each member of U2 dealt, as far as a sum's opening needs it: the commitments.</summary>
    public async Task<IReadOnlyDictionary<int, ShareUpload>> DealtAsync(Sha256Digest sid, CancellationToken cancellation)
    {
        EpochMembers members = await MembersAsync(sid, cancellation);
        ImmutableSortedDictionary<int, VerificationKey> keys = await KeysAsync(members.Parameters.RosterSha256, cancellation);
        Parcel delivered = await shelf.ParcelAsync(SecureShelf.Delivered(sid), cancellation);
        Dictionary<int, ShareUpload> dealt = [];
        foreach (DsseEnvelope envelope in delivered.Envelopes)
        {
            int dealer = SecureAggregationBody.Parse<SharesBody>(envelope.Payload).Idx;
            Parcel parcel = await shelf.ParcelAsync(SecureShelf.SharesParcel(sid, dealer, envelope.Identity), cancellation);
            dealt[dealer] = ShareUpload.OpenCommitments(members, envelope, ByIndex(parcel, members.U1.Keys, Parcel.Slice), keys);
        }

        return dealt;
    }

    /// <summary>The parts of a parcel that there are for these silos.</summary>
    /// <param name="parcel">The parcel.</param>
    /// <param name="indexes">The silos.</param>
    /// <param name="name">How the parts are named.</param>
    public static ImmutableSortedDictionary<int, byte[]> ByIndex(Parcel parcel, IEnumerable<int> indexes, Func<int, string> name)
    {
        ArgumentNullException.ThrowIfNull(parcel);
        return indexes.Where(idx => parcel.Parts.ContainsKey(name(idx))).ToImmutableSortedDictionary(idx => idx, idx => parcel.Parts[name(idx)]);
    }
}
