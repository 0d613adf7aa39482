// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using Microsoft.DurableTask;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Orchestrator code that is not deterministic, and histories that are not its own.</summary>
public sealed class ReplayTests
{
    [Fact]
    public async Task Replay_ClockOfTheMachine_IsFound()
    {
        using DurableTestHost host = Host(async context => await context.CallActivityAsync<int>("Double", (int)(DateTime.UtcNow.Ticks % 1_000_000_007)));

        await Assert.ThrowsAsync<NonDeterminismException>(() => RunAsync(host));
    }

    [Fact]
    public async Task Replay_Random_IsFound()
    {
#pragma warning disable CA5394, MA0012 // what the test is about
        using DurableTestHost host = Host(context => Task.FromResult(Random.Shared.NextInt64()));
#pragma warning restore CA5394, MA0012

        await Assert.ThrowsAsync<NonDeterminismException>(() => RunAsync(host));
    }

    [Fact]
    public async Task Replay_StatusOfRandom_IsFound()
    {
        using DurableTestHost host = Host(async context =>
        {
            context.SetCustomStatus(Guid.NewGuid());
            return await context.WaitForExternalEvent<int>("go");
        });

        await Assert.ThrowsAsync<NonDeterminismException>(() => RunAsync(host));
    }

    [Fact]
    public async Task Replay_TaskDelay_IsFoundAtOnce()
    {
        using DurableTestHost host = Host(async context =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan);
            return 0;
        });

        IllegalAwaitException error = await Assert.ThrowsAsync<IllegalAwaitException>(() => RunAsync(host));
        Assert.Contains("durable tasks only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_WorkOnAnotherThread_IsFoundEvenWhenItIsDoneInTime()
    {
        using DurableTestHost host = Host(context =>
        {
            using ManualResetEventSlim done = new();
            ThreadPool.QueueUserWorkItem(_ => done.Set());
            done.Wait();
            return Task.FromResult(0);
        });

        await Assert.ThrowsAsync<IllegalAwaitException>(() => RunAsync(host));
    }

    [Fact]
    public async Task Replay_ContinuationFromAnotherThreadBesideADurableWait_IsFoundLater()
    {
        TaskCompletionSource outside = new();
        DurableTestHost host = Host(async context =>
        {
            await Task.WhenAny(outside.Task, context.WaitForExternalEvent<int>("go"));
            return 0;
        });
        await RunAsync(host);

        Thread other = new(() => outside.SetResult());
        other.Start();
        other.Join();

        Assert.Throws<IllegalAwaitException>(host.Dispose);
    }

    [Fact]
    public async Task Replay_CodeThatBehavesOtherwiseWhileReplaying_IsFound()
    {
        using DurableTestHost host = Host(async context => await context.CallActivityAsync<int>("Double", context.IsReplaying ? 1 : 2));

        NonDeterminismException error = await Assert.ThrowsAsync<NonDeterminismException>(() => RunAsync(host));

        Assert.Contains("Input = 2", error.InHistory, StringComparison.Ordinal);
        Assert.Contains("Input = 1", error.InCode, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_OwnHistory_Agrees()
    {
        using DurableTestHost host = Host(Sum);
        await RunAsync(host);

        host.Verify(DurableHistory.Parse(host.Instance("one").History.ToJson()));
    }

    public static TheoryData<string, OrchestratorChange> Changes() => new()
    {
        { "another activity", async context => await context.CallActivityAsync<int>("Triple", 1) + await context.CallActivityAsync<int>("Double", 2) },
        { "another input", async context => await context.CallActivityAsync<int>("Double", 1) + await context.CallActivityAsync<int>("Double", 3) },
        { "one more", async context =>
            {
                Task<int> more = context.CallActivityAsync<int>("Double", 9);
                return await context.CallActivityAsync<int>("Double", 1) + await context.CallActivityAsync<int>("Double", 2) + await more;
            }
        },
        { "one less", async context => await context.CallActivityAsync<int>("Double", 1) },
        { "a timer instead", async context =>
            {
                await context.CreateTimer(TimeSpan.FromSeconds(1), CancellationToken.None);
                return 6;
            }
        },
        { "another result", async context => await Sum(context) + 1 },
        { "an event sent at the end", async context =>
            {
                int sum = await Sum(context);
                context.SendEvent("two", "done", sum);
                return sum;
            }
        },
        { "a failure", async context => await Sum(context) > 0 ? throw new InvalidOperationException("no") : 0 },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Verify_ChangedCode_Differs(string change, OrchestratorChange code)
    {
        using DurableTestHost written = Host(Sum);
        await RunAsync(written);
        using DurableTestHost changed = Host(context => code(context));

        NonDeterminismException error = Assert.Throws<NonDeterminismException>(() => changed.Verify(written.Instance("one").History));

        Assert.NotEqual(error.InHistory, error.InCode);
        Assert.NotEmpty(change);
    }

    [Fact]
    public async Task Verify_CodeThatEndsBeforeItsHistory_Differs()
    {
        using DurableTestHost written = Host(async context => await context.WaitForExternalEvent<int>("go") + await context.WaitForExternalEvent<int>("go"));
        await RunAsync(written);
        foreach (int number in new[] { 3, 0 })
        {
            await written.Client.RaiseEventAsync("one", "go", number);
            await written.RunUntilIdleAsync();
        }

        using DurableTestHost changed = Host(async context => await context.WaitForExternalEvent<int>("go"));

        NonDeterminismException error = Assert.Throws<NonDeterminismException>(() => changed.Verify(written.Instance("one").History));
        Assert.Contains(nameof(ExecutionCompleted), error.InCode, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_CodeThatDoesMoreWhereItsHistoryStops_Differs()
    {
        using DurableTestHost written = Host(async context => await context.WaitForExternalEvent<int>("go"));
        await RunAsync(written);
        using DurableTestHost changed = Host(async context => await context.WaitForExternalEvent<int>("go", TimeSpan.FromMinutes(1)));

        NonDeterminismException error = Assert.Throws<NonDeterminismException>(() => changed.Verify(written.Instance("one").History));
        Assert.Contains(nameof(TimerCreated), error.InCode, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_HistoryCutAnywhere_Agrees()
    {
        using DurableTestHost host = Host(Sum);
        await RunAsync(host);
        DurableHistory whole = host.Instance("one").History;
        int[] episodes = [.. Enumerable.Range(1, whole.Events.Length).Where(end => end == whole.Events.Length || whole.Events[end] is OrchestratorStarted)];

        Assert.True(episodes.Length >= 3);
        Assert.All(episodes, end => host.Verify(new DurableHistory(whole.Events[..end])));
    }

    [Fact]
    public async Task Load_StoredHistory_GoesOnWhereItStopped()
    {
        using DurableTestHost before = Host(Sum);
        await before.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await before.TakeAsync(before.Steps()[0]);
        string stored = before.Instance("one").History.ToJson();

        using DurableTestHost after = Host(Sum);
        after.Load(DurableHistory.Parse(stored));
        await after.RunToEndAsync();

        Assert.Equal("6", after.Instance("one").Output);
    }

    [Fact]
    public void Json_EveryKindOfEvent_ComesBack()
    {
        DurableHistory history = new(
        [
            new OrchestratorStarted(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc)),
            new ExecutionStarted("Code", "one", 1, "2.0", "{}"),
            new TaskScheduled(0, "Double", "2.0", "1"),
            new TaskCompleted(0, null),
            new TaskFailed(1, new HistoryFailure("System.Exception", "no", new HistoryFailure("System.IO.IOException", "disk", null))),
            new TimerCreated(2, new DateTime(2026, 1, 2, 3, 4, 6, DateTimeKind.Utc)),
            new TimerFired(2),
            new EventRaised("go", "3"),
            new EventSent(3, "two", "go", "\"x\""),
            new ContinuedAnew("4", "3.0"),
            new ExecutionCompleted("5"),
            new ExecutionFailed(new HistoryFailure("System.Exception", "no", null)),
            new ExecutionTerminated(null),
        ]);

        ImmutableArray<HistoryEvent> back = DurableHistory.Parse(history.ToJson()).Events;

        Assert.Equal<HistoryEvent>(history.Events, back);
        Assert.Equal(DateTimeKind.Utc, Assert.IsType<OrchestratorStarted>(back[0]).Timestamp.Kind);
    }

    internal static DurableTestHost Host<T>(Func<TaskOrchestrationContext, Task<T>> code, DurableTestOptions? options = null) =>
        new DurableTestHost(options)
            .AddOrchestrator("Code", code)
            .AddActivity<int, int>("Double", number => Task.FromResult(2 * number))
            .AddActivity<int, int>("Triple", number => Task.FromResult(3 * number));

    internal static async Task RunAsync(DurableTestHost host)
    {
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.RunToEndAsync();
    }

    internal static async Task DeliverAllAsync(DurableTestHost host)
    {
        foreach (DurableStep.Deliver mail in host.Steps().OfType<DurableStep.Deliver>().ToArray())
        {
            await host.TakeAsync(mail);
        }
    }

    internal static async Task<int> Sum(TaskOrchestrationContext context) =>
        await context.CallActivityAsync<int>("Double", 1) + await context.CallActivityAsync<int>("Double", 2);
}
