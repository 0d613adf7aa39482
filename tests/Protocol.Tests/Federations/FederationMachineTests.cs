// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Federations;

public sealed class FederationMachineTests
{
    private static readonly FederationId Federation = new("test-federation");
    private static readonly ImmutableArray<JoinBody> Joins = [.. Enumerable.Range(1, 5).Select(Join)];

    private static readonly FederationState Empty = new()
    {
        Federation = Federation,
        CoordinatorSpkiSha256 = Key().Fingerprint,
        LogVkey = Key().VKey("test-federation/log"),
    };

    [Fact]
    public void Founding_WaitsForEveryInvitedSiloAndEverySignature()
    {
        Story story = new Story().Invite(0).Invite(1).Invite(2).Join(0).Join(1);
        Assert.Null(story.State.Proposal);

        story.Join(2);
        Roster proposed = Assert.IsType<ProposeRoster>(Assert.Single(story.Effects)).Roster;
        Assert.Equal(1, proposed.Version);
        Assert.Equal(3, proposed.N);
        story.Sign(0).Sign(2);
        Assert.Null(story.State.Roster);

        story.Sign(1);
        Assert.Equal(proposed.Digest(), Assert.IsType<PublishRoster>(Assert.Single(story.Effects)).Roster.Digest());
        Assert.Null(story.State.Proposal);
    }

    [Fact]
    public void Join_WithoutInvitation_IsIgnored() =>
        Assert.Equal(ErrorCodes.JoinRefused, new Story().Join(0).Ignored);

    [Fact]
    public void Join_Again_GetsWhatIsCurrentOnceMore()
    {
        Story story = Founded(2).Join(1);

        PublishRoster again = Assert.IsType<PublishRoster>(Assert.Single(story.Effects));
        Assert.Equal<SiloId>([Joins[1].SiloId], again.To);
    }

    [Fact]
    public void Invite_AMember_IsRefused() =>
        Assert.Equal(ErrorCodes.SiloExists, Founded(2).Invite(1).Ignored);

    [Fact]
    public void Newcomer_NeedsAQuorumAndItsOwnSignature()
    {
        Story story = Founded(3).Invite(3).Join(3).Sign(0).Sign(1).Sign(2);
        Assert.Equal(1, story.State.Roster!.Version);

        story.Sign(3);

        Assert.Equal(2, story.State.Roster.Version);
        Assert.NotNull(story.State.Roster.Find(Joins[3].SiloId));
    }

    [Fact]
    public void T30_Revoke_AtThree_NeedsTheTwoOthersAndTellsTheOneThatLeaves()
    {
        Story story = Founded(3).Revoke(2);
        Assert.Equal<SiloId>([Joins[0].SiloId, Joins[1].SiloId], Assert.IsType<ProposeRoster>(Assert.Single(story.Effects)).To);
        story.Sign(2).Sign(0);
        Assert.Equal(1, story.State.Roster!.Version);

        story.Sign(1);

        Assert.Equal(2, story.State.Roster.N);
        Assert.Contains(Joins[2].SiloId, Assert.IsType<PublishRoster>(story.Effects[0]).To);
        Assert.Equal(ErrorCodes.SiloMissing, story.Revoke(2).Ignored);
    }

    [Fact]
    public void Revoke_AtTwo_IsRefused() =>
        Assert.Equal(ErrorCodes.RosterTooSmall, Founded(2).Revoke(1).Ignored);

    [Fact]
    public void Revoke_WhileAProposalIsInFlight_DoesNotReplaceIt()
    {
        Story story = Founded(3).Invite(3).Join(3).Sign(0);
        Sha256Digest proposed = story.State.Proposal!.Roster.Digest();

        story.Revoke(1);
        Assert.Equal(proposed, story.State.Proposal.Roster.Digest());
        Assert.Empty(story.Effects);

        story.Sign(1).Sign(2).Sign(3);
        Assert.Equal(proposed, story.State.Roster!.Digest());
        Assert.Null(story.State.Proposal.Roster.Find(Joins[1].SiloId));
        Assert.Equal(3, story.State.Proposal.Roster.Version);
    }

    [Fact]
    public void Revoke_AnInvitedSilo_LetsTheOthersFound()
    {
        Story story = new Story().Invite(0).Invite(1).Invite(2).Join(0).Join(1).Revoke(2);

        Assert.Equal(2, Assert.IsType<ProposeRoster>(Assert.Single(story.Effects)).Roster.N);
    }

