// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Benchmarks;

/// <summary>The coordinator's sum of a large federation, from real vectors in files: time, and the largest working set above the start.</summary>
internal static class SecureSumCost
{
    public static async Task<int> RunAsync(int silos, int parameters, int dropouts, int workers)
    {
        string folder = Directory.CreateTempSubdirectory("secagg").FullName;
        long needed = (silos - dropouts + 2L) * parameters * sizeof(int);
        long free = new DriveInfo(folder).AvailableFreeSpace;
        if (free < needed + (needed / 10))
        {
            Directory.Delete(folder);
            Console.Error.WriteLine($"expected {needed / 1_000_000_000.0:F1} GB of free disk and some more, found {free / 1_000_000_000.0:F1}");
            return 1;
        }

        Stopwatch watch = Stopwatch.StartNew();
        using SecureEpoch epoch = SecureEpoch.Open(silos);
        Print("epoch: keys, shares, acknowledgements of all silos", watch.Elapsed.TotalSeconds);
        watch.Restart();
        using SecureRoundFiles round = new(epoch, Ring.K32, parameters, dropouts, folder);
        Print($"{round.Vectors.Count} silos mask and write {round.Scope.VectorBytes / 1e6:F0} MB each", watch.Elapsed.TotalSeconds);
        watch.Restart();
        using RevealedSecrets secrets = round.Recover();
        Print("coordinator: verify shares, put the secrets together", watch.Elapsed.TotalSeconds);
        watch.Restart();
        RoundMasks.OfSum(round.Scope, round.Agreement, secrets).Dispose();
        Print("coordinator: mask keys, which each worker derives", watch.Elapsed.TotalSeconds);
        (double seconds, double mib) = await PeakWorkingSet.MeasureAsync(() => round.SumAsync(secrets, workers));
        Print($"coordinator: sum, unmasking, checks and mean, {workers} workers", seconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak working set above the start: {mib:F1} MiB, {mib / workers:F1} MiB a worker"));
        return 0;
    }

    private static void Print(string what, double seconds) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-62} {seconds:F2} s"));
}
