// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether each round starts from a model of its run's chain, and no opened round is run again (V10, V9).</summary>
internal sealed class ModelCheck(RoundCheck rounds, EnvelopeFiles envelopes, Findings findings) : IEntryCheck
{
    private const string Check = "V10";

    private readonly Dictionary<RunId, Sha256Digest> _submitted = [];
    private readonly Dictionary<RunId, Sha256Digest> _current = [];
    private readonly Dictionary<RunId, HashSet<Sha256Digest>> _rolledBack = [];
    private readonly Dictionary<(RunId Job, Sha256Digest Model), List<RoundRecord>> _used = [];
    private bool _hasRounds;

    public void Take(LoggedEntry logged)
    {
        if (logged.Entry.Job is not { } job)
        {
            return;
        }

        switch (logged.Type)
        {
            case EntryTypes.PlanSubmitted:
                _submitted.TryAdd(job, logged.Subject("initial_model"));
                break;
            case EntryTypes.RoundStart when rounds.Find(logged) is { } round && round.Start == logged.Index:
                Start(logged, round);
                break;
            case EntryTypes.Result when rounds.Find(logged) is not null:
                _current[job] = logged.Subject("new_model");
                _rolledBack.Remove(job);
                break;
            case EntryTypes.ModelRolledBack:
                RollBack(logged, job);
                break;
        }
    }

    public void Finish()
    {
        if (_hasRounds)
        {
            findings.NotRecomputed(Check, "the first model of each run from its plan and base model");
        }

        int sums = rounds.Rounds.Count(round => round is { Result: not null, IsSumRecomputed: false });
        int models = rounds.Rounds.Count(round => round is { IsSumRecomputed: true, IsModelRecomputed: false });
        if (sums > 0)
        {
            findings.NotRecomputed("V9", $"u3, seeds, aggregates and new models of {sums} results: their inputs are not in the evidence");
        }

        if (models > 0)
        {
            findings.NotRecomputed("V9", $"the new models of {models} more results: the versions that they follow are not in the evidence");
        }
    }

    private void Start(LoggedEntry logged, RoundRecord round)
    {
        _hasRounds = true;
        bool inChain = _rolledBack.TryGetValue(round.Job, out HashSet<Sha256Digest>? targets) && targets.Contains(round.Model);
        if (_current.TryGetValue(round.Job, out Sha256Digest current))
        {
            inChain |= current == round.Model;
        }
        else
        {
            inChain |= !_submitted.TryGetValue(round.Job, out Sha256Digest initial) || initial == round.Model;
        }

        if (!inChain)
        {
            findings.AtEntry(Check, ErrorCodes.ModelNotInChain, logged.Index, $"the round starts from model {round.Model.Hex[..16]}…", "the run's first model, the model of its last result, or one that was rolled back to");
        }

        _current.TryAdd(round.Job, round.Model);
        CheckReuse(logged, round);
        Used(round).Add(round);
    }

    private List<RoundRecord> Used(RoundRecord round)
    {
        if (!_used.TryGetValue((round.Job, round.Model), out List<RoundRecord>? used))
        {
            _used.Add((round.Job, round.Model), used = []);
        }

        return used;
    }

    // secure-aggregation, J10: without privacy, a slot that was masked from this model in an earlier round must be burned by
    // so many members that fewer than t are left who could open it. Private runs need a charge each round, which V8 checks.
    private void CheckReuse(LoggedEntry logged, RoundRecord round)
    {
        foreach (RoundRecord earlier in Used(round).Where(earlier => !round.IsPlain && earlier.Round < round.Round && earlier.Masked.Count > 0 && !earlier.IsPrivate))
        {
            int n = earlier.Roster.N;
            int t = Roster.Threshold(n);
            int colluders = Math.Min((2 * t) - n - 1, t - 2);
            if (earlier.Burned.Count < colluders + 1)
            {
                findings.AtEntry(Check, ErrorCodes.ModelNotInChain, logged.Index, $"round {earlier.Round} masked from the same model, and {earlier.Burned.Count} members burned it", $"at least {colluders + 1}");
            }
            else if (earlier.Burned.Count < n - t + colluders + 1)
            {
                findings.NotRecomputed(Check, $"whether enough members burned round {earlier.Round} of {earlier.Job}: that depends on U2");
            }
        }
    }

    private void RollBack(LoggedEntry logged, RunId job)
    {
        Sha256Digest model = logged.Subject("model");
        if (!_rolledBack.TryGetValue(job, out HashSet<Sha256Digest>? targets))
        {
            _rolledBack.Add(job, targets = []);
        }

        targets.Add(model);
        int bodies = envelopes.Rollbacks(job, logged.Integer("first_round"), model, logged.Roster);
        int needed = Roster.Threshold(logged.Roster.N);
        if (bodies == 0)
        {
            findings.NotRecomputed(Check, $"that members of {job} signed the rollback: their envelopes are not in the evidence");
        }
        else if (bodies < needed)
        {
            findings.AtEntry(Check, ErrorCodes.ModelNotInChain, logged.Index, $"{bodies} members signed the rollback", $"at least {needed}");
        }
    }
}
