// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Cli.CommandLine;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Demo;

/// <summary><c>fedcloud demo</c>: a whole federation of real processes on one machine.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        Option<int?> silos = new("--silos") { Description = "How many silos (default: four, or all of --data)." };
        Option<int?> rounds = new("--rounds") { Description = "Rounds, in place of the plan's." };
        Option<string?> plan = new("--plan") { Description = "The plan (default: the sample plan)." };
        Option<string?> data = new("--data") { Description = "A folder with NAME.train.jsonl and NAME.eval.jsonl per silo (default: the sample data)." };
        Option<string?> baseModel = new("--base") { Description = "The base model's folder (default: the sample base model)." };
        Option<string> output = new("--out") { Description = "The folder for the adapter, the logs and the federation's files.", DefaultValueFactory = _ => "fedcloud-out" };
        Option<bool> keep = new("--keep") { Description = "Keep the federation running until Ctrl-C." };
        Option<bool> noAlone = new("--no-alone") { Description = "Do not train each silo alone afterwards, for comparison." };
        Option<bool> json = Invocation.Json();
        Command command = new("demo", "Runs a whole federation on this machine: storage, coordinator, silos and trainers as real processes.")
        {
            silos, rounds, plan, data, baseModel, output, keep, noAlone, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            DemoOptions options = new(
                parsed.GetValue(silos), parsed.GetValue(rounds), parsed.GetValue(plan), parsed.GetValue(data), parsed.GetValue(baseModel),
                Path.GetFullPath(parsed.GetRequiredValue(output)), parsed.GetValue(keep), !parsed.GetValue(noAlone), parsed.GetValue(json));
            DemoReport report = await DemoRun.ExecuteAsync(options, cancellation);
            if (options.Json)
            {
                Console.WriteLine(JsonSerializer.Serialize(report, CliJson.Default.DemoReport));
            }

            return (int)ExitCode.Done;
        });
        return command;
    }
}
