// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;

namespace FedCloud.Cli.Tests;

/// <summary>The command line, run as a process.</summary>
internal static class CliProcess
{
    /// <summary>Runs a command to its end, with no coordinator named.</summary>
    public static Task<(int Exit, string Output, string Errors)> RunAsync(params string[] arguments) => RunAsync([], arguments);

    /// <summary>Runs a command to its end, with these variables.</summary>
    public static async Task<(int Exit, string Output, string Errors)> RunAsync(Dictionary<string, string> environment, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "fedcloud.dll"), .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        start.Environment.Remove("FEDCLOUD_URL");
        foreach ((string key, string value) in environment)
        {
            start.Environment[key] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}
