// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.SiloAgent.Membership;

/// <summary>The silo's membership: its join, the rosters that it signs, the roster that it has verified.</summary>
public sealed class Member
{
    private readonly IBlobStore _store;
    private readonly SiloHome _home;
    private readonly SiloPolicy _policy;
    private readonly CoordinatorPost _post;
    private readonly Action<string, string> _report;
    private MemberKeys? _keys;

    /// <summary>Takes membership up.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="home">The home folder.</param>
    /// <param name="policy">The verified policy.</param>
    /// <param name="post">Sends to the coordinator.</param>
    /// <param name="report">Takes a phase and a detail for the terminal.</param>
    public Member(IBlobStore store, SiloHome home, SiloPolicy policy, CoordinatorPost post, Action<string, string> report)
    {
        _store = store;
        _home = home;
        _policy = policy;
        _post = post;
        _report = report;
        while (File.Exists(home.RosterVersionPath(Rosters.Length + 1)))
        {
            // Verified before it was stored, in a file that only this silo writes.
            Rosters = Rosters.Add(Protocol.Enrolment.Roster.Parse(Read(home.RosterVersionPath(Rosters.Length + 1)).Payload));
        }
    }

    /// <summary>The rosters that this silo has verified, from version 1.</summary>
    public ImmutableArray<Roster> Rosters { get; private set; } = [];

    /// <summary>The newest roster that this silo has verified; null before version 1.</summary>
    public Roster? Roster => Rosters is [.., { } newest] ? newest : null;

    /// <summary>The newest roster in the storage whose signatures did not carry it, by the hash of its envelope; null before one was found.</summary>
    public Sha256Digest? Uncarried { get; private set; }

    /// <summary>The keys of a roster that this silo has verified; null for another.</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>: the stored joins were changed.</exception>
    public MemberKeys? KeysOf(Sha256Digest roster)
    {
        if (_keys?.Sha256 != roster && Rosters.FirstOrDefault(known => known.Digest() == roster) is { } found)
        {
            RosterBundle bundle = RosterBundle.Parse(File.ReadAllBytes(_home.RosterJoinsPath(found.Version)));
            _keys = MemberKeys.Of(found, bundle.Joins, VerificationKey.FromBase64(_home.Invitation.CoordinatorSpki));
        }

        return _keys?.Sha256 == roster ? _keys : null;
    }

    /// <summary>Asks to become a member, unless the silo is one; asking again is harmless.</summary>
    public async Task JoinAsync(CancellationToken cancellation)
    {
        if (Roster?.Find(_home.Invitation.SiloId) is not null)
        {
            return;
        }

        DsseEnvelope join = await OwnJoinAsync(cancellation);
        FrameBlob proof = new()
        {
            Role = "code_proof",
            Container = "invitations",
            Name = _home.Invitation.SiloId.Value,
            Length = 32,
            Sha256 = EnrolmentBody.CodeProof(_home.Invitation.Code, join.Identity),
        };
        ImmutableArray<DsseEnvelope> card = await CardOfAsync(join, cancellation);
        await _post.SendAsync(EnrolmentBody.Join, run: null, round: null, [join, .. card], [proof], cancellation);
        _report("joining", _home.Invitation.Federation.Value);
    }

    /// <summary>Checks a proposed roster against every rule, and signs it. One that the policy does not confirm is kept until another policy is in force.</summary>
    /// <exception cref="FedCloudException"><c>roster_*</c> or <c>join_refused</c>: it is not signed.</exception>
    public async Task ConsiderAsync(RosterProposalBody proposal, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(proposal);
        try
        {
            await SignAsync(proposal, cancellation);
            File.Delete(_home.ProposalPath);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RosterNotConfirmed)
        {
            WholeFile.Write(_home.ProposalPath, Jcs.Serialize(proposal, EnrolmentJson.Default.RosterProposalBody));
            throw;
        }
    }

    /// <summary>Considers the proposal again that an earlier policy did not confirm.</summary>
    /// <exception cref="FedCloudException">As <see cref="ConsiderAsync"/>.</exception>
    public async Task ReconsiderAsync(CancellationToken cancellation)
    {
        if (File.Exists(_home.ProposalPath))
        {
            RosterProposalBody proposal = StrictJson.Deserialize(await File.ReadAllBytesAsync(_home.ProposalPath, cancellation), EnrolmentJson.Default.RosterProposalBody)
                ?? throw new FedCloudException(ErrorCodes.BodyMalformed, $"{Path.GetFileName(_home.ProposalPath)} is empty");
            await ConsiderAsync(proposal, cancellation);
        }
    }

