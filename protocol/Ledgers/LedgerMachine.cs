// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>The decisions of a privacy ledger: state and request give new entries, or why not (privacy, section 6). Pure.</summary>
/// <remarks>A request that was granted before is granted again without an entry. Values out of range throw <c>ledger_entry_malformed</c>.</remarks>
public static class LedgerMachine
{
    /// <summary>Sets the limit, the first one or another. What is spent stays spent, whatever the limit.</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="approvalSig">The administrator's signature; the caller verified it.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep SetLimit(LedgerState state, LedgerLimit limit, string approvalSig, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(limit);
        LedgerDraft draft = new(state, time);
        if (state.Limit == limit && string.Equals(state.LimitSig, approvalSig, StringComparison.Ordinal))
        {
            return draft.Grant();
        }

        // What was spent for one unit says nothing about another. A limit that keeps its unit may follow whatever an earlier version spent.
        if (limit.Unit != state.Limit?.Unit && UnitRefusal(limit.Unit, state) is { } otherUnit)
        {
            return draft.RefuseSilently(otherUnit);
        }

        draft.Add(LedgerEntryType.Limit, entry => entry with
        {
            EpsMax = limit.EpsMax,
            DeltaMax = limit.DeltaMax,
            Unit = limit.Unit,
            Records = limit.Records,
            ManifestSha256 = limit.ManifestSha256,
            ApprovalSig = approvalSig,
        });
        return draft.Grant();
    }

    /// <summary>Reserves a job's maximum rounds, all its mechanisms together, if the filter admits them.</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="request">What the job asks for.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep Reserve(LedgerState state, ReserveRequest request, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        Check(request);
        LedgerDraft draft = new(state, time);
        LedgerJob job = state.Jobs.GetValueOrDefault(request.Job) ?? new LedgerJob();
        if (state.IsClosed)
        {
            return draft.RefuseSilently(ErrorCodes.LedgerGap);
        }

        if (state.Limit is not { } limit)
        {
            return draft.Refuse(request.Job, ErrorCodes.LimitMissing);
        }

        if (Refusal(limit, job, request) is { } refusal)
        {
            return draft.Refuse(request.Job, refusal);
        }

        LedgerTerms[] missing = [.. Missing(job, request).OrderBy(terms => terms.Mechanism)];
        LedgerRdp added = missing.Aggregate(LedgerRdp.Zero, (sum, terms) => sum.Plus(terms.Rdp.Times(request.MaxRounds)));
        decimal? required = LedgerFilter.RequiredEpsilon(state.Spent.Plus(state.Reserved).Plus(added), (double)limit.DeltaMax);
        if (missing.Length > 0 && !LedgerFilter.Admits(state.Spent, state.Reserved, added, limit.EpsMax, (double)limit.DeltaMax))
        {
            return draft.Refuse(request.Job, ErrorCodes.BudgetExhausted, required);
        }

        foreach (LedgerTerms terms in missing)
        {
            draft.Add(LedgerEntryType.Reserve, entry => entry.With(terms) with
            {
                Job = request.Job,
                ConfigSha256 = request.ConfigSha256,
                Rounds = request.MaxRounds,
                Mechanisms = request.Terms.Length,
                ApprovalSig = request.ApprovalSig,
            });
        }

        return draft.Grant(required);
    }

    /// <summary>Charges one round of one mechanism. The entry is on disk before the first byte of the update leaves (rule L7).</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="request">The round.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep Charge(LedgerState state, ChargeRequest request, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(request);
        LedgerDraft draft = new(state, time);
        LedgerJob job = state.Jobs.GetValueOrDefault(request.Job) ?? new LedgerJob();
        if (state.IsClosed)
        {
            return draft.RefuseSilently(ErrorCodes.LedgerGap);
        }

        if (job.Charges.TryGetValue(new LedgerChargeKey(request.Round, request.NoiseId), out LedgerMechanism charged))
        {
            return charged == request.Mechanism ? draft.Grant() : draft.Refuse(request.Job, ErrorCodes.ChargeConflict);
        }

        if (Refusal(state, job, request.Mechanism) is { } refusal)
        {
            return draft.Refuse(request.Job, refusal);
        }

        draft.Add(LedgerEntryType.Charge, entry => entry.With(job.ByMechanism[request.Mechanism].Terms) with
        {
            Job = request.Job,
            Round = request.Round,
            NoiseId = request.NoiseId,
            ApprovalSig = job.ApprovalSig,
        });
        return draft.Grant();
    }

    /// <summary>Ends a job: what its reserve still holds returns. A job without a reserve has nothing to return.</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="job">The job.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep Settle(LedgerState state, RunId job, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        LedgerDraft draft = new(state, time);
        if (state.Jobs.GetValueOrDefault(job)?.Status is LedgerJobStatus.Reserved or LedgerJobStatus.Barred)
        {
            draft.Add(LedgerEntryType.Settle, entry => entry with { Job = job });
        }

        return draft.Grant();
    }

    /// <summary>Refuses a job because of the silo's clock, which the ledger does not know of itself.</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="job">The job.</param>
    /// <param name="time">Now, by that clock.</param>
    public static LedgerStep RefuseForClock(LedgerState state, RunId job, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        return new LedgerDraft(state, time).Refuse(job, ErrorCodes.ClockOff);
    }

    /// <summary>Counts reserves as spent in full, after a start that does not continue the one before (rule L11).</summary>
    /// <remarks>
    /// A reserve that neither this ledger nor the caller knows closes the ledger: the step refuses with <c>ledger_gap</c>, and so does
    /// every reserve and charge, also after a restart, until this is called with what is missing.
    /// </remarks>
    /// <param name="state">The ledger.</param>
    /// <param name="logged">Every job of this data set whose reserve is in the log, and no settlement.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep Bar(LedgerState state, ImmutableArray<LoggedReserve> logged, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        LedgerDraft draft = new(state, time);
        foreach (LoggedReserve reserve in logged.OrderBy(reserve => reserve.Job))
        {
            if (reserve.Recomputed is { } plan)
            {
                Check(plan);
            }

            LedgerJob job = draft.State.Jobs.GetValueOrDefault(reserve.Job) ?? new LedgerJob();
            if (LoggedTerms.Of(job, reserve) is { } terms)
            {
                Bar(draft, job, reserve, terms);
            }
            else
            {
                draft.Refuse(reserve.Job, ErrorCodes.LedgerGap);
            }
        }

        return draft.State.IsClosed ? draft.RefuseSilently(ErrorCodes.LedgerGap) : draft.Grant();
    }

    /// <summary>Counts history with another version of the accountant: at each order the larger value counts (rule L13).</summary>
    /// <param name="state">The ledger.</param>
    /// <param name="version">The accountant's version.</param>
    /// <param name="account">The RDP vector of one charge, computed by that version.</param>
    /// <param name="time">Now.</param>
    public static LedgerStep Recompute(LedgerState state, string version, Func<LedgerTerms, LedgerRdp> account, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(account);
        LedgerDraft draft = new(state, time);
        foreach ((RunId id, LedgerJob job) in state.Jobs)
        {
            foreach (LedgerTerms old in job.ByMechanism.Values.Select(reserve => reserve.Terms))
            {
                if (!string.Equals(old.AccountantVersion, version, StringComparison.Ordinal))
                {
                    LedgerTerms terms = old with { AccountantVersion = version, Rdp = old.Rdp.Larger(account(old)) };
                    draft.Add(LedgerEntryType.Recompute, entry => entry.With(terms) with { Job = id, Reason = LedgerReasons.Accountant, ApprovalSig = job.ApprovalSig });
                }
            }
        }

        return draft.Grant();
    }

    /// <summary>Why a ledger of one unit cannot count a job of another; null where they are the same.</summary>
    /// <remarks>
    /// A job of a stronger unit is refused too, as what bounds a person does not bound one of the person's records at the same epsilon:
    /// adding or removing a person moves a sum by at most the clip norm C, removing one record may turn the person's clipped vector by up to 2C.
    /// </remarks>
    /// <param name="ledger">The limit's unit.</param>
    /// <param name="job">The job's.</param>
    public static ErrorCode? UnitRefusal(PrivacyUnit ledger, PrivacyUnit job) =>
        job == ledger ? null : job < ledger ? ErrorCodes.UnitWeaker : ErrorCodes.UnitNotAccounted;

    private static ErrorCode? UnitRefusal(PrivacyUnit ledger, LedgerState state) => state.Jobs.Values
        .SelectMany(job => job.ByMechanism.Values)
        .Select(reserve => UnitRefusal(ledger, reserve.Terms.Unit))
        .FirstOrDefault(refusal => refusal is not null);

    private static void Bar(LedgerDraft draft, LedgerJob job, LoggedReserve logged, LoggedTerms terms)
    {
        foreach ((LedgerTerms one, long rounds) in terms.Rounds)
        {
            LedgerReserve? known = job.ByMechanism.GetValueOrDefault(one.Mechanism);
            long reserves = Math.Max(Math.Max(logged.Reserves, job.Reserves), 1);
            long counted = LedgerFold.Counted(known, reserves, rounds);
            if (counted > 0 || job.Status == LedgerJobStatus.Reserved)
            {
                draft.Add(LedgerEntryType.Recompute, entry => entry.With(one) with
                {
                    Job = logged.Job,
                    Reason = LedgerReasons.DiscontinuousStart,
                    ApprovalSig = logged.Recomputed?.ApprovalSig ?? job.ApprovalSig,
                    ConfigSha256 = terms.ConfigSha256,
                    Rounds = rounds,
                    Mechanisms = terms.Rounds.Length,
                    Reserves = reserves,
                    Counted = counted,
                });
            }
        }
    }

    private static ErrorCode? Refusal(LedgerLimit limit, LedgerJob job, ReserveRequest request)
    {
        if (job.Status == LedgerJobStatus.Settled)
        {
            return ErrorCodes.ReserveSettled;
        }

        if (job.Status != LedgerJobStatus.Refused && IsChanged(job, request))
        {
            return ErrorCodes.ReserveChanged;
        }

        if (!Missing(job, request).Any())
        {
            return null;
        }

        return request.Terms.Select(terms => UnitRefusal(limit.Unit, terms.Unit)).FirstOrDefault(otherUnit => otherUnit is not null)
            ?? (request.Terms.Any(terms => terms.Delta > limit.DeltaMax) ? ErrorCodes.DeltaAboveLimit : null);
    }

    private static bool IsChanged(LedgerJob job, ReserveRequest request) =>
        job.ConfigSha256 != request.ConfigSha256
        || job.Mechanisms != request.Terms.Length
        || request.Terms.Any(terms => job.ByMechanism.GetValueOrDefault(terms.Mechanism) is { } known && !known.Terms.Cover(terms))
        || job.ByMechanism.Keys.Any(mechanism => request.Terms.All(terms => terms.Mechanism != mechanism))
        || job.ByMechanism.Values.Any(reserve => job.Status == LedgerJobStatus.Barred || reserve.Reserves < job.Reserves ? request.MaxRounds > reserve.Rounds : request.MaxRounds != reserve.Rounds);

    // What the present reserve lacks: all of it for a new one, the rest of one whose lines a crash cut short, nothing of a whole one.
    private static IEnumerable<LedgerTerms> Missing(LedgerJob job, ReserveRequest request) => request.Terms
        .Select(terms => (Asked: terms, Known: job.ByMechanism.GetValueOrDefault(terms.Mechanism)))
        .Where(pair => pair.Known is null || job.Status == LedgerJobStatus.Barred || pair.Known.Reserves < job.Reserves)
        .Select(pair => pair.Known?.Terms ?? pair.Asked);

    private static ErrorCode? Refusal(LedgerState state, LedgerJob job, LedgerMechanism mechanism)
    {
        ErrorCode? status = job.Status switch
        {
            LedgerJobStatus.Barred => ErrorCodes.ReserveBarred,
            LedgerJobStatus.Settled => ErrorCodes.ReserveSettled,
            LedgerJobStatus.Reserved when job.IsComplete => null,
            _ => ErrorCodes.ReserveMissing,
        };
        if (status is not null || !job.ByMechanism.TryGetValue(mechanism, out LedgerReserve? reserve))
        {
            return status ?? ErrorCodes.ReserveMissing;
        }

        if (reserve.Left == 0)
        {
            return ErrorCodes.ReserveUsedUp;
        }

        // Earlier versions reserved for a stronger unit than the limit's.
        if (state.Limit is { } counted && UnitRefusal(counted.Unit, reserve.Terms.Unit) is { } otherUnit)
        {
            return otherUnit;
        }

        // Always so after a reserve; not where the limit was lowered or a newer accountant counts more.
        bool admitted = state.Limit is { } limit && LedgerFilter.Admits(state.Spent, LedgerRdp.Zero, reserve.Terms.Rdp, limit.EpsMax, (double)limit.DeltaMax);
        return admitted ? null : ErrorCodes.BudgetExhausted;
    }

    private static void Check(ReserveRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Terms.IsDefaultOrEmpty || request.Terms.DistinctBy(terms => terms.Mechanism).Count() != request.Terms.Length || request.MaxRounds is < 1 or > LedgerEntryRules.MaxRounds)
        {
            throw new FedCloudException(ErrorCodes.LedgerEntryMalformed, $"expected terms of different mechanisms and 1 to {LedgerEntryRules.MaxRounds} rounds, found other ones");
        }
    }
}
