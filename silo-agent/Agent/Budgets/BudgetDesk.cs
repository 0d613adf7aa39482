// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Jobs;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The silo's privacy budget at work: reserves when a plan is approved, charges before an update leaves, settles at the end, and says in the log that it did.</summary>
/// <remarks>What is granted is the ledger's decision; here it is asked, written into the log, and shown on the terminal.</remarks>
public sealed class BudgetDesk : IDisposable
{
    private readonly SiloPolicy _policy;
    private readonly ModelCache _models;
    private readonly OwnEntries _log;
    private readonly Action<RunId?, int?, BudgetNews> _report;
    private readonly TimeProvider _time;
    private readonly SiloLedger? _ledger;
    private readonly HashSet<string> _reservedNow = new(StringComparer.Ordinal);
    private Sha256Digest _logged = Sha256Digest.Zero;
    private Sha256Digest? _lost;
    private LogTime? _logTime;
    private bool _isCompared;

    /// <summary>Opens the ledger of the policy's data set; there is none where the policy sets no budget.</summary>
    /// <param name="home">The home folder.</param>
    /// <param name="policy">The verified policy.</param>
    /// <param name="models">Plans.</param>
    /// <param name="log">The silo's own entries.</param>
    /// <param name="time">The clock.</param>
    /// <param name="report">Takes run, round and news for the terminal; they never leave the machine.</param>
    /// <exception cref="FedCloudException">A code of the ledger: nothing is ever released on a ledger that does not open.</exception>
    public BudgetDesk(SiloHome home, SiloPolicy policy, ModelCache models, OwnEntries log, TimeProvider time, Action<RunId?, int?, BudgetNews> report)
    {
        ArgumentNullException.ThrowIfNull(home);
        ArgumentNullException.ThrowIfNull(policy);
        (_policy, _models, _log, _time, _report) = (policy, models, log, time, report);
        _ledger = policy.Ledger is { } ledger ? SiloLedger.Open(home.LedgersFolder, ledger.DataSet(policy.TrainFile), time) : null;
        _ledger?.NameExcluded(policy.Ledger?.UnaccountedRuns ?? []);
        _ledger?.Recompute(DpSgdAccountant.Version, ClaimAccount.Recount);
        if (_ledger?.TornBytes > 0)
        {
            _report(null, null, BudgetNews.Torn(_ledger.TornBytes));
        }
    }

    /// <summary>The ledger's head; null where there is no ledger.</summary>
    public Sha256Digest? Head => _ledger?.Head;

    /// <summary>Reserves what a plan may cost at most.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Why not; null when the budget admits it, or the plan claims nothing.</returns>
    /// <exception cref="FedCloudException">The plan cannot be accounted for at this silo, or nothing was decided.</exception>
    public async Task<ErrorCode?> ReserveAsync(RunConfig plan, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (!plan.Privacy.IsClaimed)
        {
            return null;
        }

        if (_ledger is null || _policy.Ledger is not { } budget)
        {
            return ErrorCodes.BudgetMissing;
        }

        if (await ClockRefusalAsync(_ledger, plan.Job, round: null, cancellation) is { } clock)
        {
            return clock;
        }

        await RequireDeclaredAsync(budget, cancellation);
        ReserveRequest? request = RequestOf(_ledger.State, plan);
        if (request is null)
        {
            ClaimAccount account = Account(plan, budget);
            if (budget.Refusal(account.Terms) is { } tooLittle)
            {
                return tooLittle;
            }

            request = RequestOf(plan, account);
            if (budget.EpsilonPerYear is { } pace && !(RecentSpending.With(_ledger.Entries, _ledger.State, request, _time.GetUtcNow()) <= pace))
            {
                return ErrorCodes.BudgetYearExhausted;
            }
        }

        LedgerStep step = _ledger.Reserve(request);
        _reservedNow.Add(plan.Job.Value);
        await LogAsync(cancellation);
        _report(plan.Job, null, BudgetNews.Of(step.Refusal is null ? BudgetEvent.Reserved : BudgetEvent.Refused, step, plan.Job));
        return step.Refusal;
    }

