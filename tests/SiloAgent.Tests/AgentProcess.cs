// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.SiloAgent.Homes;
using Xunit;

namespace FedCloud.SiloAgent.Tests;

/// <summary>The agent's command line, run as a process.</summary>
internal static class AgentProcess
{
    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        string dotnet = Environment.ProcessPath is { } host && string.Equals(Path.GetFileNameWithoutExtension(host), "dotnet", StringComparison.Ordinal) ? host : "dotnet";
        ProcessStartInfo start = new(dotnet, [typeof(SiloHome).Assembly.Location, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output.ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }

    /// <summary>Runs a command that is refused with one line and nothing else.</summary>
    /// <param name="exit">The exit code.</param>
    /// <param name="start">How the line begins.</param>
    /// <param name="arguments">The command.</param>
    public static async Task RequireRefusedAsync(int exit, string start, params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.StartsWith(start, error, StringComparison.Ordinal);
        Assert.Equal((exit, string.Empty), (code, output));
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }
}
