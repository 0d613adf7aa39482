// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace FedCloud.Benchmarks;

/// <summary>A round's time beyond training, from the demo with four silos; and how long a trainer takes to start.</summary>
internal static class RoundOverhead
{
    public static async Task<int> RunAsync()
    {
        string folder = Directory.CreateTempSubdirectory("overhead").FullName;
        string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        string bin = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", ".."));
        ProcessStartInfo start = new(Path.Combine(bin, "FedCloud.Cli", configuration, "fedcloud")) { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (string argument in (string[])["demo", "--out", folder, "--no-alone", "--json"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process demo = Process.Start(start) ?? throw new InvalidOperationException("the demo did not start");
        string json = await demo.StandardOutput.ReadToEndAsync();
        await demo.WaitForExitAsync();
        foreach (JsonElement round in JsonDocument.Parse(json).RootElement.GetProperty("rounds").EnumerateArray())
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round.GetProperty("round")}: {round.GetProperty("seconds").GetDouble():F2} s, training {round.GetProperty("trainingSeconds").GetDouble():F2} s, overhead {round.GetProperty("overheadSeconds").GetDouble():F2} s"));
        }

        double[] starts = [.. Enumerable.Range(0, 5).Select(_ => TrainerStart(Path.Combine(bin, "FedCloud.Trainer", configuration, "fedcloud-trainer"))).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"trainer process, start to first line: {starts[2] * 1000:F0} ms (median of 5)"));
        Directory.Delete(folder, recursive: true);
        return demo.ExitCode;
    }

    // A job without a folder: the process starts, reads, says so and ends.
    private static double TrainerStart(string program)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = Process.Start(new ProcessStartInfo(program, "run /nonexistent") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true }) ?? throw new InvalidOperationException("the trainer did not start");
        process.StandardOutput.ReadLine();
        double seconds = watch.Elapsed.TotalSeconds;
        process.WaitForExit();
        return seconds;
    }
}
