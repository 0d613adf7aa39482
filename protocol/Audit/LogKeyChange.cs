// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>A change of the log key LK (audit-log, section 6). The roster decides which key is the log's, else a thief of LK would rotate to his own.</summary>
public static class LogKeyChange
{
    /// <summary>How long both keys sign after a rotation.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromDays(7);

    /// <summary>Whether the entry changes the log key.</summary>
    public static bool Is(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return entry.Type is EntryTypes.KeyRotated or EntryTypes.KeyReplaced && entry.Subjects.ContainsKey("roster");
    }

    /// <summary>Checks that a change of the log key names the roster in force and goes to that roster's key. Other entries pass.</summary>
    /// <exception cref="FedCloudException"><c>log_key_change</c>.</exception>
    public static void RequireRoster(LogEntry entry, Roster roster)
    {
        ArgumentNullException.ThrowIfNull(roster);
        if (Is(entry) && (entry.Subjects["roster"] != roster.Digest() || entry.Subjects["new"] != VerificationKey.FromVKey(roster.LogVkey).Fingerprint))
        {
            throw new FedCloudException(ErrorCodes.LogKeyChange, $"expected the hash and the log key of roster version {roster.Version}, found others");
        }
    }
}
