// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Processes;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Models;

/// <summary>Writes a version merged into its base model: the trainer does it, as it has the mathematics and this program has none.</summary>
/// <param name="BaseFolder">The base model's folder.</param>
/// <param name="Type">keep, f32, bf16 or f16.</param>
internal sealed record MergedExport(string BaseFolder, string Type)
{
    /// <summary>Downloads, checks and merges.</summary>
    /// <returns>The SHA-256 of the adapter's tensors.</returns>
    public async Task<string> WriteAsync(CoordinatorClient client, ModelSummary model, RunConfig config, string folder, CancellationToken cancellation)
    {
        string trainer = ProgramFiles.Find("FedCloud.Trainer", "fedcloud-trainer");
        string adapter = Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar) + ".adapter";
        string sha256 = await PeftExport.WriteAsync(client, model, config, adapter, cancellation);
        try
        {
            await MergeAsync(trainer, adapter, folder, cancellation);
        }
        finally
        {
            Directory.Delete(adapter, recursive: true);
        }

        return sha256;
    }

    private async Task MergeAsync(string trainer, string adapter, string folder, CancellationToken cancellation)
    {
        string last = string.Empty;
        string[] arguments = ["merge", "--base", BaseFolder, "--adapter", adapter, "--out", folder, "--dtype", Type];
        await using ChildProcess process = ChildProcess.Start("merge", trainer, arguments, new Dictionary<string, string?>(StringComparer.Ordinal), Path.Combine(adapter, "merge.log"), line => last = line);
        if (await process.WaitAsync(cancellation) != 0)
        {
            throw Failed(last);
        }
    }

    // The trainer's last line says what failed, by a code of the same vocabulary.
    private static FedCloudException Failed(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            string code = document.RootElement.GetProperty("code").GetString() ?? string.Empty;
            string message = document.RootElement.GetProperty("message").GetString() ?? string.Empty;
            string next = document.RootElement.GetProperty("next").GetString() ?? string.Empty;
            return ErrorCodes.All.TryGetValue(code, out ErrorCode? known)
                ? new FedCloudException(known, Found(message, code, next), next)
                : throw new JsonException("an unknown code");
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new FedCloudException(ErrorCodes.TrainerFailed, "the merge ended without saying why", "run 'fedcloud-trainer merge' on an export with --format peft", error);
        }
    }

    // The line without code and next step, which the error adds again.
    private static string Found(string message, string code, string next)
    {
        (string before, string after) = (code + ": ", $". Next: {next}.");
        string found = message.StartsWith(before, StringComparison.Ordinal) ? message[before.Length..] : message;
        return found.EndsWith(after, StringComparison.Ordinal) ? found[..^after.Length] : found;
    }
}
