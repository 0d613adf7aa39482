// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json.Nodes;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>What a run was meant to do, by its plan, and who let it.</summary>
internal static class RunFields
{
    // What decides who sees what; the other defaults are about training.
    private static readonly string[] ProtectiveSettings =
    [
        "aggregation.mode", "aggregation.weighting", "aggregation.aggregate_norm_max", "aggregation.secure.update_clip", "participation.quorum", "participation.min_silos", "data", "privacy.claim", "metrics.eval_loss",
    ];

    public static FieldContent Purpose(ReportContext report) => report.OfPlan(plan => plan.Purpose.Length > 0
        ? FieldContent.Of(report.Planned(plan.Purpose) with { Note = "the submitter's words, which each silo was shown with the plan" })
        : FieldContent.None("the plan states no purpose"));

    public static FieldContent BaseModel(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned(plan.BaseModel.Hex, "SHA-256 of the manifest")));

    public static FieldContent AdapterRule(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned(plan.Algorithm switch
    {
        Algorithm.FfaLora => "ffa_lora: A from the seed, the same everywhere; B is averaged",
        Algorithm.Rolora => "rolora: B and A are averaged in alternate rounds, B first",
        _ => "fedavg: A and B are averaged; the product of the means is not the mean of the products",
    })));

    public static FieldContent Ranks(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned(plan.Lora.Rank, $"rank of every adapted module{Except(plan.Lora.RankPattern)}")));

    /// <summary>Architecture: what is known of it is the base model's hash and the adapter's shape.</summary>
    public static FieldContent Architecture(ReportContext report) => report.OfPlan(plan => FieldContent.Of(
        report.Planned(string.Create(CultureInfo.InvariantCulture, $"low-rank adapter (LoRA), rank {plan.Lora.Rank}{Except(plan.Lora.RankPattern)}, alpha {plan.Lora.Alpha}{Except(plan.Lora.AlphaPattern)}{(plan.Lora.IsRankStabilized ? " over the root of the rank (rsLoRA)" : string.Empty)}, on {string.Join(", ", plan.Lora.TargetModules)}")),
        report.Planned($"base model of digest {plan.BaseModel.Hex}") with { Note = "the evidence names it and does not describe it" }));

    public static FieldContent Procedure(ReportContext report) => report.OfPlan(plan => FieldContent.Of(
        report.Planned(string.Create(CultureInfo.InvariantCulture, $"{plan.Rounds} rounds; in each, every silo trains {plan.Training.LocalSteps} steps on its own records, and a round needs at least {plan.Participation.Quorum} updates")),
        report.Planned(plan.Aggregation.IsSecure ? "updates are masked; only their sum over at least t silos is opened" : "plain mode: each update is encrypted for the coordinator, which opens it"),
        report.Planned($"the coordinator applies {Word(plan.Aggregation.ServerOptimizer.Name)} to the {(plan.Aggregation.Weighting == Weighting.Uniform ? "mean, every silo alike" : "mean, weighted by declared counts")}")));

    /// <summary>Every field of the configuration.</summary>
    public static FieldContent Parameters(ReportContext report) => report.OfPlan(plan =>
    {
        JsonNode root = Root(plan);
        return FieldContent.Of(PlanSchema.Fields.Select(field => report.Planned($"{field.Path} = {Shown(root, field)}", field.Unit.Length > 0 ? field.Unit : null)));
    });

    /// <summary>The settings that protect, and which of them are the defaults.</summary>
    public static FieldContent DefaultSettings(ReportContext report) => report.OfPlan(plan =>
    {
        JsonNode root = Root(plan);
        return FieldContent.Of(PlanSchema.Fields.Where(field => ProtectiveSettings.Contains(field.Path, StringComparer.Ordinal))
            .Select(field => report.Planned($"{field.Path} = {Shown(root, field)}") with { Note = IsDefault(root, field) ? "the default" : "set in the plan" }));
    });

    /// <summary>Approvals, each with its signer: the policy that decided, or the administrator's key.</summary>
    public static FieldContent Approvals(ReportContext report) => FieldContent.OrNone(
        report.Run.Approvals.Select(approval => new ReportValue(
            string.Equals(approval.Entry.Actor.Kind, EntryActor.Admin, StringComparison.Ordinal) ? $"AK {approval.Entry.Actor.KeyId.Hex}" : $"signed policy {approval.Subject("policy").Hex}",
            ValueSource.Log)
        {
            Unit = "signer",
            Note = report.Named(approval) is { Length: > 0 } silo ? silo.Trim() : null,
        }.Proved(approval.Cite)),
        "the log has no approval of the plan");

    /// <summary>n of m approved.</summary>
    public static FieldContent ApprovalCount(ReportContext report) => report.Run.Approvals.Length == 0 || report.Evidence.RosterAt(report.Run.Approvals[^1].Index) is not { } roster
        ? FieldContent.None("the log has no approval of the plan, or the evidence no roster")
        : FieldContent.Of(new ReportValue($"{report.Run.Approvals.Length} of {roster.Roster.N}", ValueSource.Computed) { Unit = "silos of the roster" }.Proved([roster.Logged.Cite, .. report.Run.Approvals.Select(approval => approval.Cite)]));

    /// <summary>Vetoes: refusals of the plan.</summary>
    public static FieldContent Vetoes(ReportContext report) => report.Events(report.Run.Refusals, Incidents.IncidentFields.Describe);

    /// <summary>Limits of the method, the same for every run, and what this run does without.</summary>
    public static FieldContent MethodLimits(ReportContext report) => Risks.RiskFields.Residual(report).And(report.OfPlan(plan => plan.Privacy.IsClaimed
        ? FieldContent.Of()
        : FieldContent.Of(report.Planned($"{PrivacyClaims.Mode(plan)}: the model may reveal training records"))));

    public static FieldContent State(ReportContext report)
    {
        RunEnd end = RunEnd.Of(report.Run, report.Evidence.Checkpoint);
        IEnumerable<Citation> cited = report.Run.Results.Select(round => round.Result?.Cite).OfType<Citation>().Concat(report.Run.Settled.Select(record => record.Cite));
        return FieldContent.Of(new ReportValue(end.Sentence, ValueSource.Computed).Proved([.. report.PlanCited, .. cited]));
    }

    /// <summary>From the run's first entry to its last.</summary>
    public static FieldContent Period(ReportContext report)
    {
        LoggedRecord[] own = [.. report.Evidence.Entries.Where(record => record.Entry.Job == report.Evidence.Job)];
        return FieldContent.Of(new ReportValue($"{own[0].Entry.Time} to {own[^1].Entry.Time}", ValueSource.Log) { Unit = "RFC 3339, UTC" }.Proved(own[0].Cite, own[^1].Cite));
    }

    /// <summary>As of when the evidence speaks.</summary>
    public static FieldContent NewestEntry(ReportContext report) =>
        FieldContent.Of(new ReportValue(report.Evidence.Entries[^1].Entry.Time, ValueSource.Log) { Unit = "RFC 3339, UTC" }.Proved(report.Evidence.Entries[^1].Cite));

    /// <summary>Digests of deployed code.</summary>
    public static FieldContent Images(ReportContext report) => Deployed(report, "image", "SHA-256 of the image");

    public static FieldContent Code(ReportContext report) => Deployed(report, "code", "SHA-256 of the code");

    public static FieldContent Materials(ReportContext report) => Deployed(report, "materials", "SHA-256 of the bill of materials");

    private static FieldContent Deployed(ReportContext report, string subject, string unit) => FieldContent.OrNone(
        report.Evidence.Of(EntryTypes.Deploy).Select(record => new ReportValue(record.Subject(subject).Hex, ValueSource.Log) { Unit = unit, Note = $"deployed {record.Entry.Time}" }.Proved(record.Cite)),
        "the log has no entry of a deployment");

    private static JsonNode Root(RunConfig plan) => JsonNode.Parse(plan.ToJcs()) ?? throw new InvalidOperationException("a configuration is an object");

    private static string Shown(JsonNode root, PlanField field) => PlanSchema.Find(root, field.Path) switch
    {
        null => "none",
        JsonArray list => string.Join(", ", list.Select(item => item?.ToString())),
        JsonValue value when value.TryGetValue(out bool flag) => flag ? "true" : "false",
        { } value => value.ToString(),
    };

    private static bool IsDefault(JsonNode root, PlanField field)
    {
        JsonNode? value = PlanSchema.Find(root, field.Path);
        return field.Default is null ? value is null : JsonNode.DeepEquals(value, field.Type.FromText(field.Default));
    }

    private static string Except<T>(IReadOnlyDictionary<string, T>? pattern) =>
        pattern is null ? string.Empty : string.Create(CultureInfo.InvariantCulture, $" (but {string.Join(", ", pattern.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key}: {one.Value}")))})");

    private static string Word(ServerRule rule) => rule switch
    {
        ServerRule.Sgd => "sgd",
        ServerRule.Momentum => "momentum",
        ServerRule.Adam => "adam",
        ServerRule.Yogi => "yogi",
        _ => "adagrad",
    };
}
