// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Text.Json;

namespace FedCloud.Trainer.Tests;

/// <summary>One run of the trainer as a process of its own.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">The lines of its standard output.</param>
/// <param name="Error">Its standard error.</param>
internal sealed record TrainerRun(int ExitCode, IReadOnlyList<string> Output, string Error)
{
    public static string Assembly { get; } = Path.Combine(AppContext.BaseDirectory, "fedcloud-trainer.dll");

    public static string Host { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The events of the output, in order; each line must be JSON.</summary>
    public IReadOnlyList<string> Events => [.. Lines.Select(line => line.GetProperty("event").GetString()!)];

    public IReadOnlyList<JsonElement> Lines => [.. Output.Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Runs to the end.</summary>
    public static TrainerRun Of(params string[] arguments) => Of(new Dictionary<string, string>(StringComparer.Ordinal), null, arguments);

    /// <summary>Runs with more environment; <paramref name="stop"/> may end the process by force after a line.</summary>
    public static TrainerRun Of(IReadOnlyDictionary<string, string> environment, Predicate<string>? stop, params string[] arguments) =>
        Start([Host, Assembly, .. arguments], environment, stop);

    /// <summary>Runs any command.</summary>
    public static TrainerRun Start(string[] command, IReadOnlyDictionary<string, string> environment, Predicate<string>? stop = null)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        List<string> output = [];
        while (process.StandardOutput.ReadLine() is { } line)
        {
            output.Add(line);
            if (stop?.Invoke(line) == true)
            {
                process.Kill(); // SIGKILL: no handler runs, nothing is flushed
                break;
            }
        }

        process.WaitForExit();
        return new TrainerRun(process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
