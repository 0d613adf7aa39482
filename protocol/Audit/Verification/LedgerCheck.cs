// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether each privacy ledger is one chain, and each masked update of a private run was charged (V8).</summary>
internal sealed class LedgerCheck(RoundCheck rounds, Findings findings) : IEntryCheck
{
    private const string Check = "V8";

    private readonly Dictionary<Sha256Digest, Chain> _chains = [];
    private readonly Dictionary<Sha256Digest, (string Silo, long Position)> _heads = [];
    private readonly Dictionary<(string Silo, Sha256Digest Dataset), long> _masked = [];
    private readonly HashSet<(RunId Job, string Silo)> _reserved = [];
    private readonly HashSet<(RunId Job, int Round, string Silo)> _charged = [];
    private readonly Dictionary<RunId, bool> _isPrivate = [];
    private readonly Dictionary<Sha256Digest, Sha256Digest> _datasets = [];

    public void Take(LoggedEntry logged)
    {
        switch (logged.Type)
        {
            case EntryTypes.Budget:
                TakeBudget(logged);
                break;
            case EntryTypes.Masked when rounds.Find(logged) is { } round:
                TakeMasked(logged, round);
                break;
        }
    }

    public void Finish()
    {
        if (_isPrivate.Count > 0)
        {
            findings.NotRecomputed(Check, "whether each plan claims privacy: it is taken from the run's first ledger head, and amounts are not in the log");
        }
    }

    private void TakeBudget(LoggedEntry logged)
    {
        Sha256Digest dataset = logged.Subject("dataset");
        string silo = logged.Entry.Actor.Id;
        if (!_chains.TryGetValue(dataset, out Chain? chain))
        {
            _chains.Add(dataset, chain = new Chain(logged.Subject("head_before")));
        }

        (Sha256Digest before, Sha256Digest after) = (logged.Subject("head_before"), logged.Subject("head_after"));
        if (before != chain.Head)
        {
            bool branch = chain.Followed.Contains(before);
            Fail(logged, branch ? ErrorCodes.LedgerBranch : ErrorCodes.LedgerGap, branch ? "the head before it was followed by another entry" : "the head before it is not the newest of this ledger");
        }

        chain.Followed.Add(before);
        chain.Head = after;
        _heads[after] = (silo, logged.Index);
        _datasets[after] = dataset;
        TakeJob(logged, silo);
    }

    private void TakeJob(LoggedEntry logged, string silo)
    {
        if (logged.Entry.Job is not { } job)
        {
            return;
        }

        string code = logged.Text("code");
        if (string.Equals(code, "reserve", StringComparison.Ordinal))
        {
            _reserved.Add((job, silo));
        }
        else if (string.Equals(code, "charge", StringComparison.Ordinal) && logged.Entry.Round is { } round)
        {
            _charged.Add((job, round, silo));
            if (!_reserved.Contains((job, silo)))
            {
                Fail(logged, ErrorCodes.ChargeMissing, "a charge of a run that was not reserved before");
            }
        }
    }

    private void TakeMasked(LoggedEntry logged, RoundRecord round)
    {
        if (round.SiloAt(logged.Integer("idx")) is not { } silo)
        {
            return;
        }

        Sha256Digest head = logged.Subject("ledger_head");
        bool isPrivate = head != Sha256Digest.Zero;
        if (!_isPrivate.TryAdd(round.Job, isPrivate) && _isPrivate[round.Job] != isPrivate)
        {
            Fail(logged, ErrorCodes.ChargeMissing, "a ledger head in one update of the run and none in another");
            return;
        }

        if (!isPrivate)
        {
            return;
        }

        if (!_charged.Contains((round.Job, round.Round, silo)))
        {
            Fail(logged, ErrorCodes.ChargeMissing, $"no charge of {silo} for this round before it");
        }

        CheckHead(logged, silo, head);
    }

    private void CheckHead(LoggedEntry logged, string silo, Sha256Digest head)
    {
        if (!_heads.TryGetValue(head, out (string Silo, long Position) at) || !string.Equals(at.Silo, silo, StringComparison.Ordinal))
        {
            Fail(logged, ErrorCodes.LedgerGap, "the ledger head is in no ledger of this silo");
            return;
        }

        (string, Sha256Digest) ledger = (silo, _datasets[head]);
        if (_masked.TryGetValue(ledger, out long newest) && at.Position < newest)
        {
            Fail(logged, ErrorCodes.LedgerGap, "the ledger head is older than the one in an earlier update");
        }

        _masked[ledger] = Math.Max(newest, at.Position);
    }

    private void Fail(LoggedEntry logged, ErrorCode code, string found) => findings.AtEntry(Check, code, logged.Index, found);

    private sealed class Chain(Sha256Digest head)
    {
        public Sha256Digest Head { get; set; } = head;

        public HashSet<Sha256Digest> Followed { get; } = [];
    }
}
