// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Protocol.Audit;

/// <summary>What the coordinator writes into the log about epochs, before it carries the effect out.</summary>
public static class EpochEntries
{
    /// <summary>An epoch opens: its list of keys is fixed.</summary>
    /// <param name="list">What is about to be sent.</param>
    /// <param name="l1">The list's hash.</param>
    /// <param name="slots">The epoch's slots.</param>
    public static ImmutableArray<EntryDraft> Opened(SendList list, Sha256Digest l1, int slots)
    {
        ArgumentNullException.ThrowIfNull(list);
        return [EntryDraft.Of(EntryTypes.EpochOpen).With("sid", list.Sid).With("l1", l1).With("epoch", list.Number).With("slots", slots)];
    }

    /// <summary>An epoch's slots are usable: every member of U2 acknowledged the same cohort.</summary>
    public static ImmutableArray<EntryDraft> Ready(OpenSlots open)
    {
        ArgumentNullException.ThrowIfNull(open);
        return [EntryDraft.Of(EntryTypes.EpochReady).With("sid", open.Sid).With("u2", open.U2Sha256)];
    }

    /// <summary>An epoch is given up; where a silo complained, an alarm names its signed body.</summary>
    public static ImmutableArray<EntryDraft> Abandoned(AbandonEpoch abandoned)
    {
        ArgumentNullException.ThrowIfNull(abandoned);
        EntryDraft entry = EntryDraft.Of(EntryTypes.EpochAbandoned).With("sid", abandoned.Sid).With("reason", abandoned.Reason);
        entry = abandoned.U2Sha256 is { } u2 ? entry.With("u2", u2) : entry;
        return abandoned.Complaint is { } complaint
            ? [entry, EntryDraft.Of(EntryTypes.Alarm).With("evidence_1", complaint).With("code", abandoned.Reason)]
            : [entry];
    }
}
