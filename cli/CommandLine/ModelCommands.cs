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
        Option<string> format = new("--format") { Description = "peft, or merged: a model folder that needs no PEFT, for which --base is needed.", DefaultValueFactory = _ => "peft" };
        Option<string?> model = new("--base") { Description = "The base model's folder, for --format merged." };
        Option<string> type = new("--dtype") { Description = "The type of merged weights: keep, f32, bf16 or f16.", DefaultValueFactory = _ => "keep" };
        Option<bool> json = Invocation.Json();
        Command command = new("export", "Writes a version as PEFT does: adapter_config.json and adapter_model.safetensors; or merged into its base model.") { adapter, version, job, output, format, model, type, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            MergedExport? merged = Merged(parsed.GetRequiredValue(format), parsed.GetValue(model), parsed.GetRequiredValue(type));
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            ModelSummary found = await FindAsync(client, parsed.GetRequiredValue(adapter), parsed.GetValue(job), parsed.GetValue(version), cancellation);
            RunDetail run = await client.RunAsync(found.Job.Value, cancellation);
            string folder = parsed.GetRequiredValue(output);
            string sha256 = merged is null
                ? await PeftExport.WriteAsync(client, found, run.State.Config, folder, cancellation)
                : await merged.WriteAsync(client, found, run.State.Config, folder, cancellation);
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new ExportDocument(found.Adapter, found.Job.Value, found.Version, folder, sha256), CliJson.Default.ExportDocument)
                : $"Version {found.Version} of {found.Adapter}{(merged is null ? string.Empty : ", merged into its base model,")} is in {folder}.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static MergedExport? Merged(string format, string? model, string type) => (format, model, type) switch
    {
        ("peft", null, "keep") => null,
        ("merged", { } folder, "keep" or "f32" or "bf16" or "f16") => new MergedExport(folder, type),
        ("peft", _, _) => throw new FedCloudException(ErrorCodes.RequestMalformed, "expected --base and --dtype with --format merged only, found them with peft", "write --format merged, or leave them out"),
        ("merged", null, _) => throw new FedCloudException(ErrorCodes.RequestMalformed, "expected --base with --format merged, found none", "write --base and the base model's folder"),
        ("merged", _, _) => throw new FedCloudException(ErrorCodes.RequestMalformed, "expected the type keep, f32, bf16 or f16, found another", "write --dtype keep"),
        _ => throw new FedCloudException(ErrorCodes.RequestMalformed, "expected the format peft or merged, found another", "write --format peft"),
    };

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