    [Fact]
    public void Sign_AnotherRoster_IsIgnored()
    {
        Story story = Founded(2);

        Assert.Equal(ErrorCodes.RosterUnknown, story.Step(new RosterSigned(story.State.Roster!.Digest(), VerificationKey.FromBase64(Joins[0].IkSpki).Fingerprint)).Ignored);
    }

    // Operator and silos do anything in any order; members sign what the rules let them sign, one roster a version.
    [Fact]
    public void T30_AnyOrderOfEvents_EveryChangeIsCarriedAndNobodySignsTwice() =>
        Prop.ForAll(
            Gen.Choose(0, 19).ListOf().Select(steps => steps.ToArray()).ToArbitrary(),
            steps =>
            {
                Story story = new Story().Invite(0).Invite(1).Join(0).Join(1);
                foreach (int step in steps)
                {
                    _ = (step / 5) switch
                    {
                        0 => story.Invite(step % 5),
                        1 => story.Join(step % 5),
                        2 => story.Revoke(step % 5),
                        _ => story.Sign(step % 5),
                    };
                }

                for (int round = 0; round < 20 && story.State.Proposal is not null; round++)
                {
                    Enumerable.Range(0, 5).ToList().ForEach(silo => story.Sign(silo));
                }

                Assert.Null(story.State.Proposal);
                Assert.Empty(story.State.Leaving);
                Assert.Equal(story.State.Joined.Keys, story.State.Roster?.Members.Select(member => member.SiloId).Order() ?? story.State.Joined.Keys);
            }).QuickCheckThrowOnFailure();

    private static Story Founded(int members)
    {
        Story story = new();
        Enumerable.Range(0, members).ToList().ForEach(silo => story.Invite(silo));
        Enumerable.Range(0, members).ToList().ForEach(silo => story.Join(silo));
        Enumerable.Range(0, members).ToList().ForEach(silo => story.Sign(silo));
        return story;
    }

    private static VerificationKey Key()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return VerificationKey.Of(key);
    }

    private static JoinBody Join(int number) => new()
    {
        Type = EnrolmentBody.Join,
        Federation = Federation,
        SiloId = new SiloId($"silo-{number}"),
        IkSpki = Key().ToBase64(),
        WitnessVkey = Key().VKey($"silo-{number}"),
        AdminSpki = Key().ToBase64(),
        DataCardSha256 = Sha256Digest.Zero,
    };

    private sealed class Story
    {
        private readonly Dictionary<(int Silo, int Version), Sha256Digest> _signed = [];
        private readonly List<Roster> _published = [];

        public FederationState State { get; private set; } = Empty;

        public ImmutableArray<FederationEffect> Effects { get; private set; } = [];

        public ErrorCode? Ignored { get; private set; }

        public Story Invite(int silo) => Step(new SiloInvited(Joins[silo].SiloId));

        public Story Join(int silo) => Step(new JoinVerified(Joins[silo], Sha256Digest.Of(Jcs.Serialize(Joins[silo], EnrolmentJson.Default.JoinBody))));

        public Story Revoke(int silo) => Step(new RevocationRequested(Joins[silo].SiloId));

        /// <summary>A silo signs the proposal, if there is one that it is in and has not signed.</summary>
        public Story Sign(int silo)
        {
            if (State.Proposal is not { } proposal || proposal.Roster.Find(Joins[silo].SiloId) is null)
            {
                return this;
            }

            RosterChain.RequireStep(State.Roster, proposal.Roster);
            Sha256Digest digest = proposal.Roster.Digest();
            Assert.True(_signed.TryAdd((silo, proposal.Roster.Version), digest) || _signed[(silo, proposal.Roster.Version)] == digest, "two rosters for one version");
            return Step(new RosterSigned(digest, VerificationKey.FromBase64(Joins[silo].IkSpki).Fingerprint));
        }

        public Story Step(FederationEvent @event)
        {
            FederationStep step = FederationMachine.Step(State, @event);
            (State, Effects, Ignored) = (step.State, step.Effects, step.Ignored);
            foreach (PublishRoster publish in Effects.OfType<PublishRoster>().Where(publish => _published.All(known => known.Version != publish.Roster.Version)))
            {
                Assert.Equal(_published.Count + 1, publish.Roster.Version);
                _published.Add(publish.Roster);
            }

            return this;
        }
    }
}
