// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Federations;

/// <summary>Membership as a pure function: invitations, joins, and the roster chain that only members' signatures move.</summary>
/// <remarks>
/// Version 1 is proposed when every invited silo has joined and there are at least two; later versions as silos join or are to
/// be removed, or as the log is to get another key, which is a version of its own. There is one proposal at a time, and it is never replaced: a member signs one roster per version (keys and
/// identity, RS2), so whoever signed the first would have to refuse the second. A version removes at most one member.
/// </remarks>
public static partial class FederationMachine
{
    private const int MinMembers = 2;

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
            LogKeyRequested requested => OnLogKey(state, requested),
            WrappingKeyFound found => OnWrappingKey(state, found),
            WrappingKeyChecked due => OnChecked(state, due),
            _ => throw new ArgumentOutOfRangeException(nameof(@event), @event?.GetType().Name, "an unknown event"),
        };
    }

    private static FederationStep OnInvited(FederationState state, SiloInvited invited) =>
        IsNamed(state, invited.Silo)
            ? Ignore(state, ErrorCodes.SiloExists)
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
                _ => Ignore(state, ErrorCodes.SiloExists),
            };
        }

        if (!state.Invited.Contains(silo))
        {
            return Ignore(state, ErrorCodes.JoinRefused);
        }

        FederationState next = state with
        {
            Invited = state.Invited.Remove(silo),
            Joined = state.Joined.SetItem(silo, new JoinedSilo(joined.Join, joined.Identity)),
        };
        return Propose(next);
    }

    private static FederationStep OnSigned(FederationState state, RosterSigned signed)
    {
        if (state.Proposal is not { } proposal || proposal.Roster.Digest() != signed.RosterSha256)
        {
            return Ignore(state, ErrorCodes.RosterUnknown);
        }

        RosterProposal next = proposal with { Signers = proposal.Signers.Add(signed.Signer.Hex) };
        HashSet<Canonical.Sha256Digest> signers = [.. next.Signers.Select(hex => new Canonical.Sha256Digest(hex))];
        if (!RosterChain.IsCarried(state.Roster, proposal.Roster, signers))
        {
            return new FederationStep(state with { Proposal = next }, []);
        }

        ImmutableArray<SiloId> members = [.. proposal.Roster.Members.Select(member => member.SiloId)];
        ImmutableSortedSet<SiloId> gone = [.. state.Roster?.Members.Select(member => member.SiloId).Except(members) ?? []];
        FederationStep following = Propose(state with
        {
            Roster = proposal.Roster,
            Proposal = null,
            Leaving = state.Leaving.Except(gone),
            Joined = state.Joined.RemoveRange(gone),
        });
        return following with { Effects = [new PublishRoster([.. members, .. gone], proposal.Roster, state.IsLogKeyLost), .. following.Effects] };
    }

    private static FederationStep OnLogKey(FederationState state, LogKeyRequested requested) => RefusalOfLogKey(state) is { } refused
        ? Ignore(state, refused)
        : Propose(state with { LogVkey = requested.LogVkey, IsLogKeyLost = requested.IsLost });

    /// <summary>Why the log cannot get another key now: before its first roster, or while the members have not decided about the last one. Null when it can.</summary>
    public static ErrorCode? RefusalOfLogKey(FederationState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Roster is null ? ErrorCodes.RosterMissing : IsLogKeyNew(state) ? ErrorCodes.LogKeyPending : null;
    }

    private static bool IsLogKeyNew(FederationState state) => state.Roster is { } roster && !string.Equals(roster.LogVkey, state.LogVkey, StringComparison.Ordinal);

    private static FederationStep OnRevoked(FederationState state, RevocationRequested revoked)
    {
        SiloId silo = revoked.Silo;
        if (!IsNamed(state, silo))
        {
            FederationState without = state with { Invited = state.Invited.Remove(silo), Joined = state.Joined.Remove(silo) };
            return without == state ? Ignore(state, ErrorCodes.SiloMissing) : Propose(without);
        }

        if (state.Leaving.Contains(silo))
        {
            return new FederationStep(state, []);
        }

        int left = (state.Proposal?.Roster ?? state.Roster)?.Members.Count(member => !state.Leaving.Contains(member.SiloId)) ?? 0;
        return left <= MinMembers
            ? Ignore(state, ErrorCodes.RosterTooSmall)
            : Propose(state with { Leaving = state.Leaving.Add(silo) });
    }

    private static bool IsNamed(FederationState state, SiloId silo) =>
        state.Roster?.Find(silo) is not null || state.Proposal?.Roster.Find(silo) is not null;

    private static FederationStep Propose(FederationState state)
    {
        ImmutableArray<SiloId> wanted = Wanted(state);
        bool same = !IsLogKeyNew(state) && state.Roster is { } current && current.Members.Select(member => member.SiloId).Order().SequenceEqual(wanted);
        if (state.Proposal is not null || same || wanted.Length < MinMembers || (state.Roster is null && !state.Invited.IsEmpty))
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
        return new FederationStep(state with { Proposal = new RosterProposal(roster, []) }, [new ProposeRoster(wanted, roster)]);
    }

    // Everyone who joined, less the first of those that are to leave. A version that gives the log another key changes nothing else.
    private static ImmutableArray<SiloId> Wanted(FederationState state) => IsLogKeyNew(state)
        ? [.. (state.Roster?.Members ?? []).Select(member => member.SiloId).Order()]
        : [.. state.Joined.Keys.Where(silo => state.Leaving.IsEmpty || silo != state.Leaving[0])];

    private static FederationStep Ignore(FederationState state, ErrorCode reason) => new(state, [], reason);
}
