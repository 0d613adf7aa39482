// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Runs;

/// <summary>How a trainer's process ended.</summary>
/// <param name="Succeeded">Whether it wrote its result.</param>
/// <param name="Code">Why not; a code of the vocabulary.</param>
/// <param name="Killed">Whether it was ended by a signal, and so may be tried again.</param>
public sealed record TrainerOutcome(bool Succeeded, string Code, bool Killed);

/// <summary>A trainer, which knows the job's folder and nothing else (docs/job-format.md).</summary>
public interface ITrainer
{
    /// <summary>Runs the job to its end. Stopping it ends everything that was started.</summary>
    /// <param name="jobFolder">The job's folder.</param>
    /// <param name="report">Takes the trainer's progress lines.</param>
    /// <param name="cancellation">Stops it.</param>
    Task<TrainerOutcome> RunAsync(string jobFolder, Action<JsonElement> report, CancellationToken cancellation);
}

/// <summary>Runs <c>fedcloud-trainer</c> on one job folder: no keys, no environment, and no network where the system can take it away.</summary>
/// <param name="executable">The trainer.</param>
public sealed class TrainerProcess(string executable) : ITrainer
{
    private static readonly string[] Kept = ["PATH", "HOME", "LANG", "TMPDIR", "DOTNET_ROOT", "DOTNET_CLI_HOME"];

    private readonly Lazy<bool> _canIsolate = new(CanIsolate);

    /// <summary>The trainer's executable: set by name, or beside this program, or in the build's output.</summary>
    /// <exception cref="FedCloudException"><c>trainer_failed</c>.</exception>
    public static string Find(string? configured)
    {
        string[] candidates =
        [
            configured ?? string.Empty,
            Path.Combine(AppContext.BaseDirectory, "fedcloud-trainer"),
            Path.Combine(AppContext.BaseDirectory, "..", "..", "FedCloud.Trainer", Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)), "fedcloud-trainer"),
        ];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new FedCloudException(ErrorCodes.TrainerFailed, "expected the program fedcloud-trainer beside the agent, found none", "install it, or set FEDCLOUD_TRAINER");
    }

    /// <inheritdoc/>
    public async Task<TrainerOutcome> RunAsync(string jobFolder, Action<JsonElement> report, CancellationToken cancellation)
    {
        ProcessStartInfo start = new()
        {
            FileName = _canIsolate.Value ? "unshare" : executable,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = jobFolder,
        };
        foreach (string argument in _canIsolate.Value ? (string[])["-r", "-n", executable, "run", jobFolder] : ["run", jobFolder])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string name in start.Environment.Keys.Where(name => !Kept.Contains(name, StringComparer.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        // Keep the heap small, whatever the trainer.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["FEDCLOUD_STOP_WITH_INPUT"] = "1";
        using Process process = Process.Start(start) ?? throw new FedCloudException(ErrorCodes.TrainerFailed, "the trainer did not start");
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string? code = null;
        try
        {
            while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
            {
                code = Read(line, report) ?? code;
            }

            await process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }

        await File.WriteAllTextAsync(Path.Combine(jobFolder, "trainer.log"), await errors, CancellationToken.None);
        bool known = code is not null && ErrorCodes.All.ContainsKey(code);
        return new TrainerOutcome(process.ExitCode == 0, known ? code! : ErrorCodes.TrainerFailed.Name, process.ExitCode > 128);
    }

    private static string? Read(string line, Action<JsonElement> report)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            report(json);
            return json.TryGetProperty("code", out JsonElement code) ? code.GetString() : null;
        }
        catch (JsonException)
        {
            return null; // a line of the runtime itself, not of the job format
        }
    }

    // An empty network namespace, as an ordinary user inside a user namespace; not every system allows it.
    private static bool CanIsolate()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            using Process probe = Process.Start(new ProcessStartInfo("unshare", "-r -n true") { UseShellExecute = false, RedirectStandardError = true }) ?? throw new InvalidOperationException("no process");
            probe.WaitForExit();
            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // there is no program 'unshare'
        }
    }
}
