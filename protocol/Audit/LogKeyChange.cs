// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>The newest change of the log key, as the entries tell it.</summary>
/// <param name="Index">The index of its entry.</param>
/// <param name="IsRotation">Whether both keys sign for a while; else the old one was lost or stolen, and counts no more.</param>
/// <param name="Old">The fingerprint of the key before.</param>
/// <param name="New">The fingerprint of the key after.</param>
/// <param name="At">The entry's time.</param>
/// <param name="IsRetired">Whether the log says that the old key's time is over.</param>
public sealed record LogKeyChanged(long Index, bool IsRotation, Sha256Digest Old, Sha256Digest New, DateTimeOffset At, bool IsRetired = false)
{
    /// <summary>Whether the old key is to be retired now: both keys have signed long enough.</summary>
    public bool IsRetirementDue(DateTimeOffset now) => IsRotation && !IsRetired && now - At >= LogKeyChange.Overlap;
}

/// <summary>Changes of the log key LK (audit-log, section 6). The roster decides which key is the log's, else a thief of LK would rotate to his own.</summary>
public static class LogKeyChange
{
    /// <summary>The purpose of LK in entries about keys.</summary>
    public const string Purpose = "lk";

    /// <summary>How long both keys sign after a rotation.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromDays(7);

    /// <summary>Whether the entry changes the log key.</summary>
    public static bool Is(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return entry.Type is EntryTypes.KeyRotated or EntryTypes.KeyReplaced && entry.Subjects.ContainsKey("roster");
    }

    /// <summary>Whether the entry ends the time of an old log key.</summary>
    public static bool IsRetirement(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return string.Equals(entry.Type, EntryTypes.KeyRetired, StringComparison.Ordinal) && string.Equals(entry.Fields["purpose"].ToString(), Purpose, StringComparison.Ordinal);
    }

    /// <summary>The newest change after one more entry.</summary>
    /// <param name="last">The newest change before it; null for none.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="index">Its index.</param>
    public static LogKeyChanged? After(LogKeyChanged? last, LogEntry entry, long index)
    {
        if (Is(entry))
        {
            bool isRotation = string.Equals(entry.Type, EntryTypes.KeyRotated, StringComparison.Ordinal);
            return new LogKeyChanged(index, isRotation, entry.Subjects["old"], entry.Subjects["new"], entry.Instant);
        }

        return last is not null && IsRetirement(entry) && entry.Subjects["old"] == last.Old ? last with { IsRetired = true } : last;
    }

    /// <summary>The keys that sign a checkpoint: the checkpoint that first holds a rotation is signed by the old key, since the new one has no other voucher yet.</summary>
    /// <param name="first">The fingerprint of the log key of roster version 1.</param>
    /// <param name="last">The newest change among the checkpoint's entries.</param>
    /// <param name="signedBefore">The size of the signed checkpoint before.</param>
    public static ImmutableArray<Sha256Digest> Signers(Sha256Digest first, LogKeyChanged? last, long signedBefore) => last switch
    {
        null => [first],
        { IsRotation: true } when last.Index >= signedBefore => [last.Old],
        { IsRotation: true, IsRetired: false } => [last.Old, last.New],
        _ => [last.New],
    };

    /// <summary>Checks an entry about the log key against the roster in force and the change before. Other entries pass.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="roster">The roster in force.</param>
    /// <param name="first">The fingerprint of the log key of roster version 1.</param>
    /// <param name="last">The newest change before the entry.</param>
    /// <exception cref="FedCloudException"><c>log_key_change</c>.</exception>
    public static void Require(LogEntry entry, Roster roster, Sha256Digest first, LogKeyChanged? last)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(roster);
        if (Is(entry))
        {
            RequireSuccession(entry, roster, last?.New ?? first, last);
        }
        else if (IsRetirement(entry) && (last is null || (last.IsRotation && (entry.Subjects["old"] != last.Old || entry.Instant - last.At < Overlap))))
        {
            throw new FedCloudException(ErrorCodes.LogKeyChange, "a log key is retired that was not rotated, or before both keys signed for 7 days");
        }
    }

    private static void RequireSuccession(LogEntry entry, Roster roster, Sha256Digest current, LogKeyChanged? last)
    {
        if (entry.Subjects["roster"] != roster.Digest() || entry.Subjects["new"] != VerificationKey.FromVKey(roster.LogVkey).Fingerprint)
        {
            throw new FedCloudException(ErrorCodes.LogKeyChange, $"expected the hash and the log key of roster version {roster.Version}, found others");
        }

        bool isRotation = string.Equals(entry.Type, EntryTypes.KeyRotated, StringComparison.Ordinal);
        if (entry.Subjects["old"] != current || (isRotation && last is { IsRotation: true } && entry.Instant - last.At < Overlap))
        {
            throw new FedCloudException(ErrorCodes.LogKeyChange, "the old key is not the log's at this place, or its own change is not over");
        }
    }
}
