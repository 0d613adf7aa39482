// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The administrator's entries: signed with AK when a policy is signed, and handed in by the agent, which cannot make them.</summary>
public sealed class AdministratorEntries
{
    private readonly ImmutableArray<LogEntry> _entries;
    private long _logged;
    private long _sent;

    /// <summary>Reads what the administrator has signed.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c>.</exception>
    public AdministratorEntries(SiloHome home) => _entries = Read(home);

    /// <summary>Signs the entry of a policy that comes into force; the same policy again is not a new one.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>disk_full</c>.</exception>
    public static Task SignPolicyAsync(SiloHome home, Sha256Digest policy, DateTimeOffset at, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(home);
        EntryDraft draft = EntryDraft.Of(EntryTypes.Policy).With("policy", policy).With("silo", home.Invitation.SiloId.Value);
        return SignAsync(home, draft, entries => entries.LastOrDefault(entry => entry.Type is EntryTypes.Policy), at, cancellation);
    }

    /// <summary>Signs the entry of a limit of the silo's privacy budget; the same entry of the ledger again is not a new one.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>disk_full</c>.</exception>
    public static Task SignLimitAsync(SiloHome home, LedgerEntry limit, DateTimeOffset at, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(home);
        EntryDraft draft = SiloEntries.Budget(limit);
        return SignAsync(home, draft, entries => entries.FirstOrDefault(draft.Describes), at, cancellation);
    }

    private static async Task SignAsync(SiloHome home, EntryDraft draft, Func<ImmutableArray<LogEntry>, LogEntry?> repeated, DateTimeOffset at, CancellationToken cancellation)
    {
        ImmutableArray<LogEntry> entries = Read(home);
        DateTimeOffset time = entries is [.., { } newest] && newest.Instant > at ? newest.Instant : at;
        if (repeated(entries) is { } same && draft.Describes(same))
        {
            return;
        }

        // A lost file does not take the numbers with it, as far as the agent has read the log.
        long read = File.Exists(home.LogIndexPath) ? LogIndex.Parse(await File.ReadAllBytesAsync(home.LogIndexPath, cancellation)).Administrator : 0;
        (VerificationKey administrator, string kid) = await home.KeyAsync(SiloHome.AdministratorKey, cancellation);
        EntryActor actor = new() { Kind = EntryActor.Admin, Id = home.Invitation.SiloId.Value, KeyId = administrator.Fingerprint };
        LogEntry entry = draft.ToEntry(home.Invitation.Federation, actor, Math.Max(entries.IsEmpty ? 0 : entries[^1].Seq, read) + 1, time);
        LogEntry signed = entry.WithSignature(await home.Vault.SignAsync(kid, entry.SigningDigest(), cancellation));

        // The signature leaves this function only in the file, so one number has one body.
        WholeFile.Write(home.AdministratorEntriesPath, entries.Add(signed).SelectMany(one => (byte[])[.. one.ToBytes(), (byte)'\n']).ToArray());
    }

    /// <summary>Takes how far the log has the administrator's entries.</summary>
    /// <param name="highest">The highest number in the log; 0 for none.</param>
    public void Confirm(long highest) => _logged = highest;

    /// <summary>What the log lacks: new entries at once, the others when it is time.</summary>
    /// <param name="again">Whether it is time for those that were taken before.</param>
    public IEnumerable<LogEntry> Missing(bool again) => _entries.Where(entry => entry.Seq > _logged && (again || entry.Seq > _sent));

    /// <summary>Takes that all were sent.</summary>
    public void Sent() => _sent = _entries is [.., { } last] ? last.Seq : 0;

    private static ImmutableArray<LogEntry> Read(SiloHome home)
    {
        if (!File.Exists(home.AdministratorEntriesPath))
        {
            return [];
        }

        try
        {
            return [.. File.ReadAllLines(home.AdministratorEntriesPath).Select(line => LogEntry.Parse(System.Text.Encoding.UTF8.GetBytes(line)))];
        }
        catch (FedCloudException error)
        {
            throw new FedCloudException(ErrorCodes.JournalBroken, $"{Path.GetFileName(home.AdministratorEntriesPath)} has a line that is no entry", cause: error);
        }
    }
}
