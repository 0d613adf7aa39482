// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Rounds;

/// <content>Secure aggregation: the list of masked vectors, its members' agreement, the shares that open its sum (secure-aggregation, section 5.2).</content>
public static partial class RoundMachine
{
    /// <summary>Whether a sum of this round may have been opened: a silo may have agreed to a list, so no other slot can serve the round any more (rule J9).</summary>
    public static bool MayBeOpened(RoundState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Secure?.List is not null;
    }

    private static string StepKey(RoundState state) => string.Create(CultureInfo.InvariantCulture, $"step-{state.Round}-{state.Secure?.Attempt}");

    private static long LengthOf(RoundState state) => state.Start.Slot?.VectorBytes ?? state.Start.UpdateLen;

    private static RoundStep ShowList(RunConfig config, DateTimeOffset at, RoundState state, SecureRound secure)
    {
        ImmutableArray<U3Member> members = [.. state.Contributors().Select(member => new U3Member(member.Value.Idx, UpdateOf(member.Value).Sha256))];
        U3ListBody list = new() { Rid = state.Rid, Members = members, U3Sha256 = Derivations.U3Hash(state.Rid, members) };
        RoundState agreeing = state with { Phase = RoundPhase.Agreeing, Secure = secure with { List = list, StepDue = Due(config, at) } };
        return new RoundStep(agreeing, [ListOf(agreeing, list)]);
    }

    private static RoundStep OnConsistency(RunConfig config, RoundState state, ConsistencyReceived received)
    {
        if (Listed(state, received.Silo, received.Rid) is not { } member || state.Secure is not { List: { } list } secure || received.U3Sha256 != list.U3Sha256 || secure.Agreed.ContainsKey(member.Idx))
        {
            return RoundStep.Ignore(state, "the silo agreed before, to another list, or is not on it");
        }

        SecureRound agreed = secure with { Agreed = secure.Agreed.Add(member.Idx, received.Identity) };
        RoundState next = state with { Secure = agreed };
        if (agreed.Agreed.Count < state.Threshold())
        {
            return new RoundStep(next, []);
        }

        RoundState unmasking = next with { Phase = RoundPhase.Unmasking, Secure = agreed with { StepDue = Due(config, received.At) } };
        return new RoundStep(unmasking, [AgreementOf(unmasking)]);
    }

    // Nobody waits for it, but it is evidence, and stored.
    private static RoundStep OnLateConsistency(RoundState state, ConsistencyReceived received) =>
        Listed(state, received.Silo, received.Rid) is { } member && state.Secure is { List: { } list } secure && received.U3Sha256 == list.U3Sha256 && !secure.Agreed.ContainsKey(member.Idx)
            ? new RoundStep(state with { Secure = secure with { Agreed = secure.Agreed.Add(member.Idx, received.Identity) } }, [])
            : RoundStep.Ignore(state, "the silo agreed before, to another list, or is not on it");

    private static RoundStep OnUnmask(RoundState state, UnmaskReceived received)
    {
        if (Answering(state, received) is not { } secure)
        {
            return RoundStep.Ignore(state, "the silo revealed its shares before, or is not on the list");
        }

        RoundState next = state with { Secure = secure };
        return secure.Answered.Count - secure.Faulty.Count < state.Threshold()
            ? new RoundStep(next, [])
            : new RoundStep(next with { Phase = RoundPhase.Aggregating }, [SumOf(next)]);
    }

    private static RoundStep OnLateUnmask(RoundState state, UnmaskReceived received) => Answering(state, received) is { } secure
        ? new RoundStep(state with { Secure = secure }, [])
        : RoundStep.Ignore(state, "the silo revealed its shares before, or is not on the list");

    private static SecureRound? Answering(RoundState state, UnmaskReceived received) =>
        Listed(state, received.Silo, received.Rid) is { } member && state.Secure is { } secure && !secure.Answered.ContainsKey(member.Idx)
            ? secure with { Answered = secure.Answered.Add(member.Idx, received.Unmask) }
            : null;

