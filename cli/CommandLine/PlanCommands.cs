// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Cli.Plans;
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
        Option<bool> json = Invocation.Json();
        Command command = new("validate", "Checks a plan and lists everything that is wrong with it.") { file, json };
        command.SetAction(parsed =>
        {
            PlanReading reading = PlanReader.Read(YamlPlan.Read(parsed.GetRequiredValue(file)), FilledIn);
            if (parsed.GetValue(json))
            {
                PlanDocument document = new(reading.Config is not null, [.. reading.Problems.Select(problem => new ProblemDocument(problem.Line, problem.Code.Name, problem.Found))], reading.Config);
                Console.WriteLine(JsonSerializer.Serialize(document, CliJson.Default.PlanDocument));
            }
            else if (reading.Config is not null)
            {
                Console.WriteLine("The plan is valid.");
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
        Option<bool> json = Invocation.Json();
        Command command = new("explain", "Says what a plan does: every value and what it means, what travels, what is protected.") { file, json };
        command.SetAction(parsed =>
        {
            PlanReading reading = PlanReader.Read(YamlPlan.Read(parsed.GetRequiredValue(file)), FilledIn);
            RunConfig config = PlanReader.Require(reading);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new PlanDocument(true, [], config), CliJson.Default.PlanDocument));
            }
            else
            {
                WriteTable(config, reading);
                WriteStory(config);
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Argument<string> File() => new("FILE") { Description = "The plan, YAML; docs/plan-format.md describes it." };

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
        JsonArray list => string.Join(", ", list.Select(item => item?.ToString())),
        _ => value.ToString() is { Length: > 0 } text ? text : "''",
    };

    private static void WriteStory(RunConfig config)
    {
        string travels = config.Algorithm switch
        {
            Algorithm.FfaLora => "the B factors of every adapted module; A is the same everywhere, from the seed",
            Algorithm.Rolora => "the B factors in odd rounds and the A factors in even ones",
            _ => "both factors, although the average of each is not the average of their products",
        };
        Console.WriteLine();
        Console.WriteLine($"What happens: {config.Rounds} rounds. In each, the silos train {config.Training.LocalSteps} steps on their own records; a round commits with at least {config.Participation.Quorum} updates.");
        Console.WriteLine($"What leaves a silo: {travels}; signed and encrypted for the coordinator.{(config.Metrics.EvalLoss ? " The evaluation loss too, where the silo's policy allows it." : string.Empty)}");
        Console.WriteLine("What is protected: records stay in their silo; nobody on the way can read or change an update.");
        Console.WriteLine("What is not protected: in plain mode the coordinator's operator can open single updates, and without differential privacy updates and model may reveal training records.");
    }
}
