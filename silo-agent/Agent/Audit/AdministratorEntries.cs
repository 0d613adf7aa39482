// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The administrator's entries: signed with AK when a policy is signed, and handed in by the agent, which cannot make them.</summary>
public sealed class AdministratorEntries
{
    private readonly SiloHome _home;
    private ImmutableArray<LogEntry> _entries;
    private DateTime _readAt;
    private long _logged;
    private long _sent;

    /// <summary>Reads what the administrator has signed.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c>.</exception>
    public AdministratorEntries(SiloHome home)
    {
        ArgumentNullException.ThrowIfNull(home);
        _home = home;
        Refresh();
    }

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

    /// <summary>Signs the administrator's answer to a plan. The agent takes it up by itself.</summary>
    /// <param name="home">The silo's home, with the administrator's key.</param>
    /// <param name="draft">The answer.</param>
    /// <param name="at">The time.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>plan_answered</c>, <c>journal_broken</c> or <c>disk_full</c>.</exception>
    public static Task SignAnswerAsync(SiloHome home, EntryDraft draft, DateTimeOffset at, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(home);
        ArgumentNullException.ThrowIfNull(draft);
        return SignAsync(
            home,
            draft,
            entries => entries.FirstOrDefault(entry => IsAnswerOf(entry, draft.Job)) is { } answer
                ? throw new FedCloudException(ErrorCodes.PlanAnswered, $"the administrator signed {answer.Type} of {draft.Job} at {answer.Time}")
                : null,
            at,
            cancellation);
    }

    private static async Task SignAsync(SiloHome home, EntryDraft draft, Func<ImmutableArray<LogEntry>, LogEntry?> repeated, DateTimeOffset at, CancellationToken cancellation)
    {
        using FileStream alone = Alone(home);
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

    /// <summary>Takes up what a command has signed since.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c>.</exception>
    public void Refresh()
    {
        DateTime written = File.GetLastWriteTimeUtc(_home.AdministratorEntriesPath);
        if (_entries.IsDefault || written != _readAt)
        {
            _entries = Read(_home);
            _readAt = written;
        }
    }

    /// <summary>The administrator's signed answer to a plan; null for none.</summary>
    /// <param name="job">The run.</param>
    /// <param name="config">The plan that was offered: an answer to another one is none.</param>
    /// <param name="initialModel">Version 0 that was offered.</param>
    /// <param name="administrator">The administrator's key.</param>
    public LogEntry? AnswerTo(RunId job, Sha256Digest config, Sha256Digest initialModel, VerificationKey administrator) => _entries.FirstOrDefault(entry =>
        IsAnswerOf(entry, job) && entry.Subjects["config"] == config && entry.Subjects["initial_model"] == initialModel && entry.IsSignedBy(administrator));

    /// <summary>Takes how far the log has the administrator's entries.</summary>
    /// <param name="highest">The highest number in the log; 0 for none.</param>
    public void Confirm(long highest) => _logged = highest;

    /// <summary>What the log lacks: new entries at once, the others when it is time.</summary>
    /// <param name="again">Whether it is time for those that were taken before.</param>
    public IEnumerable<LogEntry> Missing(bool again) => _entries.Where(entry => entry.Seq > _logged && (again || entry.Seq > _sent));

    /// <summary>Takes that all were sent.</summary>
    public void Sent() => _sent = _entries is [.., { } last] ? last.Seq : 0;

    private static bool IsAnswerOf(LogEntry entry, RunId? job) => SiloEntries.IsAnswer(entry.Type) && entry.Job == job;

    // Two commands at once would sign two entries of one number.
    private static FileStream Alone(SiloHome home)
    {
        try
        {
            return new FileStream(home.AdministratorEntriesPath + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.JournalLocked, "another command signs for the administrator", "run the command again", error);
        }
    }

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
