// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether witness lines verify, and are enough where the rules require them (V1, W4).</summary>
internal sealed class WitnessCheck(CheckpointFiles checkpoints, EntryCheck entries, RoundCheck rounds, int minimum, Findings findings) : IEntryCheck
{
    private const string Check = "V1";

    private readonly List<Required> _required = [];
    private readonly Dictionary<(RunId Job, Sha256Digest Dataset, ActorKey Silo), long> _reserves = [];
    private readonly Dictionary<string, long> _starts = new(StringComparer.Ordinal);

    public void Take(LoggedEntry logged)
    {
        switch (logged.Type)
        {
            case EntryTypes.Masked when rounds.Find(logged) is { } round:
                TakeMasked(logged, round);
                break;
            case EntryTypes.AgentStarted:
                _starts[logged.Entry.Actor.Id] = logged.Index;
                break;
            case EntryTypes.Budget when logged.Entry.Job is { } job:
                TakeBudget(logged, job);
                break;
        }
    }

    public void Finish()
    {
        foreach (long size in checkpoints.Sizes)
        {
            foreach ((SiloId witness, SignedNote note) in checkpoints.CosignedAt(size))
            {
                findings.Try(Check, EvidenceLayout.Of(LogContainer.Log, LogPaths.Cosigned(size, witness)), () => RequireLine(witness, note));
            }
        }

        WitnessCoverage coverage = new(entries.Rosters, checkpoints.Sizes, checkpoints.Cosigned, minimum);
        foreach (Required required in _required.Where(required => coverage.Covering(required.Index, required.Limit) is null))
        {
            findings.AtEntry(Check, ErrorCodes.WitnessLinesMissing, required.Index, $"{required.What}: no checkpoint with enough witness lines holds it and ends at or before entry {required.Limit}");
        }

        IEnumerable<long> firstOfRosters = entries.Rosters.Select(logged => checkpoints.Sizes.FirstOrDefault(size => size > logged.Index));
        foreach (long size in firstOfRosters.Append(checkpoints.Size).Distinct().Where(size => size > 0 && !coverage.IsWitnessed(size)))
        {
            findings.AtFile(Check, ErrorCodes.WitnessLinesMissing, CheckpointFiles.PathOf(size), "the first checkpoint of a roster version, and the last one, need enough witness lines");
        }
    }

    private void TakeMasked(LoggedEntry logged, RoundRecord round)
    {
        if (round.Masked.Count == 1)
        {
            _required.Add(new Required(round.Start, logged.Index, "round_start before its first masked"));
        }

        // A restart endangers slots. Plain mode has none: its agent goes on from its journal, perhaps when its update is up already.
        // Nor does one in a round that began before it: the vector may have been on its way when the agent was started.
        if (!round.IsPlain && round.SiloAt(logged.Integer("idx")) is { } silo && _starts.TryGetValue(silo, out long started) && started < round.Start)
        {
            _starts.Remove(silo);
            _required.Add(new Required(started, logged.Index, "agent_started before that silo's next masked"));
        }
    }

    private void TakeBudget(LoggedEntry logged, RunId job)
    {
        (RunId, Sha256Digest, ActorKey) key = (job, logged.Subject("dataset"), logged.Entry.Actor.Key);
        switch (logged.Text("code"))
        {
            case "reserve":
                _reserves[key] = logged.Index;
                break;
            case "charge" when _reserves.Remove(key, out long reserve):
                _required.Add(new Required(reserve, logged.Index, "reserve before its first charge"));
                break;
        }
    }

    // A line of a witness of any version: a silo that just left may have signed in good faith, its line only does not count.
    private void RequireLine(SiloId witness, SignedNote note)
    {
        NoteKey[] keys =
        [
            .. entries.Rosters
                .Select(logged => logged.Roster.Find(witness)?.WitnessVkey)
                .OfType<string>()
                .Distinct(StringComparer.Ordinal)
                .Select(NoteKey.Parse),
        ];
        note.Verify(keys);
    }

    private sealed record Required(long Index, long Limit, string What);
}