    /// <summary>What the trainer needs to know of a run with a privacy claim; null where its noise is added later, on the ring, and for other runs, of which those on private data are written down as what epsilon excludes.</summary>
    /// <exception cref="FedCloudException"><c>reserve_missing</c>, <c>disk_full</c>, or <c>dataset_changed</c> since the administrator declared it.</exception>
    public async Task<JobPrivacy?> PrivacyAsync(RunConfig plan, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (!plan.Privacy.IsClaimed)
        {
            if (!plan.IsPublic)
            {
                _ledger?.MarkUsed(plan.Job);
            }

            return null;
        }

        LedgerTerms terms = _ledger?.State.Jobs.GetValueOrDefault(plan.Job)?.ByMechanism.GetValueOrDefault(ClaimAccount.MechanismOf(plan))?.Terms
            ?? throw new FedCloudException(ErrorCodes.ReserveMissing, "the ledger holds no reserve for the run");
        await RequireDeclaredAsync(_policy.Ledger ?? throw new InvalidOperationException("a ledger comes from the policy"), cancellation);
        return plan.Privacy.IsOnRing ? null : new JobPrivacy((double)terms.Q, terms.Z);
    }

    /// <summary>The log entry of a run's reserve, which the log has to show before an update leaves (privacy, L7); null without a reserve.</summary>
    public EntryDraft? ReserveOf(RunId job) =>
        _ledger?.Entries.LastOrDefault(entry => entry.Type == LedgerEntryType.Reserve && entry.Job == job) is { } reserve ? SiloEntries.Budget(reserve) : null;

    /// <summary>Charges a round. On return the charge is on disk and its entry journaled, so the update may leave.</summary>
    /// <param name="plan">The run's plan.</param>
    /// <param name="round">The round.</param>
    /// <param name="noiseId">What identifies the noise: of DP-SGD the digest of the noised update, of noise on the ring the slot's rid, since a slot sees one vector.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The ledger's head, for the signed announcement; 64 zeros without a claim.</returns>
    /// <exception cref="FedCloudException">The ledger refuses: nothing may leave.</exception>
    public async Task<Sha256Digest> ChargeAsync(RunConfig plan, int round, Sha256Digest noiseId, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (!plan.Privacy.IsClaimed)
        {
            return Sha256Digest.Zero;
        }

        SiloLedger ledger = _ledger ?? throw new FedCloudException(ErrorCodes.ReserveMissing, "the silo has no ledger any more");
        if (await ClockRefusalAsync(ledger, plan.Job, round, cancellation) is { } clock)
        {
            throw new FedCloudException(clock, $"round {round} of {plan.Job} is not charged, so nothing of it leaves");
        }

        LedgerStep step = ledger.Charge(new ChargeRequest(plan.Job, ClaimAccount.MechanismOf(plan), round, noiseId));
        await LogAsync(cancellation);
        _report(plan.Job, round, BudgetNews.Of(step.Refusal is null ? BudgetEvent.Charged : BudgetEvent.Refused, step, plan.Job));
        return step.Refusal is { } refusal
            ? throw new FedCloudException(refusal, $"round {round} of {plan.Job} is not charged, so nothing of it leaves")
            : ledger.Head;
    }

    /// <summary>Ends a run: what its reserve still holds is free again.</summary>
    public async Task SettleAsync(RunId job, CancellationToken cancellation)
    {
        if (_ledger?.Settle(job) is { } step)
        {
            await LogAsync(cancellation);
            _report(job, null, BudgetNews.Of(BudgetEvent.Settled, step, job));
        }
    }

    /// <summary>Takes what the log says of the time; nothing is reserved or charged while the silo's clock is more than a day off it (privacy, section 6.4).</summary>
    public void Take(LogTime log) => _logTime = log;

