// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether each privacy ledger is one chain, and each masked update of a private run was charged (V8).</summary>
/// <remarks>
/// A ledger's entries are its silo's, its limits the administrator's, and updates are the coordinator's to log. The log orders each
/// actor's entries, not those of two, so the chain is put together from all of them; and that a charge came before its update is
/// proved by the ledger head that the silo signed with the update, at or after the charge in the chain.
/// </remarks>
internal sealed class LedgerCheck(RoundCheck rounds, Findings findings) : IEntryCheck
{
    private const string Name = "V8";

    private readonly Dictionary<Sha256Digest, Ledger> _ledgers = [];
    private readonly Dictionary<Sha256Digest, (string Silo, Sha256Digest Dataset)> _heads = [];
    private readonly List<Update> _masked = [];
    private readonly HashSet<(RunId Job, string Silo)> _reserved = [];
    private readonly Dictionary<(RunId Job, int Round, string Silo), List<Sha256Digest>> _charged = [];
    private readonly Dictionary<RunId, bool> _isPrivate = [];

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
        foreach (Ledger ledger in _ledgers.Values)
        {
            foreach (long index in ledger.Gaps())
            {
                findings.AtEntry(Name, ErrorCodes.LedgerGap, index, "the head before it is in no entry of this ledger");
            }
        }

        Dictionary<Sha256Digest, long> newest = [];
        foreach (Update update in _masked)
        {
            Check(update, newest);
        }

        if (_isPrivate.Count > 0)
        {
            findings.NotRecomputed(Name, "whether each plan claims privacy: it is taken from the run's first ledger head, and amounts are not in the log");
        }
    }

    private void Check(Update update, Dictionary<Sha256Digest, long> newest)
    {
        if (!_heads.TryGetValue(update.Head, out (string Silo, Sha256Digest Dataset) at) || !string.Equals(at.Silo, update.Silo, StringComparison.Ordinal))
        {
            findings.AtEntry(Name, ErrorCodes.LedgerGap, update.Index, "the ledger head is in no ledger of this silo");
            return;
        }

        Ledger ledger = _ledgers[at.Dataset];
        long position = ledger.PositionOf(update.Head);
        if (_charged.GetValueOrDefault((update.Job, update.Round, update.Silo))?.Any(charge => ledger.PositionOf(charge) <= position) != true)
        {
            findings.AtEntry(Name, ErrorCodes.ChargeMissing, update.Index, $"no charge of {update.Silo} for this round up to the ledger head that it signed");
        }

        if (newest.TryGetValue(at.Dataset, out long earlier) && position < earlier)
        {
            findings.AtEntry(Name, ErrorCodes.LedgerGap, update.Index, "the ledger head is older than the one in an earlier update");
        }

        newest[at.Dataset] = Math.Max(earlier, position);
    }

    private void TakeBudget(LoggedEntry logged)
    {
        Sha256Digest dataset = logged.Subject("dataset");
        string silo = logged.Entry.Actor.Id;
        if (!_ledgers.TryGetValue(dataset, out Ledger? ledger))
        {
            _ledgers.Add(dataset, ledger = new Ledger());
        }

        (Sha256Digest before, Sha256Digest after) = (logged.Subject("head_before"), logged.Subject("head_after"));
        if (!ledger.Add(before, after, logged.Index))
        {
            Fail(logged, ErrorCodes.LedgerBranch, "the head before it was followed by another entry");
        }

        _heads[after] = (silo, dataset);
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
            if (!_charged.TryGetValue((job, round, silo), out List<Sha256Digest>? heads))
            {
                _charged.Add((job, round, silo), heads = []);
            }

            heads.Add(logged.Subject("head_after"));
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

        if (isPrivate)
        {
            _masked.Add(new Update(logged.Index, round.Job, round.Round, silo, head));
        }
    }

    private void Fail(LoggedEntry logged, ErrorCode code, string found) => findings.AtEntry(Name, code, logged.Index, found);

    private sealed record Update(long Index, RunId Job, int Round, string Silo, Sha256Digest Head);

    /// <summary>The entries of one ledger by the head before them.</summary>
    private sealed class Ledger
    {
        private readonly Dictionary<Sha256Digest, (Sha256Digest After, long Index)> _next = [];
        private readonly HashSet<Sha256Digest> _afters = [];
        private Dictionary<Sha256Digest, long>? _positions;

        /// <summary>Takes an entry; false when another one follows the same head.</summary>
        public bool Add(Sha256Digest before, Sha256Digest after, long index)
        {
            _afters.Add(after);
            return _next.TryAdd(before, (after, index));
        }

        /// <summary>The entries that continue none: all but the first, with which the ledger came into the federation.</summary>
        public IEnumerable<long> Gaps() => _next.Where(entry => !_afters.Contains(entry.Key)).Select(entry => entry.Value.Index).Order().Skip(1);

        /// <summary>The place of a head in the chain; what hangs on a gap comes last.</summary>
        public long PositionOf(Sha256Digest head) => (_positions ??= Positions()).GetValueOrDefault(head, long.MaxValue);

        private Dictionary<Sha256Digest, long> Positions()
        {
            Dictionary<Sha256Digest, long> positions = [];
            Sha256Digest head = _next.Where(entry => !_afters.Contains(entry.Key)).OrderBy(entry => entry.Value.Index).Select(entry => entry.Key).FirstOrDefault();
            while (_next.TryGetValue(head, out (Sha256Digest After, long Index) next) && positions.TryAdd(next.After, positions.Count))
            {
                head = next.After;
            }

            return positions;
        }
    }
}
