// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether the entries of each round fit together (V7).</summary>
internal sealed class RoundCheck(Findings findings) : IEntryCheck
{
    private const string Check = "V7";

    private readonly Dictionary<Sha256Digest, RoundRecord> _rounds = [];
    private readonly Dictionary<RunId, RoundRecord> _last = [];
    private readonly Dictionary<(RunId Job, int Round), RoundRecord> _firstOf = [];
    private readonly HashSet<(RunId Job, int Round)> _results = [];

    /// <summary>All rounds so far.</summary>
    public IReadOnlyCollection<RoundRecord> Rounds => _rounds.Values;

    /// <summary>The round that an entry names, or null.</summary>
    public RoundRecord? Find(LoggedEntry logged) =>
        logged.Entry.Subjects.TryGetValue("rid", out Sha256Digest rid) ? Find(rid) : null;

    /// <summary>The round with that rid, or null.</summary>
    public RoundRecord? Find(Sha256Digest rid) => _rounds.GetValueOrDefault(rid);

    public void Take(LoggedEntry logged)
    {
        switch (logged.Type)
        {
            case EntryTypes.RoundStart:
                Start(logged);
                break;
            case EntryTypes.Burned:
                Burn(logged);
                break;
            case EntryTypes.Masked or EntryTypes.U3 or EntryTypes.Result or EntryTypes.RoundFailed:
                GoOn(logged);
                break;
        }
    }

    public void Finish()
    {
        int unknown = _rounds.Values.Count(round => round.U3 is not null && !round.IsSumRecomputed);
        if (unknown > 0)
        {
            findings.NotRecomputed(Check, $"that U3 lies in U2, and the plan's quorum, of {unknown} rounds: neither is in the log");
        }
    }

    private void Start(LoggedEntry logged)
    {
        if (logged.Entry is not { Job: { } job, Round: { } number })
        {
            return;
        }

        RoundRecord round = new()
        {
            Rid = logged.Subject("rid"),
            Job = job,
            Round = number,
            Start = logged.Index,
            Roster = logged.Roster,
            Model = logged.Subject("model"),
            Config = logged.Subject("config"),
            Slot = logged.Integer("slot"),
            D = logged.Integer("d"),
            K = logged.Integer("k"),
        };
        if (!_rounds.TryAdd(round.Rid, round))
        {
            Fail(logged, "the rid was started before");
            return;
        }

        if (_last.TryGetValue(job, out RoundRecord? last) && number < last.Round)
        {
            Fail(logged, $"round {number} after round {last.Round} of the same run");
        }

        RoundRecord first = _firstOf.GetValueOrDefault((job, number), round);
        if (first.Roster.Version != round.Roster.Version || first.Model != round.Model || first.Config != round.Config)
        {
            Fail(logged, "another rid of the same round names another roster, model or configuration");
        }

        _firstOf[(job, number)] = first;
        _last[job] = round;
    }

    // Signed by a silo, which may be hostile: what fits no round, or speaks for another silo, counts for nothing, and cannot spoil the log.
    private void Burn(LoggedEntry logged)
    {
        long idx = logged.Integer("idx");
        if (Find(logged) is { } round && round.Job == logged.Entry.Job && round.Round == logged.Entry.Round && string.Equals(round.SiloAt(idx), logged.Entry.Actor.Id, StringComparison.Ordinal))
        {
            round.Burned.Add(idx);
        }
        else
        {
            findings.NotRecomputed(Check, $"entry {logged.Index}: a burned slot of no round, or of another silo; it counts for nothing");
        }
    }

    private void GoOn(LoggedEntry logged)
    {
        if (Find(logged) is not { } round || round.Job != logged.Entry.Job || round.Round != logged.Entry.Round)
        {
            Fail(logged, $"{logged.Type} of a rid that no round_start of this round named before");
            return;
        }

        switch (logged.Type)
        {
            case EntryTypes.Masked:
                Mask(logged, round);
                break;
            case EntryTypes.U3:
                Agree(logged, round);
                break;
            case EntryTypes.Result:
                Conclude(logged, round);
                break;
            default:
                round.HasFailed = true;
                break;
        }
    }

    private void Mask(LoggedEntry logged, RoundRecord round)
    {
        long idx = logged.Integer("idx");
        round.IsPrivate |= logged.Subject("ledger_head") != Sha256Digest.Zero;
        if (idx < 1 || idx > round.Roster.N || !round.Masked.TryAdd(idx, logged.Subject("masked")))
        {
            Fail(logged, $"silo {idx} is not in the round's roster, or masked it before");
        }
    }

    private void Agree(LoggedEntry logged, RoundRecord round)
    {
        if (round.U3 is not null)
        {
            Fail(logged, "the rid has a u3 before");
            return;
        }

        (round.U3, round.Count) = (logged.Subject("u3"), logged.Integer("count"));

        // Plain mode has no threshold: its quorum is the plan's alone.
        int least = round.IsPlain ? 1 : Roster.Threshold(round.Roster.N);
        if (round.Count < least)
        {
            Fail(logged, $"{round.Count} silos", $"at least {least}");
        }

        if (round.Count > round.Masked.Count)
        {
            Fail(logged, $"{round.Count} silos, and {round.Masked.Count} masked before");
        }
    }

    private void Conclude(LoggedEntry logged, RoundRecord round)
    {
        if (round.U3 != logged.Subject("u3"))
        {
            Fail(logged, "the result names another u3 than the one before it, or there is none");
        }

        if (!_results.Add((round.Job, round.Round)))
        {
            Fail(logged, "the round has a result before");
        }

        round.Result ??= logged;
    }

    private void Fail(LoggedEntry logged, string found, string? expected = null) => findings.AtEntry(Check, ErrorCodes.RoundEvidence, logged.Index, found, expected);
}