    private static RoundStep OnSumNeedsMore(RunConfig config, RoundState state, SumNeedsMore more)
    {
        if (more.Rid != state.Rid || state.Secure is not { } secure)
        {
            return RoundStep.Ignore(state, "the sum belongs to another round");
        }

        // Shares whose key version has ended are no fault of the silo: they are asked for again, and count as not answered until then.
        ImmutableArray<(SiloId Silo, RoundMember Member, UnmaskReference Unmask)> retired =
        [
            .. state.Members.Where(member => IsRetired(more.Faulty.GetValueOrDefault(member.Value.Idx) ?? string.Empty) && secure.Answered.ContainsKey(member.Value.Idx))
                .Select(member => (member.Key, member.Value, secure.Answered[member.Value.Idx])),
        ];
        ImmutableArray<RunEffect> asked = [.. retired.Select(one => AskAgainOf(state, one.Silo, one.Member, RunBody.Shares, one.Unmask.Attempt))];
        ImmutableSortedDictionary<int, string> faulty = more.Faulty.RemoveRange(retired.Select(one => one.Member.Idx));
        SecureRound next = secure with
        {
            Answered = secure.Answered.RemoveRange(retired.Select(one => one.Member.Idx)),
            Faulty = secure.Faulty.SetItems(faulty),
            StepDue = Due(config, more.At),
        };
        RoundState blamed = Blame(state with { Secure = next }, faulty);

        // Another answer may have come meanwhile. The same ones would give the same result.
        return !more.Faulty.IsEmpty && next.Answered.Count - next.Faulty.Count >= state.Threshold()
            ? new RoundStep(blamed, [.. asked, SumOf(blamed)])
            : new RoundStep(blamed with { Phase = RoundPhase.Unmasking }, asked);
    }

    private static RoundStep OnSumFailed(RoundState state, SumFailed failed) => failed.Rid == state.Rid && state.Secure is not null
        ? Abandon(Blame(state, failed.Faulty), ErrorCodes.All.GetValueOrDefault(failed.Reason) ?? ErrorCodes.SumOutOfBounds)
        : RoundStep.Ignore(state, "the sum belongs to another round");

    // No retry is possible after the list was shown: it is shown again until the round's time is up twice over.
    private static RoundStep OnStepDue(RunConfig config, RoundState state, DeadlineReached deadline)
    {
        if (!string.Equals(deadline.Key, StepKey(state), StringComparison.Ordinal) || state.Secure is not { List: { } list } secure || deadline.At < secure.StepDue)
        {
            return RoundStep.Ignore(state, "the deadline belongs to another step or has not passed");
        }

        if (deadline.At >= state.Deadline + TimeSpan.FromSeconds(config.Participation.RoundDeadline))
        {
            return Abandon(state, ErrorCodes.UnmaskingStalled);
        }

        RoundState again = state with { Secure = secure with { StepDue = Due(config, deadline.At) } };
        return new RoundStep(again, state.Phase == RoundPhase.Agreeing ? [ListOf(again, list)] : [ListOf(again, list), AgreementOf(again)]);
    }

    private static SendU3 ListOf(RoundState state, U3ListBody list) => new(
        [.. state.Contributors().Where(member => state.Secure?.Agreed.ContainsKey(member.Value.Idx) == false).Select(member => member.Key)],
        state.Round,
        list,
        MaskedOf(state));

    private static SendAgreement AgreementOf(RoundState state) => new(
        [.. state.Contributors().Where(member => state.Secure?.Answered.ContainsKey(member.Value.Idx) == false).Select(member => member.Key)],
        state.Round,
        state.Rid,
        state.Secure?.Agreed ?? ImmutableSortedDictionary<int, Canonical.Sha256Digest>.Empty);

    private static OpenSum SumOf(RoundState state)
    {
        SecureRound secure = state.Secure ?? throw new InvalidOperationException("a sum is opened under secure aggregation");
        U3ListBody list = secure.List ?? throw new InvalidOperationException("a sum is opened after its list was agreed to");
        ImmutableSortedDictionary<SiloId, RevealedAnswer> answered = state.Contributors()
            .Where(member => secure.Answered.ContainsKey(member.Value.Idx) && !secure.Faulty.ContainsKey(member.Value.Idx))
            .ToImmutableSortedDictionary(member => member.Key, member => new RevealedAnswer(member.Value.Idx, secure.Answered[member.Value.Idx]));
        return new OpenSum(state.Rid, state.Start, list, MaskedOf(state), answered);
    }

    private static ImmutableSortedDictionary<int, MaskedReference> MaskedOf(RoundState state) => state.Contributors().ToImmutableSortedDictionary(
        member => member.Value.Idx,
        member => UpdateOf(member.Value).Masked ?? throw new InvalidOperationException("a masked vector was announced"));

    private static RoundState Blame(RoundState state, ImmutableSortedDictionary<int, string> faulty)
    {
        RoundState next = state;
        foreach ((SiloId silo, RoundMember member) in state.Members)
        {
            next = faulty.TryGetValue(member.Idx, out string? reason) ? With(next, silo, member with { Reason = reason }) : next;
        }

        return next;
    }

    private static RoundMember? Listed(RoundState state, SiloId silo, Canonical.Sha256Digest rid) =>
        rid == state.Rid && state.Members.TryGetValue(silo, out RoundMember? member) && member.Phase == MemberPhase.Verified ? member : null;

    private static UpdateReference UpdateOf(RoundMember member) => member.Update ?? throw new InvalidOperationException("a verified member has an update");

    private static DateTimeOffset Due(RunConfig config, DateTimeOffset at) => at + TimeSpan.FromSeconds(config.Participation.StepTimeout);
}
