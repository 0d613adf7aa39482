// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Silos;

namespace FedCloud.SiloAgent.Plans;

/// <summary>Plans for the person who decides about them.</summary>
public static class PlanText
{
    private const string NotGiven = "not given";

    /// <summary>One line a plan, those that wait first.</summary>
    /// <param name="plans">The plans.</param>
    /// <param name="now">The time.</param>
    public static IEnumerable<string> List(IReadOnlyList<PlanStanding> plans, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(plans);
        return plans.Count == 0
            ? ["No plan was offered to this silo yet; the agent must run to receive them."]
            : plans.OrderByDescending(plan => plan.IsAsked).ThenBy(plan => plan.Job.Value, StringComparer.Ordinal).Select(plan => $"{plan.Job}  {Standing(plan, now)}");
    }

    /// <summary>A plan with everything that it asks for.</summary>
    /// <param name="plan">How the silo stands to it.</param>
    /// <param name="config">The plan.</param>
    /// <param name="refusal">Why the policy in force refuses it; null when it does not.</param>
    /// <param name="now">The time.</param>
    public static IEnumerable<string> Whole(PlanStanding plan, RunConfig config, ErrorCode? refusal, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(config);
        yield return $"{plan.Job}: {Standing(plan, now)}";
        yield return $"  plan           {plan.ConfigSha256}";
        yield return $"  initial model  {plan.InitialModelSha256}";
        yield return $"  purpose        {Given(config.Purpose)}";
        yield return $"  legal basis    {Given(config.LegalBasis)}";
        yield return $"  data           {Given(config.DataDescription)}";
        yield return $"  contact        {Given(config.Contact)}";
        yield return $"  your policy    {(refusal is null ? "allows it" : $"refuses it: {refusal.Name}")}";
        yield return string.Empty;
        yield return $"It trains {config.Rounds} rounds of {config.Training.LocalSteps} steps on this silo's records. A round needs {config.Participation.Quorum} updates.";
        yield return config.Aggregation.IsSecure
            ? "Updates leave masked: the coordinator sees sums only."
            : "Updates leave encrypted for the coordinator, whose operator can open single ones.";
        yield return Privacy(config);
        yield return string.Empty;
        foreach (string line in Fields(config))
        {
            yield return line;
        }
    }

    private static string Standing(PlanStanding plan, DateTimeOffset now) => plan switch
    {
        { IsAsked: true } when plan.AnswerDue < now => $"waits for your answer; the coordinator stopped waiting at {Time(plan.AnswerDue)}, so an approval counts from the next round on",
        { IsAsked: true } => $"waits for your answer until {Time(plan.AnswerDue)}",
        { Phase: SiloRunPhase.Ended } => "over",
        { Reason: { } reason } => $"refused by {Who(plan)}: {reason}",
        _ => $"approved by {Who(plan)}",
    };

    private static string Who(PlanStanding plan) => plan.IsByAdministrator ? "you" : "your policy";

    private static string Privacy(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        if (!privacy.IsClaimed)
        {
            return config.IsPublic ? "It claims no privacy; it is for public data." : "It claims no privacy: the model may reveal training records.";
        }

        string cost = privacy.Epsilon is { } epsilon ? $"epsilon at most {epsilon.ToString(CultureInfo.InvariantCulture)}" : "the epsilon that its noise comes to";
        return $"It claims privacy for each {Word(privacy.Unit)}: {cost} at delta {privacy.Delta.ToString(CultureInfo.InvariantCulture)}, which your budget reserves when you approve.";
    }

    private static IEnumerable<string> Fields(RunConfig config)
    {
        JsonNode values = JsonNode.Parse(config.ToJcs()) ?? throw new InvalidOperationException("a configuration is an object");
        int width = PlanSchema.Fields.Max(field => field.Path.Length);
        foreach (PlanField field in PlanSchema.Fields.Where(field => PlanSchema.Find(values, field.Path) is not null))
        {
            string unit = field.Unit.Length == 0 ? string.Empty : " " + field.Unit;
            yield return $"{field.Path.PadRight(width)}  {Value(PlanSchema.Find(values, field.Path))}{unit}";
        }
    }

    private static string Value(JsonNode? value) => value switch
    {
        JsonArray list => string.Join(", ", list.Select(item => item?.ToString())),
        _ => Given(value?.ToString()),
    };

    // Whoever submits a plan chooses its texts; marks that turn a terminal's text around are not shown as such.
    private static string Given(string? text) => string.IsNullOrEmpty(text)
        ? NotGiven
        : string.Concat(text.Select(c => char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.Control ? '?' : c));

    private static string Word(PrivacyUnit unit) => unit switch
    {
        PrivacyUnit.Record => "record",
        PrivacyUnit.Person => "person",
        _ => "silo",
    };

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
