// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Cli.Plans;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud plan validate|explain</c>.</summary>
internal static class PlanCommands
{
    // What a coordinator fills in when the plan is submitted; placeholders, so that a plan can be checked without one.
    private static readonly Dictionary<string, string> FilledIn = new(StringComparer.Ordinal)
    {
        ["job"] = "not-submitted",
        ["federation"] = "not-submitted",
        ["base_model"] = Sha256Digest.Zero.Hex,
    };

    public static Command Create() => new("plan", "Checks and explains training plans.") { Validate(), Explain() };

    private static Command Validate()
    {
        Argument<string> file = File();
        Option<int?> silos = Silos();
        Option<string?> baseModel = new("--base") { HelpName = "DIR", Description = "A folder with the base model; checks that it has the plan's modules and as many positions as its sequences need." };
        Option<bool> json = Invocation.Json();
        Command command = new("validate", "Checks a plan and lists everything that is wrong with it.") { file, silos, baseModel, json };
        command.SetAction(parsed =>
        {
            PlanReading reading = Read(parsed.GetRequiredValue(file), parsed.GetValue(silos));
            if (reading.Config is { } config && parsed.GetValue(baseModel) is { } folder)
            {
                BaseModelFit.Require(config, folder);
            }

            if (parsed.GetValue(json))
            {
                PlanDocument document = new(
                    reading.Config is not null,
                    [.. reading.Problems.Select(problem => new ProblemDocument(problem.Line, problem.Code.Name, problem.Found))],
                    reading.Config,
                    SecureFigures.Of(reading.Config, parsed.GetValue(silos)));
                Console.WriteLine(JsonSerializer.Serialize(document, CliJson.Default.PlanDocument));
            }
            else if (reading.Config is not null)
            {
                Console.WriteLine(parsed.GetValue(silos) is { } count ? $"The plan is valid for {count} silos." : "The plan is valid.");
            }

            foreach (PlanProblem problem in reading.Problems)
            {
                Console.Error.WriteLine(new FedCloudException(problem.Code, problem.ToString()).Message);
            }

            return (int)(reading.Config is null ? ExitCode.Unusable : ExitCode.Done);
        });
        return command;
    }

    private static Command Explain()
    {
        Argument<string> file = File();
        Option<int?> silos = Silos();
        Option<long?> records = new("--records") { HelpName = "N", Description = "A silo's records, or persons where the plan protects persons: what the privacy claim comes to there. Nothing of it is sent anywhere." };
        Option<bool> json = Invocation.Json();
        Command command = new("explain", "Says what a plan does: every value and what it means, what travels, what is protected, and what its privacy costs.") { file, silos, records, json };
        command.SetAction(parsed =>
        {
            PlanReading reading = Read(parsed.GetRequiredValue(file), parsed.GetValue(silos));
            RunConfig config = PlanReader.Require(reading);
            SecureFigures? figures = SecureFigures.Of(config, parsed.GetValue(silos));
            IReadOnlyList<ClaimFigures> claim = ClaimFigures.Of(config, parsed.GetValue(records));
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new PlanDocument(true, [], config, figures, claim is [] ? null : claim), CliJson.Default.PlanDocument));
            }
            else
            {
                WriteTable(config, reading);
                Console.WriteLine();
                foreach (string line in PlanStory.Of(config, figures).Concat(PrivacyStory.Of(config, claim)))
                {
                    Console.WriteLine(line);
                }
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Argument<string> File() => new("FILE") { Description = "The plan, YAML; docs/plan-format.md describes it." };

    private static Option<int?> Silos() => new("--silos") { HelpName = "N", Description = "The silos of the federation; checks the plan for that many, and says what secure aggregation does with them." };

    private static PlanReading Read(string file, int? silos) => silos is null or >= 1
        ? PlanReader.Read(YamlPlan.Read(file), FilledIn, silos)
        : throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected --silos of at least 1, found {silos}", "give the number of silos, or leave --silos out");

    private static void WriteTable(RunConfig config, PlanReading reading)
    {
        JsonNode values = JsonNode.Parse(config.ToJcs()) ?? throw new InvalidOperationException("a configuration is an object");
        int width = PlanSchema.Fields.Max(field => field.Path.Length);
        foreach (PlanField field in PlanSchema.Fields)
        {
            string origin = reading.Written.Contains(field.Path) ? "plan" : FilledIn.ContainsKey(field.Path) ? "filled in at submission" : "default";
            string value = FilledIn.ContainsKey(field.Path) && !reading.Written.Contains(field.Path) ? "-" : Show(PlanSchema.Find(values, field.Path));
            string unit = field.Unit.Length == 0 ? string.Empty : " " + field.Unit;
            Console.WriteLine($"{field.Path.PadRight(width)}  {value}{unit}  ({origin})");
            Console.WriteLine($"{new string(' ', width)}  {field.Meaning}");
        }
    }

    private static string Show(JsonNode? value) => value switch
    {
        null => "none",
        JsonObject map => string.Join(", ", map.Select(one => $"{one.Key}: {one.Value}")),
        JsonArray list => string.Join(", ", list.Select(item => item?.ToString())),
        _ => value.ToString() is { Length: > 0 } text ? text : "''",
    };
}
