// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Membership;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Membership;

public sealed class MemberTests : IDisposable
{
    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Follow_EveryVersion_IsKeptAcrossStarts()
    {
        _silo.Federation.NextRoster();
        await PublishAsync();

        await Open().FollowAsync(2, CancellationToken.None);

        Assert.Equal(_silo.Federation.Bundles().Select(version => Sha(version.Bundle)), Open().Rosters.Select(roster => roster.Digest()));
        Assert.Equal(2, Open().Roster?.Version);
    }

    [Fact]
    public async Task Follow_RosterWithAnotherLogKey_IsAcceptedOnceItsQuorumSigned()
    {
        await PublishAsync();
        Member member = Open();
        await member.FollowAsync(1, CancellationToken.None);
        _silo.Federation.Log = AuditFederation.NewKey();
        _silo.Federation.NextRoster();
        await PublishAsync();

        await member.FollowAsync(2, CancellationToken.None);

        Assert.Equal(_silo.Federation.LogKey.VKey, member.Roster?.LogVkey);
    }

    [Fact]
    public async Task Follow_FirstRosterWithAnotherLogKeyThanTheInvitation_IsRefused()
    {
        using AuditedSilo other = new();
        other.Federation.Log = AuditFederation.NewKey();
        Roster changed = other.Rosters[0] with { LogVkey = other.Federation.LogKey.VKey };
        RosterBundle bundle = other.Federation.Bundles().Single().Bundle;
        Protocol.Signing.DsseEnvelope envelope = new() { PayloadType = Roster.PayloadType, Payload = changed.ToJcs(), Signatures = [] };
        foreach (AuditFederation.Member member in other.Federation.Members)
        {
            envelope = envelope.With(Protocol.Signing.DsseEnvelope.Sign(Roster.PayloadType, envelope.Payload, member.Identity));
        }

        await other.Store.EnsureContainerAsync(RosterBundle.Container, CancellationToken.None);
        await other.PutAsync(RosterBundle.Container, RosterBundle.PublishedPath(1), (bundle with { Roster = envelope }).ToJson());

        Assert.Equal(ErrorCodes.RosterInvalid, (await Assert.ThrowsAsync<FedCloudException>(() => Open(other).FollowAsync(1, CancellationToken.None))).Code);
        Assert.Empty(Open(other).Rosters);
    }

    [Fact]
    public async Task Consider_ProposalWithAnotherLogKey_IsNotSigned()
    {
        await PublishAsync();
        _silo.Federation.Log = AuditFederation.NewKey();
        Roster next = _silo.Federation.NextRoster();
        await _silo.PutAsync(RosterBundle.Container, RosterBundle.ProposedPath(next.Digest()), _silo.Federation.Bundles().Last().Bundle.ToJson());
        RosterProposalBody body = new() { Type = EnrolmentBody.Proposal, Federation = next.Federation, Version = 2, RosterSha256 = next.Digest(), Joins = [] };

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Open().ConsiderAsync(body, CancellationToken.None));

        Assert.Equal(ErrorCodes.RosterNotConfirmed, error.Code);
        Assert.Empty(await _silo.TakeSentAsync());

        // Kept, and no more acceptable under the same policy.
        Assert.Equal(ErrorCodes.RosterNotConfirmed, (await Assert.ThrowsAsync<FedCloudException>(() => Open().ReconsiderAsync(CancellationToken.None))).Code);
    }

    [Fact]
    public async Task Reconsider_LogKeyConfirmedSince_IsSignedOnce()
    {
        await PublishAsync();
        _silo.Federation.Log = AuditFederation.NewKey();
        Roster next = _silo.Federation.NextRoster();
        RosterBundle bundle = _silo.Federation.Bundles().Last().Bundle;
        await _silo.PutAsync(RosterBundle.Container, RosterBundle.ProposedPath(next.Digest()), bundle.ToJson());
        RosterProposalBody body = new() { Type = EnrolmentBody.Proposal, Federation = next.Federation, Version = 2, RosterSha256 = next.Digest(), Joins = [.. bundle.Joins.Select(join => join.Identity)] };
        await Assert.ThrowsAsync<FedCloudException>(() => Open().ConsiderAsync(body, CancellationToken.None));
        Member confirmed = new(_silo.Store, _silo.Home, AuditedSilo.Policy() with { ConfirmedLogKey = _silo.Federation.LogKey.P256!.Fingerprint }, _silo.Post, (_, _) => { });

        await confirmed.ReconsiderAsync(CancellationToken.None);
        await confirmed.ReconsiderAsync(CancellationToken.None);

        Assert.Single(await _silo.TakeSentAsync());
    }

    private static Protocol.Canonical.Sha256Digest Sha(RosterBundle bundle) => Protocol.Canonical.Sha256Digest.Of(bundle.Roster.Payload);

    private Member Open() => Open(_silo);

    private static Member Open(AuditedSilo silo) => new(silo.Store, silo.Home, AuditedSilo.Policy(), silo.Post, (_, _) => { });

    private async Task PublishAsync()
    {
        await _silo.Store.EnsureContainerAsync(RosterBundle.Container, CancellationToken.None);
        foreach ((int version, RosterBundle bundle) in _silo.Federation.Bundles())
        {
            await _silo.PutAsync(RosterBundle.Container, RosterBundle.PublishedPath(version), bundle.ToJson());
        }
    }
}
