// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Models;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud model list|show|export</c>.</summary>
internal static class ModelCommands
{
    public static Command Create() => new("model", "Adapter versions.") { List(), Show(), Export() };

    private static Command List()
    {
        Option<bool> json = Invocation.Json();
        Command command = new("list", "Lists all adapter versions.") { json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            ModelList models = await client.ModelsAsync(cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(models, ApiJson.Default.ModelList));
            }
            else
            {
                foreach (ModelSummary model in models.Models)
                {
                    Print(model);
                }
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Show()
    {
        Argument<string> adapter = Adapter();
        Option<int?> version = Version();
        Option<string?> job = Job();
        Option<bool> json = Invocation.Json();
        Command command = new("show", "Shows one version; the newest unless another is named.") { adapter, version, job, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            ModelSummary model = await FindAsync(client, parsed.GetRequiredValue(adapter), parsed.GetValue(job), parsed.GetValue(version), cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(model, ApiJson.Default.ModelSummary));
            }
            else
            {
                Print(model);
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Export()
    {
        Argument<string> adapter = Adapter();
        Option<int?> version = Version();
        Option<string?> job = Job();
        Option<string> output = new("--out") { Description = "The folder to write.", Required = true };
        Option<string> format = new("--format") { Description = "peft.", DefaultValueFactory = _ => "peft" };
        Option<bool> json = Invocation.Json();
        Command command = new("export", "Writes a version as PEFT does: adapter_config.json and adapter_model.safetensors.") { adapter, version, job, output, format, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (!string.Equals(parsed.GetRequiredValue(format), "peft", StringComparison.Ordinal))
            {
                throw new FedCloudException(ErrorCodes.RequestMalformed, "expected the format peft, found another", "write --format peft");
            }

            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            ModelSummary model = await FindAsync(client, parsed.GetRequiredValue(adapter), parsed.GetValue(job), parsed.GetValue(version), cancellation);
            RunDetail run = await client.RunAsync(model.Job.Value, cancellation);
            string folder = parsed.GetRequiredValue(output);
            string sha256 = await PeftExport.WriteAsync(client, model, run.State.Config, folder, cancellation);
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new ExportDocument(model.Adapter, model.Job.Value, model.Version, folder, sha256), CliJson.Default.ExportDocument)
                : $"Version {model.Version} of {model.Adapter} is in {folder}.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static async Task<ModelSummary> FindAsync(CoordinatorClient client, string adapter, string? job, int? version, CancellationToken cancellation)
    {
        ModelList models = await client.ModelsAsync(cancellation);
        ModelSummary[] matching = [.. models.Models.Where(model => string.Equals(model.Adapter, adapter, StringComparison.Ordinal) && (job is null || string.Equals(model.Job.Value, job, StringComparison.Ordinal)))];
        ModelSummary? latest = matching.FirstOrDefault(model => model.Latest) ?? matching.LastOrDefault();
        ModelSummary? found = version is null ? latest : matching.LastOrDefault(model => model.Version == version && (job is not null || model.Job == latest?.Job));
        return found ?? throw new FedCloudException(ErrorCodes.ModelMissing, $"there is no such version of {adapter}");
    }

    private static void Print(ModelSummary model) => Console.WriteLine($"{model.Adapter}  {model.Job}  v{model.Version}  {model.Sha256}{(model.Latest ? "  latest" : string.Empty)}");

    private static Argument<string> Adapter() => new("ADAPTER") { Description = "The adapter's name." };

    private static Option<int?> Version() => new("--version-number") { Description = "The version in its run." };

    private static Option<string?> Job() => new("--run") { Description = "The run." };
}
