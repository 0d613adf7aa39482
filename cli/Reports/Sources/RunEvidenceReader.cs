// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>Reads out of verified evidence what a report on one run needs. What cannot be read the verification has found; here it is left out.</summary>
/// <param name="source">The evidence.</param>
/// <param name="verification">The verdict on it.</param>
/// <param name="bundle">The SHA-256 of the zip that it came in; null for a folder.</param>
internal sealed class RunEvidenceReader(IEvidenceSource source, VerificationReport verification, Sha256Digest? bundle)
{
    // Of other runs only what says that they were planned: whether a claim excludes them.
    private static readonly string[] OfOtherRuns = [EntryTypes.PlanSubmitted, EntryTypes.PlanApproved];

    /// <summary>Reads.</summary>
    /// <param name="job">The run.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>run_missing</c>; or, where the evidence does not verify and has nothing of the run, what the verification found first.</exception>
    public async Task<RunEvidence> ReadAsync(RunId job, CancellationToken cancellation)
    {
        EvidenceInventory files = await EvidenceInventory.ReadAsync(source, cancellation);
        (ImmutableArray<LoggedRecord> entries, long unread) = await EntriesAsync(job, cancellation);
        if (!entries.Any(record => record.Entry.Job == job))
        {
            throw Missing(job, entries);
        }

        ImmutableArray<LoggedRecord> submitted = [.. entries.Where(record => record.Is(EntryTypes.PlanSubmitted))];
        return new RunEvidence
        {
            Job = job,
            Federation = entries.First(record => record.Entry.Job == job).Entry.Federation,
            Entries = entries,
            Unread = unread,
            Verification = verification,
            Plans = await PlansAsync(files, submitted, cancellation),
            DataCards = await DataCardsAsync(files, entries.Where(record => record.Is(EntryTypes.IdentityEnrolled)), cancellation),
            Rosters = await RostersAsync(files, entries, cancellation),
            Sums = await SumsAsync(files, entries.Where(record => record.Entry.Job == job && record.Is(EntryTypes.RoundStart)), cancellation),
            Checkpoints = await CheckpointShelf.ReadAsync(files, cancellation),
            Files = files,
            Bundle = bundle,
        };
    }

    private FedCloudException Missing(RunId job, ImmutableArray<LoggedRecord> entries)
    {
        if (verification.Findings.FirstOrDefault(finding => finding.IsFailure) is { } failure)
        {
            return new FedCloudException(failure.Code, $"the evidence does not verify ({verification.Failures} failed), and has no entry of {job} that can be read: {failure.Found}", "run 'fedcloud audit verify' for all findings, and export the evidence again");
        }

        string known = string.Join(", ", entries.Where(record => record.Is(EntryTypes.PlanSubmitted)).Select(record => record.Entry.Job?.Value).Distinct(StringComparer.Ordinal));
        return new FedCloudException(ErrorCodes.RunMissing, $"expected entries of {job} in the evidence, found none{(known.Length > 0 ? $"; it has {known}" : string.Empty)}", "list the runs with 'fedcloud audit show --type plan_submitted'");
    }

    private async Task<(ImmutableArray<LoggedRecord> Entries, long Unread)> EntriesAsync(RunId job, CancellationToken cancellation)
    {
        ImmutableArray<LoggedRecord>.Builder entries = ImmutableArray.CreateBuilder<LoggedRecord>();
        long read = 0;
        long unread = 0;
        try
        {
            await foreach ((long index, byte[] bytes) in EvidenceEntries.ReadAsync(source, cancellation))
            {
                read++;
                LogEntry? entry = TryParse(bytes);
                unread += entry is null ? 1 : 0;
                if (entry is not null && (entry.Job is null || entry.Job == job || OfOtherRuns.Contains(entry.Type, StringComparer.Ordinal)))
                {
                    entries.Add(new LoggedRecord(index, entry, bytes));
                }
            }
        }
        catch (FedCloudException error) when (verification.Failures > 0 && error.Code.Exit == ExitCode.VerificationFailed)
        {
            // A missing or spoiled file of the log: the verification says which. What came before it is still there.
            unread = Math.Max(unread, (verification.Checkpoint?.Size ?? read) - read);
        }

        return (entries.ToImmutable(), unread);
    }

    private LogEntry? TryParse(byte[] bytes)
    {
        try
        {
            return LogEntry.Parse(bytes);
        }
        catch (FedCloudException) when (verification.Failures > 0)
        {
            return null;
        }
    }