    private async Task SignAsync(RosterProposalBody proposal, CancellationToken cancellation)
    {
        await FollowAsync(proposal.Version - 1, cancellation);
        RosterBundle bundle = await FetchAsync(RosterBundle.ProposedPath(proposal.RosterSha256), cancellation);
        Roster next = Protocol.Enrolment.Roster.Parse(bundle.Roster.Payload);
        if (Roster is { } current && current.Version >= next.Version)
        {
            return;
        }

        RosterChain.RequireStep(Roster, next);
        RequireOwn(next);
        RequireConfirmedLogKey(next);
        RequireJoins(next, proposal, bundle);

        // A newcomer has confirmed nobody yet: for it every member is new.
        Roster? confirmed = Roster?.Find(_home.Invitation.SiloId) is null ? null : Roster;
        RosterChain.RequireConfirmed(confirmed, next, _home.Invitation.SiloId, _policy.ConfirmedMembers);
        await RequireOneSignatureAVersionAsync(next, cancellation);
        DsseEnvelope signed = await _home.SignAsync(SiloHome.IdentityKey, Protocol.Enrolment.Roster.PayloadType, bundle.Roster.Payload, cancellation);
        await _post.SendAsync("roster_signature", run: null, round: null, [signed], [], cancellation);
        _report("signed_roster", $"version {next.Version}");
    }

    /// <summary>Follows the chain of rosters that their members carried, version by version.</summary>
    /// <param name="version">The version to come to; those that are known are not read again.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>roster_*</c> or <c>signature_invalid</c>: the last good one stays in force.</exception>
    public async Task FollowAsync(int version, CancellationToken cancellation)
    {
        while ((Roster?.Version ?? 0) < version)
        {
            Accept(await FetchAsync(RosterBundle.PublishedPath((Roster?.Version ?? 0) + 1), cancellation));
        }
    }

    private async Task<RosterBundle> FetchAsync(string path, CancellationToken cancellation) =>
        await _store.ReadAsync(new BlobName(RosterBundle.Container, path), RosterBundle.MaxBytes, cancellation) is { } read
            ? RosterBundle.Parse(read.Bytes)
            : throw new FedCloudException(ErrorCodes.RosterUnknown, $"expected the roster {path} in the storage, found none");

    private void Accept(RosterBundle bundle)
    {
        Dictionary<Sha256Digest, VerificationKey> keys = bundle.Joins
            .Select(join => VerificationKey.FromBase64(JoinBody.Verify(join).IkSpki))
            .DistinctBy(key => key.Fingerprint)
            .ToDictionary(key => key.Fingerprint);
        Roster next = Carried(bundle.Roster, keys);
        RequireOwn(next);
        byte[] envelope = JsonSerializer.SerializeToUtf8Bytes(bundle.Roster, FrameJson.Default.DsseEnvelope);
        WholeFile.Write(_home.RosterJoinsPath(next.Version), bundle.ToJson());
        WholeFile.Write(_home.RosterVersionPath(next.Version), envelope);
        WholeFile.Write(_home.RosterPath, envelope);
        Rosters = Rosters.Add(next);
        bool isIn = next.Find(_home.Invitation.SiloId) is not null;
        _report(isIn ? "member" : "removed", $"roster version {next.Version} of {next.N} silos");
    }

    private Roster Carried(DsseEnvelope signed, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys)
    {
        try
        {
            return RosterChain.Verify(Roster, signed, keys);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RosterSignaturesMissing)
        {
            Uncarried = signed.Identity;
            throw;
        }
    }

    private async Task<DsseEnvelope> OwnJoinAsync(CancellationToken cancellation)
    {
        if (File.Exists(_home.JoinPath))
        {
            return Read(_home.JoinPath);
        }

        (VerificationKey identity, _) = await _home.KeyAsync(SiloHome.IdentityKey, cancellation);
        (VerificationKey witness, _) = await _home.KeyAsync(SiloHome.WitnessKey, cancellation);
        (VerificationKey administrator, _) = await _home.KeyAsync(SiloHome.AdministratorKey, cancellation);
        JoinBody body = new()
        {
            Type = EnrolmentBody.Join,
            Federation = _home.Invitation.Federation,
            SiloId = _home.Invitation.SiloId,
            IkSpki = identity.ToBase64(),
            WitnessVkey = witness.VKey(_home.Invitation.SiloId.Value),
            AdminSpki = administrator.ToBase64(),
            DataCardSha256 = File.Exists(_home.DataCardPath) ? Sha256Digest.Of(await File.ReadAllBytesAsync(_home.DataCardPath, cancellation)) : Sha256Digest.Zero,
        };
        byte[] bytes = Jcs.Serialize(body, EnrolmentJson.Default.JoinBody);
        DsseEnvelope join = (await _home.SignAsync(SiloHome.IdentityKey, EnrolmentBody.PayloadType, bytes, cancellation))
            .With(await _home.SignAsync(SiloHome.AdministratorKey, EnrolmentBody.PayloadType, bytes, cancellation));
        WholeFile.Write(_home.JoinPath, JsonSerializer.SerializeToUtf8Bytes(join, FrameJson.Default.DsseEnvelope));
        return join;
    }

