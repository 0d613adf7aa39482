// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Cards;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Rounds;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Cli.Reports.Verdict;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports;

/// <summary>Makes a report out of evidence.</summary>
/// <param name="report">What its fields are made of.</param>
/// <param name="framework">What it gives evidence for.</param>
internal sealed class ReportBuilder(ReportContext report, Framework framework)
{
    /// <summary>Builds it.</summary>
    public async Task<Report> BuildAsync(CancellationToken cancellation)
    {
        RunEnd end = RunEnd.Of(report.Run, report.Evidence.Checkpoint);
        ImmutableArray<RoundPage> rounds = [.. report.Run.Rounds.Select(Page)];
        Report draft = new()
        {
            Framework = framework.Name,
            Title = framework.Title,
            Federation = report.Evidence.Federation,
            Job = report.Evidence.Job,
            State = end.Sentence,
            IsFinished = end.IsShown,
            Verification = report.Evidence.Verification,
            LogVkey = report.Evidence.Rosters.LastOrDefault()?.Roster.LogVkey,
            Front = Front(),
            Articles = [.. framework.Articles.Select(article => article.Of(report))],
            Rounds = rounds,
            Cards = ModelCards.Of(report),
            Limits = [.. ReportLimits.Of(report, framework, end)],
            Entries = [],
            Checkpoints = Checkpoints(),
        };
        return draft with { Entries = await CitedAsync(draft, cancellation) };
    }

    private RoundPage Page(RoundAttempt round) => new(
        round.Round,
        round.Number,
        round.Rid.Hex,
        RoundStory.Of(report, round),
        [.. round.Entries.Select(record => record.Cite)],
        RoundStory.Figures(report, round),
        RoundTable.Of(report, round));

    private ImmutableArray<ReportGroup> Front() =>
    [
        new("run", "Run",
        [
            new("state", "State", RunFields.State(report)),
            new("period", "First and last entry of the run", RunFields.Period(report)),
            new("mode", "Privacy", PrivacyFields.Claim(report)),
            new("purpose", "Purpose", RunFields.Purpose(report)),
            new("approvals", "Approvals", RunFields.ApprovalCount(report)),
            new("rounds", "Rounds with results", FieldContent.Of(ReportValue.Of(report.Run.Results.Select(round => round.Round).Distinct().Count(), ValueSource.Computed, "rounds").Proved(report.Run.Results.Select(round => round.Result?.Cite).OfType<Citation>()))),
        ]),
        new("verification", "Verification of the evidence",
        [
            new("verifier_version", "Verifier", VerdictFields.Verifier(report)),
            new("exit_code", "Exit code", VerdictFields.Exit(report)),
            new("findings", "Findings", VerdictFields.Failures(report)),
            new("pinned", "Keys pinned", VerdictFields.Pinned(report)),
            new("recomputed", "Recomputed", VerdictFields.Recomputed(report)),
            new("not_checked", "Not checked", VerdictFields.NotChecked(report)),
        ]),
        new("evidence", "Evidence",
        [
            new("bundle", "Evidence bundle", VerdictFields.Bundle(report)),
            new("origin", "Log", VerdictFields.Origin(report)),
            new("size", "Checkpoint: size", VerdictFields.Size(report)),
            new("root", "Checkpoint: root", VerdictFields.Root(report)),
            new("newest_entry", "Newest entry of the run or of the federation", RunFields.NewestEntry(report)),
            new("witnesses", "Checkpoint: witnesses", VerdictFields.Witnesses(report)),
        ]),
    ];

    private ImmutableSortedDictionary<long, SignedNote> Checkpoints()
    {
        IEnumerable<long> waited = report.Run.Rounds.Select(round => RoundEvidenceFields.WitnessedAt(report, round)).OfType<long>();
        IEnumerable<long> newest = report.Evidence.Checkpoint is { } checkpoint ? [checkpoint.Size] : [];
        return waited.Concat(newest).Distinct()
            .Select(size => (Size: size, Note: report.Evidence.Checkpoints.At(size)))
            .Where(found => found.Note is not null)
            .ToImmutableSortedDictionary(found => found.Size, found => found.Note ?? throw new InvalidOperationException("filtered"));
    }

    private async Task<ImmutableArray<CitedEntry>> CitedAsync(Report draft, CancellationToken cancellation)
    {
        HashSet<long> cited = [.. draft.Fields.SelectMany(field => field.Content.Values).SelectMany(value => value.Evidence).Select(citation => citation.Index)];
        InclusionProofs? proofs = report.Evidence.Checkpoint is { } checkpoint && report.Evidence.Checkpoints.At(checkpoint.Size) is { } note ? new(report.Evidence.Files, checkpoint, note) : null;
        ImmutableArray<CitedEntry>.Builder entries = ImmutableArray.CreateBuilder<CitedEntry>();
        foreach (LoggedRecord record in report.Evidence.Entries.Where(record => cited.Contains(record.Index)))
        {
            bool isShown = report.Consents.Shows(record, report.Evidence.RosterAt(record.Index));
            entries.Add(new CitedEntry(record.Index, record.Leaf, record.Entry, isShown ? record.Bytes : null, proofs is null ? null : await proofs.OfAsync(record, cancellation)));
        }

        return entries.ToImmutable();
    }
}