    private static async Task<ImmutableDictionary<Sha256Digest, PlanInEvidence>> PlansAsync(EvidenceInventory files, IEnumerable<LoggedRecord> submitted, CancellationToken cancellation)
    {
        Dictionary<Sha256Digest, PlanInEvidence> plans = [];
        foreach (LoggedRecord record in submitted)
        {
            Sha256Digest digest = record.Subject("config");
            if (!plans.ContainsKey(digest))
            {
                plans.Add(digest, PlanOf(await files.ReadAsync(EvidenceLayout.Blob(digest), cancellation), digest, record.Entry));
            }
        }

        return plans.ToImmutableDictionary();
    }

    private static PlanInEvidence PlanOf(byte[]? bytes, Sha256Digest digest, LogEntry entry)
    {
        if (bytes is null)
        {
            return new(null, "the evidence does not hold the run's configuration");
        }

        if (Sha256Digest.Of(bytes) != digest)
        {
            return new(null, "the file with the run's configuration is not the one whose hash the log names");
        }

        try
        {
            RunConfig config = RunConfig.Parse(bytes);
            return config.Job == entry.Job && config.Federation == entry.Federation ? new(config, null) : new(null, "the configuration whose hash the log names is of another run");
        }
        catch (FedCloudException error)
        {
            return new(null, $"the configuration whose hash the log names is none that this version reads ({error.Code.Name})");
        }
    }

    // Without its file, or with another, a card is only its hash.
    private static async Task<ImmutableDictionary<Sha256Digest, DataCard>> DataCardsAsync(EvidenceInventory files, IEnumerable<LoggedRecord> enrolled, CancellationToken cancellation)
    {
        Dictionary<Sha256Digest, DataCard> cards = [];
        foreach (LoggedRecord record in enrolled)
        {
            Sha256Digest digest = record.Subject("data_card");
            if (digest != Sha256Digest.Zero && await files.ReadAsync(EvidenceLayout.Blob(digest), cancellation) is { } bytes && Sha256Digest.Of(bytes) == digest && CardOf(bytes, record) is { } card)
            {
                cards[digest] = card;
            }
        }

        return cards.ToImmutableDictionary();
    }

    private static DataCard? CardOf(byte[] bytes, LoggedRecord record)
    {
        try
        {
            DataCard card = DataCard.Parse(bytes);
            return card.Federation == record.Entry.Federation && string.Equals(card.SiloId.Value, record.Word("silo"), StringComparison.Ordinal) ? card : null;
        }
        catch (FedCloudException)
        {
            return null;
        }
    }

    private async Task<ImmutableArray<RosterInForce>> RostersAsync(EvidenceInventory files, IEnumerable<LoggedRecord> entries, CancellationToken cancellation)
    {
        ImmutableArray<RosterInForce>.Builder rosters = ImmutableArray.CreateBuilder<RosterInForce>();
        foreach (LoggedRecord logged in entries.Where(record => record.Is(EntryTypes.Roster) && record.Integer("version") is > 0 and <= int.MaxValue))
        {
            byte[]? bytes = await files.ReadAsync(EvidenceLayout.Roster((int)logged.Integer("version")), cancellation);
            if (bytes is not null && RosterOf(bytes, logged) is { } roster)
            {
                rosters.Add(roster);
            }
        }

        return rosters.ToImmutable();
    }

    private RosterInForce? RosterOf(byte[] bytes, LoggedRecord logged)
    {
        try
        {
            RosterBundle signed = RosterBundle.Parse(bytes);
            Roster roster = Roster.Parse(signed.Roster.Payload);
            return roster.Digest() == logged.Subject("roster") ? new(logged, roster, [.. signed.Joins.Select(JoinBody.Verify)]) : null;
        }
        catch (FedCloudException) when (verification.Failures > 0)
        {
            return null;
        }
    }

    private async Task<ImmutableDictionary<Sha256Digest, RoundEvidence>> SumsAsync(EvidenceInventory files, IEnumerable<LoggedRecord> starts, CancellationToken cancellation)
    {
        Dictionary<Sha256Digest, RoundEvidence> sums = [];
        foreach (Sha256Digest rid in starts.Select(start => start.Subject("rid")).Where(verification.SumsOf.Contains).Distinct())
        {
            // Recomputed, so it parses and its signatures hold.
            sums.Add(rid, RoundEvidence.Parse(await files.ReadAsync(EvidenceLayout.Round(rid), cancellation) ?? throw new InvalidOperationException("a sum was recomputed whose file is not there")));
        }

        return sums.ToImmutableDictionary();
    }
}