    // The join has its hash for good, so a card that was changed since is not the one that the silo joined with.
    private async Task<ImmutableArray<DsseEnvelope>> CardOfAsync(DsseEnvelope join, CancellationToken cancellation)
    {
        Sha256Digest named = JoinBody.Verify(join).DataCardSha256;
        if (named == Sha256Digest.Zero)
        {
            return [];
        }

        byte[]? card = File.Exists(_home.DataCardPath) ? await File.ReadAllBytesAsync(_home.DataCardPath, cancellation) : null;
        return card is not null && Sha256Digest.Of(card) == named
            ? [await _home.SignAsync(SiloHome.AdministratorKey, DataCard.PayloadType, card, cancellation)]
            : throw new FedCloudException(ErrorCodes.JoinRefused, $"expected the data card {named.Hex[..12]} that the join names, found none or another", "put the card back that 'fedcloud-silo init' was given");
    }

    private void RequireOwn(Roster next)
    {
        VerificationKey coordinator = VerificationKey.FromBase64(_home.Invitation.CoordinatorSpki);
        bool mine = next.Federation == _home.Invitation.Federation
            && next.CoordinatorSpkiSha256.Contains(coordinator.Fingerprint)
            && NamesOwnLog(next);
        if (!mine)
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, "the roster names another federation, coordinator or log than this silo's invitation");
        }

        if (next.Find(_home.Invitation.SiloId) is { } self && File.Exists(_home.JoinPath)
            && JoinBody.Verify(Read(_home.JoinPath)).ToMember(self.Idx) != self)
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, "the roster lists other keys for this silo than its own");
        }
    }

    // The quorum may give the log another key, never another name. The roster that takes this silo in has the invitation's key.
    private bool NamesOwnLog(Roster next)
    {
        bool takesIn = Roster?.Find(_home.Invitation.SiloId) is null && next.Find(_home.Invitation.SiloId) is not null;
        return takesIn
            ? string.Equals(next.LogVkey, _home.Invitation.LogVkey, StringComparison.Ordinal)
            : string.Equals(NoteKey.Parse(next.LogVkey).Name, NoteKey.Parse(_home.Invitation.LogVkey).Name, StringComparison.Ordinal);
    }

    // A coordinator alone must not move the log to another key: the administrator has confirmed it over another channel.
    private void RequireConfirmedLogKey(Roster next)
    {
        Sha256Digest key = VerificationKey.FromVKey(next.LogVkey).Fingerprint;
        if (!string.Equals(next.LogVkey, Roster?.LogVkey ?? _home.Invitation.LogVkey, StringComparison.Ordinal) && key != _policy.ConfirmedLogKey)
        {
            throw new FedCloudException(
                ErrorCodes.RosterNotConfirmed, $"the proposed roster gives the log the key {key}, which the policy does not confirm", "compare the fingerprint over another channel, then put it into the policy as confirmed_log_key");
        }
    }

    private static void RequireJoins(Roster next, RosterProposalBody proposal, RosterBundle bundle)
    {
        bool named = proposal.RosterSha256 == next.Digest() && proposal.Version == next.Version
            && proposal.Joins.SequenceEqual(bundle.Joins.Select(join => join.Identity));
        ImmutableArray<RosterMember> joined = [.. bundle.Joins.Select((join, i) => JoinBody.Verify(join).ToMember(i + 1))];
        if (!named || !joined.SequenceEqual(next.Members))
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, "the roster's members are not the ones whose joins came with it");
        }
    }

    // RS2: a member signs one roster per version. What was signed is on disk before the signature exists.
    private async Task RequireOneSignatureAVersionAsync(Roster next, CancellationToken cancellation)
    {
        string path = $"{_home.RosterPath}.signed-v{next.Version}";
        string digest = next.Digest().Hex;
        if (File.Exists(path) && !string.Equals(await File.ReadAllTextAsync(path, cancellation), digest, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, $"this silo has signed another roster of version {next.Version}");
        }

        WholeFile.Write(path, System.Text.Encoding.ASCII.GetBytes(digest));
    }

    private static DsseEnvelope Read(string path) =>
        StrictJson.Deserialize(File.ReadAllBytes(path), FrameJson.Default.DsseEnvelope) ?? throw new FedCloudException(ErrorCodes.BodyMalformed, $"{Path.GetFileName(path)} is empty");
}
