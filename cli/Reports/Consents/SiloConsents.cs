// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Signing;

namespace FedCloud.Cli.Reports.Consents;

/// <summary>The silos whose administrators have consented that values of theirs appear in a report (compliance reports, rule C1).</summary>
/// <param name="Silos">The silos.</param>
internal sealed record SiloConsents(ImmutableSortedSet<SiloId> Silos)
{
    /// <summary>Reads consents and checks each against the newest roster that lists its silo.</summary>
    /// <remarks>Where the evidence does not verify, its rosters prove no key, so no consent counts.</remarks>
    /// <param name="files">The consents.</param>
    /// <param name="evidence">The evidence.</param>
    /// <param name="run">The run.</param>
    /// <param name="framework">The report's framework.</param>
    /// <exception cref="FedCloudException"><c>report_consent_invalid</c>.</exception>
    public static SiloConsents Read(IEnumerable<byte[]> files, RunEvidence evidence, RunStory run, string framework)
    {
        if (!evidence.IsVerified || evidence.Checkpoint is not { } checkpoint)
        {
            return new([]);
        }

        ImmutableSortedSet<SiloId>.Builder silos = ImmutableSortedSet.CreateBuilder<SiloId>();
        foreach (byte[] file in files)
        {
            ReportConsent consent = ReportConsent.Open(file, silo => AdministratorOf(evidence, silo));
            consent.RequireFor(evidence.Federation, evidence.Job, framework, run.Submitted?.Subject("config"), checkpoint.Root);
            silos.Add(consent.SiloId);
        }

        return new(silos.ToImmutable());
    }

    /// <summary>Whether an entry's content may appear.</summary>
    /// <param name="record">The entry.</param>
    /// <param name="roster">The roster in force at the entry, which says whose an index is.</param>
    public bool Shows(LoggedRecord record, RosterInForce? roster) => !record.IsOfOneSilo || (SiloOf(record, roster) is { } silo && Silos.Contains(silo));

    /// <summary>The silo's name where it has consented, else null.</summary>
    public string? NameOf(LoggedRecord record, RosterInForce? roster) => SiloOf(record, roster) is { } silo && Silos.Contains(silo) ? silo.Value : null;

    /// <summary>The silo that an entry is about; null for none, or for an index that no roster explains.</summary>
    public static SiloId? SiloOf(LoggedRecord record, RosterInForce? roster)
    {
        if (!string.Equals(record.Entry.Actor.Kind, EntryActor.Coordinator, StringComparison.Ordinal))
        {
            return new SiloId(record.Entry.Actor.Id);
        }

        if (record.Entry.Fields.TryGetValue("silo", out EntryField silo) && silo.Text is { } name)
        {
            return new SiloId(name);
        }

        return record.Entry.Fields.TryGetValue("idx", out EntryField idx) && idx.Integer is { } number && number >= 1 && number <= roster?.Roster.N
            ? roster.Roster.Members[(int)number - 1].SiloId
            : null;
    }

    private static VerificationKey? AdministratorOf(RunEvidence evidence, SiloId silo) =>
        evidence.Rosters.Reverse().Select(roster => roster.AdministratorOf(silo)).FirstOrDefault(key => key is not null);
}
