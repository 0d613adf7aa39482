// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;

namespace FedCloud.Benchmarks;

/// <summary>The largest working set above the start while something runs.</summary>
internal static class PeakWorkingSet
{
    public static async Task<(double Seconds, double Mib)> MeasureAsync(Func<Task> work)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect();
        long start = Environment.WorkingSet;
        long peak = start;
        using CancellationTokenSource stop = new();
        Task sampler = Task.Run(async () =>
        {
            using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(20));
            while (!stop.IsCancellationRequested)
            {
                peak = Math.Max(peak, Environment.WorkingSet);
                await timer.WaitForNextTickAsync();
            }
        });
        Stopwatch watch = Stopwatch.StartNew();
        await work();
        double seconds = watch.Elapsed.TotalSeconds;
        await stop.CancelAsync();
        await sampler;
        return (seconds, (peak - start) / 1048576.0);
    }
}
