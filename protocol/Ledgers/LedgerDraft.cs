// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Ledgers;

/// <summary>A ledger's state and the entries that are being added to it.</summary>
internal sealed class LedgerDraft(LedgerState state, DateTimeOffset time)
{
    private readonly ImmutableArray<LedgerEntry>.Builder _entries = ImmutableArray.CreateBuilder<LedgerEntry>();

    public LedgerState State { get; private set; } = state;

    /// <summary>Adds an entry: the next of its type, with what the caller fills in.</summary>
    public void Add(LedgerEntryType type, Func<LedgerEntry, LedgerEntry> fill)
    {
        LedgerEntry entry = fill(new LedgerEntry
        {
            Seq = State.Seq + 1,
            PrevHash = State.Head,
            Type = type,
            Time = LogEntry.FormatTime(time),
            DatasetCommitment = State.Commitment,
        });
        State = State.Apply(entry);
        _entries.Add(entry);
    }

    public LedgerStep Grant(decimal? requiredEpsilon = null) => new(State, _entries.ToImmutable(), RequiredEpsilon: requiredEpsilon);

    /// <summary>Refuses, with an entry the first time that the job is refused for this reason.</summary>
    public LedgerStep Refuse(RunId job, ErrorCode code, decimal? requiredEpsilon = null)
    {
        if (State.Jobs.GetValueOrDefault(job)?.WasRefused(code.Name) != true)
        {
            Add(LedgerEntryType.Refuse, entry => entry with { Job = job, Reason = code.Name });
        }

        return new(State, _entries.ToImmutable(), code, requiredEpsilon);
    }

    /// <summary>Refuses without an entry.</summary>
    public LedgerStep RefuseSilently(ErrorCode code) => new(State, _entries.ToImmutable(), code);
}
