// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;

namespace FedCloud.EndToEnd.Tests;

/// <summary>The project's programs as they were built beside these tests.</summary>
internal static class Programs
{
    private static readonly string Configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));

    public static string Cli { get; } = PathOf("FedCloud.Cli", "fedcloud");

    public static string LocalHost { get; } = PathOf("FedCloud.LocalHost", "fedcloud-localhost");

    /// <summary>The samples of the checkout.</summary>
    public static string Samples { get; } = FindSamples();

    public static string Silo { get; } = PathOf("FedCloud.SiloAgent", "fedcloud-silo");

    public static string Trainer { get; } = PathOf("FedCloud.Trainer", "fedcloud-trainer");

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">The program.</param>
    /// <param name="environment">Variables to set; null removes one.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="line">Takes each line of standard error.</param>
    /// <param name="started">Takes the process's id.</param>
    public static async Task<(int Exit, string Output, string Errors)> RunAsync(
        string program, IReadOnlyDictionary<string, string?> environment, IEnumerable<string> arguments, Action<string>? line = null, Action<int>? started = null)
    {
        ProcessStartInfo start = new(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string? value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        started?.Invoke(process.Id);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        List<string> errors = [];
        while (await process.StandardError.ReadLineAsync() is { } text)
        {
            errors.Add(text);
            line?.Invoke(text);
        }

        await process.WaitForExitAsync();
        return (process.ExitCode, await output, string.Join('\n', errors));
    }

    private static string PathOf(string project, string program) => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, Configuration, program));

    private static string FindSamples()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "FedCloud.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests lie in no checkout");
        }

        return Path.Combine(folder, "samples");
    }
}
