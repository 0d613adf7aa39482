// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Budgets;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The silo's part in the audit log: looks at it now and then, watches for its rounds, and hands in its own entries.</summary>
/// <param name="view">The log.</param>
/// <param name="entries">The silo's own entries.</param>
/// <param name="self">The silo.</param>
/// <param name="policy">The hash of its policy.</param>
/// <param name="journalHead">The head of its journal at this start.</param>
/// <param name="isContinuous">Whether the host proved that nothing was restored since the last start.</param>
/// <param name="budget">The silo's privacy budget, whose entries the log shows too.</param>
/// <param name="isInJournal">Whether a hash is that of a line of its journal.</param>
/// <param name="time">The clock.</param>
/// <param name="report">Takes a phase and a detail for the terminal.</param>
public sealed class SiloAudit(ILogView view, OwnEntries entries, SiloId self, Sha256Digest policy, Sha256Digest journalHead, bool isContinuous, BudgetDesk budget, Func<Sha256Digest, bool> isInJournal, TimeProvider time, Action<string, string> report)
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StartPeriod = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan HeldPeriod = TimeSpan.FromMilliseconds(200);

    private readonly Sha256Digest? _ledgerHead = budget.Head;
    private readonly Sha256Digest _nonce = Sha256Digest.FromBytes(RandomNumberGenerator.GetBytes(32));
    private readonly Dictionary<Sha256Digest, RoundSighting> _sightings = [];
    private ImmutableArray<SiloRound> _watched = [];
    private DateTimeOffset _next = DateTimeOffset.MinValue;
    private EntryDraft? _started;
    private string? _trouble;
    private bool _isOlder;

    /// <summary>How often the log is looked at: more often while an update is held.</summary>
    public static TimeSpan PeriodOf(SiloState state) => RoundsOf(state).Any(round => round.Phase == SiloRoundPhase.Held) ? HeldPeriod : Period;

    /// <summary>Whether the silo follows the log as a member.</summary>
    public bool IsInLog { get; private set; }

    /// <summary>The newest version of the coordinator's wrapping key in the log, once it is witnessed; else null.</summary>
    public WrappingPlace? WrappingKey { get; private set; }

    /// <summary>Whether the log shows this start of the agent. An epoch that is opened later is one of this start (audit-log, V14).</summary>
    public bool IsStartLogged => _started is not null && entries.IndexOf(_started) is not null;

    /// <summary>Looks at the log if it is time. Trouble with the log is reported and never stops other work.</summary>
    /// <param name="state">The silo.</param>
    /// <param name="rosters">The rosters that it has verified, from version 1.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>What happened, for the journal; null for nothing.</returns>
    public async Task<SiloEvent?> TurnAsync(SiloState state, ImmutableArray<Roster> rosters, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (rosters is not [.., { } roster] || roster.Find(self) is not { } member || !IsTime(state))
        {
            return null;
        }

        SiloEvent? seen = null;
        try
        {
            seen = state.LogRefusal is null ? await FollowAsync(member, rosters, cancellation) : null;
            _trouble = null;
        }
        catch (FedCloudException error)
        {
            Report(error);
        }

        await SendAsync(seen is LogRefused || state.LogRefusal is not null, cancellation);
        return seen;
    }

    /// <summary>What the looks so far gave for the round of a held update; null while there is nothing to tell.</summary>
    public SiloEvent? Seen(AwaitWitnesses effect)
    {
        ArgumentNullException.ThrowIfNull(effect);
        return _sightings.GetValueOrDefault(effect.Rid) switch
        {
            RoundSighting.Witnessed witnessed => new RoundWitnessed(time.GetUtcNow(), effect.Start.Job, effect.Rid, witnessed.Size),
            RoundSighting.Misrecorded misrecorded => new RoundMisrecorded(time.GetUtcNow(), effect.Start.Job, effect.Rid, misrecorded.Entry),
            _ => null,
        };
    }

    /// <summary>Journals the entry that an effect needs, before the effect is carried out.</summary>
    /// <exception cref="FedCloudException"><c>log_unread</c> or <c>disk_full</c>: the effect has to wait.</exception>
    public async Task LogAsync(SiloState state, SiloEffect effect, CancellationToken cancellation)
    {
        if (SiloEntries.Of(state, effect, policy) is { } draft)
        {
            await entries.LogAsync(draft, cancellation);
        }
    }

    private async Task<SiloEvent?> FollowAsync(RosterMember member, ImmutableArray<Roster> rosters, CancellationToken cancellation)
    {
        ImmutableSortedDictionary<int, MaskedPlace>? masked = null;
        switch (await view.FollowAsync(rosters, cancellation))
        {
            case LogLook.Accepted accepted:
                await entries.ReconcileAsync(accepted.Own, cancellation);
                entries.Administrator.Confirm(accepted.Administrator);
                _started ??= SiloEntries.Started(_nonce, journalHead, member.Idx, isContinuous, _ledgerHead);
                await entries.LogAsync(_started, cancellation);
                budget.Take(LogTimes.Of(accepted.Parties, entries.Newest()));
                await budget.CompareAsync(accepted.Budgets, isContinuous, IsStartLogged, cancellation);
                IsInLog = true;
                masked = accepted.Masked;
                break;
            case LogLook.Refused refused:
                return new LogRefused(time.GetUtcNow(), refused.Code.Name, refused.Evidence);
        }

        long? agentStarted = _started is null ? null : entries.IndexOf(_started);

        // Whatever this silo masked before this start must be in its journal, or the journal is an old one (secure-aggregation, J7).
        if (agentStarted is { } started && masked?.GetValueOrDefault(member.Idx) is { } last && last.Index < started && !isInJournal(last.JournalHead) && !_isOlder)
        {
            _isOlder = true;
            return new JournalOlder(time.GetUtcNow(), last.JournalHead);
        }

        // Also while the trainer works, so that an update need not wait for lines that are there already.
        foreach (SiloRound round in _watched.Where(round => _sightings.GetValueOrDefault(round.Rid) is null or RoundSighting.Unwitnessed))
        {
            _sightings[round.Rid] = await view.SeekAsync(round.Rid, round.Start, CoveredFor(round.Start.Job, agentStarted), rosters, cancellation);
        }

        // After the search for rounds, which reads the same lines.
        WrappingKey = await view.WrappingKeyAsync(rosters, cancellation);
        return null;
    }

    // What a checkpoint must cover beside the round's start; null while the log lacks some of it.
    private long? CoveredFor(RunId job, long? agentStarted)
    {
        if (budget.ReserveOf(job) is not { } reserved)
        {
            return agentStarted;
        }

        return entries.IndexOf(reserved) is { } logged && agentStarted is { } started ? Math.Max(logged, started) : null;
    }

    // Entries wait for the log's first roster; an alarm about the log itself does not.
    private async Task SendAsync(bool isRefused, CancellationToken cancellation)
    {
        try
        {
            if (IsInLog || isRefused)
            {
                await entries.SendAsync(cancellation);
            }
        }
        catch (FedCloudException error)
        {
            Report(error);
        }
    }

    // At once for an update that is ready; for a new round, which the log had before its start was sent, when its trainer has started.
    private bool IsTime(SiloState state)
    {
        ImmutableArray<SiloRound> rounds = RoundsOf(state);
        SiloRound[] fresh = [.. rounds.Where(round => _watched.All(watched => watched.Rid != round.Rid || watched.Phase != round.Phase))];
        foreach (Sha256Digest over in _sightings.Keys.Where(rid => rounds.All(round => round.Rid != rid)).ToList())
        {
            _sightings.Remove(over);
        }

        _watched = rounds;
        DateTimeOffset now = time.GetUtcNow();
        if (fresh.Any(round => round.Phase == SiloRoundPhase.Training))
        {
            _next = now + StartPeriod;
        }

        if (fresh.All(round => round.Phase == SiloRoundPhase.Training) && now < _next)
        {
            return false;
        }

        _next = now + PeriodOf(state);
        return true;
    }

    private static ImmutableArray<SiloRound> RoundsOf(SiloState state) =>
    [
        .. state.Runs.Values
            .Where(run => run is { Phase: SiloRunPhase.Approved, Round.Phase: SiloRoundPhase.Training or SiloRoundPhase.Held })
            .Select(run => run.Round).OfType<SiloRound>(),
    ];

    // The same trouble is said once, not with every look.
    private void Report(FedCloudException error)
    {
        if (!string.Equals(_trouble, error.Message, StringComparison.Ordinal))
        {
            _trouble = error.Message;
            report("log", error.Message);
        }
    }
}
