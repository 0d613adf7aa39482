// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Federations;

/// <summary>Membership as a pure function: invitations, joins, and the roster chain that only members' signatures move.</summary>
/// <remarks>Version 1 is proposed when every invited silo has joined and there are at least two; later versions as silos join or are to be removed, one proposal at a time.</remarks>
public static class FederationMachine
{
    /// <summary>Takes one event.</summary>
    public static FederationStep Step(FederationState state, FederationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(state);
        return @event switch
        {
            SiloInvited invited => OnInvited(state, invited),
            JoinVerified joined => OnJoined(state, joined),
            RosterSigned signed => OnSigned(state, signed),
            RevocationRequested revoked => OnRevoked(state, revoked),
            _ => throw new ArgumentOutOfRangeException(nameof(@event), @event?.GetType().Name, "an unknown event"),
        };
    }

    private static FederationStep OnInvited(FederationState state, SiloInvited invited) =>
        state.Roster?.Find(invited.Silo) is not null
            ? Ignore(state, "the silo is a member")
            : new FederationStep(state with { Invited = state.Invited.Add(invited.Silo) }, []);

    private static FederationStep OnJoined(FederationState state, JoinVerified joined)
    {
        SiloId silo = joined.Join.SiloId;
        if (state.Joined.TryGetValue(silo, out JoinedSilo? known) && known.Identity == joined.Identity)
        {
            // The silo asks again because it missed the answer: what is current goes out to it once more.
            return state switch
            {
                { Proposal: { } proposal } when proposal.Roster.Find(silo) is not null => new FederationStep(state, [new ProposeRoster([silo], proposal.Roster)]),
                { Roster: { } roster } when roster.Find(silo) is not null => new FederationStep(state, [new PublishRoster([silo], roster)]),
                _ => Ignore(state, "the join is known"),
            };
        }

        if (!state.Invited.Contains(silo))
        {
            return Ignore(state, "the silo is not invited");
        }

        FederationState next = state with
        {
            Invited = state.Invited.Remove(silo),
            Joined = state.Joined.SetItem(silo, new JoinedSilo(joined.Join, joined.Identity)),
        };
        return next.Proposal is null ? Propose(next) : new FederationStep(next, []);
    }

    private static FederationStep OnSigned(FederationState state, RosterSigned signed)
    {
        if (state.Proposal is not { } proposal || proposal.Roster.Digest() != signed.RosterSha256)
        {
            return Ignore(state, "no such proposal waits for signatures");
        }

        RosterProposal next = proposal with { Signers = proposal.Signers.Add(signed.Signer.Hex) };
        HashSet<Canonical.Sha256Digest> signers = [.. next.Signers.Select(hex => new Canonical.Sha256Digest(hex))];
        if (!RosterChain.IsCarried(state.Roster, proposal.Roster, signers))
        {
            return new FederationStep(state with { Proposal = next }, []);
        }

        ImmutableArray<SiloId> told = [.. proposal.Roster.Members.Select(member => member.SiloId)];
        FederationStep following = Propose(state with { Roster = proposal.Roster, Proposal = null });
        return following with { Effects = [new PublishRoster(told, proposal.Roster), .. following.Effects] };
    }

    private static FederationStep OnRevoked(FederationState state, RevocationRequested revoked)
    {
        FederationState next = state with { Invited = state.Invited.Remove(revoked.Silo), Joined = state.Joined.Remove(revoked.Silo) };
        if (state.Roster?.Find(revoked.Silo) is null)
        {
            return next == state ? Ignore(state, "the silo is not known") : new FederationStep(next, []);
        }

        // A proposal in flight gives way: it would name the silo.
        return Propose(next with { Proposal = null });
    }

    private static FederationStep Propose(FederationState state)
    {
        ImmutableArray<SiloId> wanted = [.. state.Joined.Keys];
        bool founding = state.Roster is null;
        bool same = state.Roster is { } current && current.Members.Select(member => member.SiloId).Order().SequenceEqual(wanted);
        if (same || wanted.Length < 2 || (founding && !state.Invited.IsEmpty))
        {
            return new FederationStep(state, []);
        }

        Roster roster = new()
        {
            Federation = state.Federation,
            Version = (state.Roster?.Version ?? 0) + 1,
            N = wanted.Length,
            Members = [.. wanted.Select((silo, i) => state.Joined[silo].Join.ToMember(i + 1))],
            CoordinatorSpkiSha256 = [state.CoordinatorSpkiSha256],
            LogVkey = state.LogVkey,
            Policy = ImmutableSortedDictionary<string, string>.Empty,
        };
        ImmutableArray<SiloId> asked = [.. wanted.Union(state.Roster?.Members.Select(member => member.SiloId).Where(wanted.Contains) ?? [])];
        return new FederationStep(state with { Proposal = new RosterProposal(roster, []) }, [new ProposeRoster(asked, roster)]);
    }

    private static FederationStep Ignore(FederationState state, string reason) => new(state, [], reason);
}
