// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tests;

/// <summary>Counts what a piece of work allocates on its thread.</summary>
internal static class Allocations
{
    private const int Attempts = 10;

    /// <summary>The least that the work allocated in several attempts, in bytes.</summary>
    /// <remarks>The runtime itself allocates a little when it compiles a method anew, which it does only so often; work that allocates does so every time.</remarks>
    public static long Of(Action work)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
