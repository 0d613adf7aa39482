// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Rounds;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Cli.Reports.Cards;

/// <summary>A card for each version of the model that the log has: each result made one.</summary>
internal static class ModelCards
{
    /// <summary>The cards, in the order of the log.</summary>
    public static ImmutableArray<ModelCard> Of(ReportContext report) => [.. report.Run.Results.Select(round => Of(report, round)).DistinctBy(card => card.Key, StringComparer.Ordinal)];

    private static ModelCard Of(ReportContext report, RoundAttempt round)
    {
        LoggedRecord result = round.Result ?? throw new ArgumentException("a card is of a round with a result", nameof(round));
        Sha256Digest model = result.Subject("new_model");
        LoggedRecord? moved = report.Evidence.OfRun(EntryTypes.ChannelMoved).FirstOrDefault(record => record.Subject("model") == model);
        LoggedRecord? released = report.Evidence.OfRun(EntryTypes.ModelReleased).FirstOrDefault(record => record.Subject("model") == model);
        string number = moved is null ? FieldContent.NotAvailable : moved.Integer("version").ToString(CultureInfo.InvariantCulture);
        string key = moved is null ? string.Create(CultureInfo.InvariantCulture, $"round-{round.Round}") : $"v{number}";
        return new ModelCard(key, $"{moved?.Word("adapter") ?? report.Run.Config?.Adapter ?? "adapter"}, version {number}",
        [
            new("model", "Model",
            [
                new("version", "Version", moved is null ? FieldContent.None("the log has no channel that names the version") : FieldContent.Of(ReportValue.Of(moved.Integer("version"), ValueSource.Log).Proved(moved.Cite))),
                new("sha256", "Hash", RoundModelFields.HashOut(report, round)),
                new("hash_in", "Trained from", RoundModelFields.HashIn(report, round)),
                new("base_model", "Base model", RunFields.BaseModel(report)),
                new("architecture", "Architecture", RunFields.Architecture(report)),
                new("run", "Run", RoundScopeFields.Job(report, round)),
                new("round", "Round", RoundScopeFields.Round(report, round)),
                new("committed", "Committed", RoundTimeFields.End(report, round)),
                new("recomputed", "Recomputed by an outsider", Recomputed(report, round, result)),
            ]),
            new("training", "Training",
            [
                new("purpose", "Purpose", RunFields.Purpose(report)),
                new("procedure", "Procedure", RunFields.Procedure(report)),
                new("config_sha256", "Plan", RoundModelFields.Config(report, round)),
            ]),
            new("participants", "Participants",
            [
                new("updates", "Silos whose updates count in its round", RoundMemberFields.U3Count(report, round)),
                new("members", "Members of the federation", RoundMemberFields.N(report, round)),
                new("data_cards", "Data cards", ModelFields.DataCards(report)),
            ]),
            new("privacy", "Privacy",
            [
                new("claim", "Claim", PrivacyFields.Claim(report)),
                new("unit", "Unit", PrivacyFields.Unit(report)),
                new("adversary", "Adversary", PrivacyFields.Adversary(report)),
                new("epsilon", "Epsilon of the run at its reserved maximum", PrivacyFields.JobEpsilon(report)),
                new("delta", "Delta", PrivacyFields.Delta(report)),
                new("excludes", "ε excludes", PrivacyFields.Exclusions(report)),
                new("membership_bound", "Membership bound", PrivacyFields.MembershipBound(report)),
            ]),
            new("evaluation", "Evaluation",
            [
                new("evaluation", "Evaluation report", released is null ? FieldContent.None("the log has no release of this version") : FieldContent.Of(new ReportValue(released.Subject("evaluation").Hex, ValueSource.Log) { Unit = "SHA-256", Note = $"basis {released.Word("basis")}" }.Proved(released.Cite))),
                new("gates", "Gates", RoundResultFields.Gates(report, round)),
                new("loss", "Mean evaluation loss", EvaluationFields.Mean(report, model)),
                new("worst_silo", "Worst silo", EvaluationFields.WorstSilo(report, model)),
                new("silo_metrics", "Evaluation loss per silo", EvaluationFields.SiloMetrics(report, model)),
            ]),
            new("approvals", "Approvals",
            [
                new("plan_approvals", "Approvals of the plan", RunFields.ApprovalCount(report)),
                new("votes", "Votes for the release", released is null ? FieldContent.None("the log has no release of this version") : FieldContent.Of(ReportValue.Of(released.Integer("votes"), ValueSource.Log, $"votes, basis {released.Word("basis")}").Proved(released.Cite))),
            ]),
        ],
        [new(ReportLimits.Evaluation, EvaluationFields.Limit(report)), .. ThreatRegister.Limits]);
    }

    private static FieldContent Recomputed(ReportContext report, RoundAttempt round, LoggedRecord result) => report.Evidence.Verification.ModelsOf.Contains(round.Rid)
        ? FieldContent.Of(new ReportValue("yes: from the sum of the silos' masked vectors, bit for bit", ValueSource.Verifier).Proved(result.Cite))
        : FieldContent.None(round.IsPlain ? "a result of plain mode cannot be recomputed without single updates" : "the evidence does not hold what recomputes it (audit export --sums)");
}
