// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether the draws of groups keep their rules (V15).</summary>
internal sealed class DrawCheck(Findings findings) : IEntryCheck
{
    private const string Check = "V15";
    private const int MaxDraws = 3;

    private readonly Dictionary<long, Draw> _draws = [];
    private int _version;
    private bool _drawn;

    public void Take(LoggedEntry logged)
    {
        if (logged.Version != _version)
        {
            _draws.Clear();
            _version = logged.Version;
        }

        switch (logged.Type)
        {
            case EntryTypes.BeaconCommit:
                Commit(logged);
                break;
            case EntryTypes.BeaconReveal:
                Reveal(logged);
                break;
            case EntryTypes.BeaconVoid:
                MakeVoid(logged);
                break;
        }
    }

    public void Finish()
    {
        if (_drawn)
        {
            findings.NotRecomputed(Check, "who is in which group: epochs do not name their group in the log");
        }
    }

    private void Commit(LoggedEntry logged)
    {
        _drawn = true;
        long number = logged.Integer("draw");
        if (!_draws.TryGetValue(number, out Draw? draw))
        {
            if (_draws.Count >= MaxDraws || _draws.Values.Any(before => !before.IsOver))
            {
                Fail(logged, $"draw {_draws.Count + 1} of roster version {logged.Roster.Version}, or one before it is neither void nor complete", $"at most {MaxDraws} draws, one after another");
            }

            _draws.Add(number, draw = new Draw());
        }

        if (draw.Revealed.Count > 0 || draw.IsVoid || !draw.Committed.TryAdd(logged.Integer("idx"), logged.Subject("commitment")))
        {
            Fail(logged, "a commitment after the first reveal, or a second one of the same silo");
        }
    }

    private void Reveal(LoggedEntry logged)
    {
        long idx = logged.Integer("idx");
        bool fits = _draws.TryGetValue(logged.Integer("draw"), out Draw? draw)
            && !draw.IsVoid
            && draw.Committed.TryGetValue(idx, out Sha256Digest commitment)
            && commitment == logged.Subject("commitment")
            && Sha256Digest.Of(Convert.FromHexString(logged.Text("value"))) == commitment
            && draw.Revealed.Add(idx);
        if (!fits)
        {
            Fail(logged, "a reveal that does not fit its silo's commitment, or a second one");
        }
    }

    private void MakeVoid(LoggedEntry logged)
    {
        if (!_draws.TryGetValue(logged.Integer("draw"), out Draw? draw))
        {
            Fail(logged, "a draw that nobody committed to is void");
            return;
        }

        draw.IsVoid = true;
        bool missing = EntryMember.ReadIndexes(logged.Text("missing")).All(idx => draw.Committed.ContainsKey(idx) && !draw.Revealed.Contains(idx));
        if (!missing)
        {
            Fail(logged, $"the missing silos {logged.Text("missing")} did not commit, or revealed");
        }
    }

    private void Fail(LoggedEntry logged, string found, string? expected = null) => findings.AtEntry(Check, ErrorCodes.DrawInvalid, logged.Index, found, expected);

    private sealed class Draw
    {
        public Dictionary<long, Sha256Digest> Committed { get; } = [];

        public HashSet<long> Revealed { get; } = [];

        public bool IsVoid { get; set; }

        public bool IsOver => IsVoid || Revealed.Count == Committed.Count;
    }
}