    /// <summary>Compares the ledger with what the log shows of it (privacy, L11): a ledger that is older, or a start that does not continue the last one, makes every reserve in the log spent in full.</summary>
    /// <param name="budgets">This silo's ledgers in the log.</param>
    /// <param name="isContinuous">Whether this start continues the last one.</param>
    /// <param name="isStartLogged">Whether what was read of the log is newer than this start.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task CompareAsync(ImmutableSortedDictionary<string, BudgetPlace>? budgets, bool isContinuous, bool isStartLogged, CancellationToken cancellation)
    {
        await LogAsync(cancellation);
        if (_ledger is null || budgets?.GetValueOrDefault(_ledger.Commitment.Hex) is not { } place)
        {
            return;
        }

        bool isOlder = place.Head != _lost && _ledger.EntriesAfter(place.Head) is null;
        bool isOtherStart = isStartLogged && !isContinuous && !_isCompared;
        _isCompared |= isStartLogged;
        if (!isOlder && !isOtherStart)
        {
            return;
        }

        _lost = isOlder ? place.Head : _lost;
        LoggedReserve[] open = [.. place.Reserves.Where(reserve => !_reservedNow.Contains(reserve.Key)).Select(reserve => new LoggedReserve(RunId.Parse(reserve.Key), reserve.Value, Recomputed(RunId.Parse(reserve.Key))))];
        LedgerStep step = _ledger.Bar([.. open]);
        await LogAsync(cancellation);
        if (isOlder || step.Entries.Length > 0)
        {
            _report(null, null, BudgetNews.Of(isOlder ? BudgetEvent.Older : BudgetEvent.Barred, step, job: null));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _ledger?.Dispose();

    private async Task<ErrorCode?> ClockRefusalAsync(SiloLedger ledger, RunId job, int? round, CancellationToken cancellation)
    {
        if (LedgerClock.FaultOf(_time.GetUtcNow(), _logTime) is not { } fault)
        {
            return null;
        }

        LedgerStep step = ledger.RefuseForClock(job);
        await LogAsync(cancellation);
        _report(job, round, BudgetNews.Clock(fault));
        return step.Refusal;
    }

    // Each entry of the ledger is one of the log, by the head after it; the administrator's own are signed with the policy.
    private async Task LogAsync(CancellationToken cancellation)
    {
        foreach (LedgerEntry entry in _ledger?.EntriesAfter(_logged) ?? [])
        {
            if (entry.Type != LedgerEntryType.Limit)
            {
                await _log.LogAsync(SiloEntries.Budget(entry), cancellation);
            }

            _logged = entry.Hash();
        }
    }

    private static ClaimAccount Account(RunConfig plan, LedgerPolicy budget) =>
        ClaimAccount.Of(plan, budget.UnitsOf(plan.Privacy) ?? throw new FedCloudException(ErrorCodes.UnitNotAccounted, "the policy declares no number of persons"));

    private ReserveRequest RequestOf(RunConfig plan, ClaimAccount account) => new()
    {
        Job = plan.Job,
        ConfigSha256 = plan.Digest,
        Terms = [account.Terms],
        MaxRounds = account.MaxRounds,
        ApprovalSig = _policy.ApprovalSig ?? throw new FedCloudException(ErrorCodes.PolicySignature, "the policy was not read from its signed envelope"),
    };

    // An offer comes again after a crash; its figures are in the ledger and need not be computed again.
    private static ReserveRequest? RequestOf(LedgerState state, RunConfig plan)
    {
        LedgerJob? job = state.Jobs.GetValueOrDefault(plan.Job);
        return job is { Status: LedgerJobStatus.Reserved, IsComplete: true, ApprovalSig: { } approval } && job.ConfigSha256 == plan.Digest
            ? new ReserveRequest { Job = plan.Job, ConfigSha256 = plan.Digest, Terms = [.. job.ByMechanism.Values.Select(reserve => reserve.Terms)], MaxRounds = job.ByMechanism.Values.First().Rounds, ApprovalSig = approval }
            : null;
    }

    // What a run reserved that only the log knows; null where its plan is gone too.
    private ReserveRequest? Recomputed(RunId job)
    {
        try
        {
            RunConfig plan = _models.Plan(job);
            return _policy.Ledger is { } budget ? RequestOf(plan, Account(plan, budget)) : null;
        }
        catch (FedCloudException)
        {
            return null;
        }
    }

    // The numbers that noise and sampling follow from are about one file.
    private async Task RequireDeclaredAsync(LedgerPolicy budget, CancellationToken cancellation)
    {
        Sha256Digest found = await FileDigest.OfAsync(_policy.TrainFile, cancellation);
        if (found != budget.ManifestSha256)
        {
            throw new FedCloudException(ErrorCodes.DatasetChanged, $"expected the training file {budget.ManifestSha256?.Hex[..12] ?? "that the policy declares"}, found {found.Hex[..12]}");
        }

        LedgerLimit limit = budget.ToLimit();
        if (_ledger?.State.Limit != limit)
        {
            throw new FedCloudException(ErrorCodes.LimitMissing, "the ledger's limit is not the policy's");
        }
    }
}
