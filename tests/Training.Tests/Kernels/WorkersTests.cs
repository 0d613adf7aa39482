// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Training.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Training.Tests.Kernels;

/// <summary>Rows that are shared among threads, while no other test has them.</summary>
[Collection("workers")]
public sealed unsafe class WorkersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public void Ranges_AnyCountAndThreads_DoesEveryRowOnceBeforeItReturns() => Prop.ForAll(
        (from count in Gen.Choose(0, 300) from threads in Gen.Choose(1, 6) from least in Gen.Choose(1, 20) select (count, threads, least)).ToArbitrary(),
        given =>
        {
            int* done = stackalloc int[given.count];
            new Span<int>(done, given.count).Clear();
            Workers.Ranges(given.count, given.threads, new Marks(done), given.least);

            return new ReadOnlySpan<int>(done, given.count).ToArray().All(times => times == 1);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void Rows_OneThreadHeldUp_OthersDoWhatIsLeft()
    {
        // Whoever has row 0 waits there until three quarters of all rows are done; with halves fixed beforehand they never would be.
        const int Count = 400;
        int* done = stackalloc int[2];
        (done[0], done[1]) = (0, 0);

        Workers.Rows(Count, 2, new HeldUp(done, Count * 3 / 4));

        Assert.Equal(1, done[1]);
        Assert.Equal(Count, done[0]);
    }

    [Fact]
    public void Rows_WorkersBusy_AreDoneByTheCaller()
    {
        int* inner = stackalloc int[10];
        new Span<int>(inner, 10).Clear();

        Workers.Rows(2, 2, new Busy(inner));

        Assert.All(new ReadOnlySpan<int>(inner, 10).ToArray(), times => Assert.Equal(2, times));
    }

    private readonly struct Marks(int* done) : IRangeJob
    {
        public void Range(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                Interlocked.Increment(ref done[i]);
            }
        }
    }

    private readonly struct HeldUp(int* done, int enough) : IRowJob
    {
        public void Row(int i)
        {
            long start = Stopwatch.GetTimestamp();
            while (i == 0 && Volatile.Read(ref done[0]) < enough && Stopwatch.GetElapsedTime(start) < Patience)
            {
                Thread.SpinWait(20);
            }

            if (i == 0)
            {
                done[1] = Volatile.Read(ref done[0]) >= enough ? 1 : 0;
            }

            Interlocked.Increment(ref done[0]);
        }
    }

    private readonly struct Busy(int* inner) : IRowJob
    {
        public void Row(int i) => Workers.Ranges(10, 2, new Marks(inner));
    }
}

/// <summary>Tests that need the threads for themselves.</summary>
[CollectionDefinition("workers", DisableParallelization = true)]
public sealed class WorkersTestsAlone;
