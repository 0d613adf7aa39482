// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Events, waits and timers.</summary>
public sealed class ExternalEventTests
{
    [Fact]
    public async Task Wait_EventsCameBefore_AreTakenInTheirOrder()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            await context.CreateTimer(TimeSpan.FromMinutes(1), CancellationToken.None);
            return new[] { await context.WaitForExternalEvent<string>("GO"), await context.WaitForExternalEvent<string>("go") };
        });
        await ReplayTests.RunAsync(host.WithEvents("one", ("go", "a"), ("Go", "b")));

        Assert.Equal("""["a","b"]""", host.Instance("one").Output);
    }

    [Fact]
    public async Task Wait_DuplicateEvent_IsLeftForTheNextWait()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            HashSet<string> seen = [];
            int events = 0;
            while (seen.Count < 2)
            {
                seen.Add(await context.WaitForExternalEvent<string>("go"));
                events++;
            }

            return events;
        });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.Client.RaiseEventAsync("one", "go", "a");
        await host.TakeAsync(host.Steps().OfType<DurableStep.Deliver>().First(), StepFault.Duplicate);
        await host.RunUntilIdleAsync();
        await host.Client.RaiseEventAsync("one", "go", "b");
        await host.RunUntilIdleAsync();

        Assert.Equal("3", host.Instance("one").Output);
    }

    [Fact]
    public async Task Race_EventFirst_CancelledTimerHoldsNothingUp()
    {
        using DurableTestHost host = ReplayTests.Host(Race);
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.RunUntilIdleAsync();
        await host.Client.RaiseEventAsync("one", "go", "x");
        await host.RunUntilIdleAsync();

        Assert.Equal("\"x\"", host.Instance("one").Output);
        Assert.Equal(host.Options.Start, host.Now);
    }

    [Fact]
    public async Task Race_TimerFirst_AnswersTheTimer()
    {
        using DurableTestHost host = ReplayTests.Host(Race);
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));

        await host.AdvanceAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(OrchestrationRuntimeStatus.Running, host.Instance("one").Status);
        await host.AdvanceAsync(TimeSpan.FromMinutes(1));

        Assert.Equal("\"late\"", host.Instance("one").Output);
        Assert.Equal(host.Options.Start.AddMinutes(5), host.Now);
    }

    [Fact]
    public async Task Race_TimerLeftOpen_HoldsTheEndUp()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            await Task.WhenAny(context.CreateTimer(TimeSpan.FromMinutes(5), CancellationToken.None), context.WaitForExternalEvent<string>("go"));
            return context.CurrentUtcDateTime.Minute;
        });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.Client.RaiseEventAsync("one", "go", "x");
        await host.RunUntilIdleAsync();
        Assert.Equal(OrchestrationRuntimeStatus.Running, host.Instance("one").Status);

        await host.RunToEndAsync();

        Assert.Equal("0", host.Instance("one").Output);
    }

    [Theory]
    [InlineData(true, null)] // as the worker up to 1.25.0 has it: the event is gone
    [InlineData(false, "\"x\"")]
    public async Task Wait_CancelledBefore_TakesTheEventOrNot(bool takes, string? output)
    {
        using DurableTestHost host = ReplayTests.Host(
            async context =>
            {
                using CancellationTokenSource wait = new();
                Task<string> first = context.WaitForExternalEvent<string>("go", wait.Token);
                await Task.WhenAny(first, context.CreateTimer(TimeSpan.FromMinutes(1), CancellationToken.None));
                wait.Cancel();
                await context.CreateTimer(TimeSpan.FromMinutes(1), CancellationToken.None);
                return await context.WaitForExternalEvent<string>("go");
            },
            new DurableTestOptions { CancelledWaitsTakeEvents = takes });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.AdvanceAsync(TimeSpan.FromSeconds(90));
        await host.Client.RaiseEventAsync("one", "go", "x");

        await host.RunToEndAsync();

        Assert.Equal(output, host.Instance("one").Output);
    }

    [Fact]
    public async Task Wait_WithTimeout_IsCancelledByIt()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            try
            {
                return await context.WaitForExternalEvent<string>("go", TimeSpan.FromMinutes(1));
            }
            catch (OperationCanceledException)
            {
                return "late";
            }
        });
        await ReplayTests.RunAsync(host);

        Assert.Equal("\"late\"", host.Instance("one").Output);
    }

    [Theory]
    [InlineData(true, "[1,2,3]")]
    [InlineData(false, null)] // the next generation waits for events that were thrown away
    public async Task ContinueAsNew_UnprocessedEvents_AreKeptOrDropped(bool preserve, string? output)
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            List<int> seen = context.GetInput<List<int>>() ?? [];
            await context.CreateTimer(TimeSpan.FromMinutes(1), CancellationToken.None);
            seen.Add(await context.WaitForExternalEvent<int>("go"));
            if (seen.Count < 3)
            {
                context.ContinueAsNew(seen, preserve);
            }

            return seen;
        });
        await ReplayTests.RunAsync(host.WithEvents("one", ("go", 1), ("go", 2), ("go", 3)));

        Assert.Equal(output, host.Instance("one").Output);
        Assert.Equal(preserve ? 2 : 1, host.Instance("one").Past.Count);
        Assert.All(host.Instance("one").Past, host.Verify);
    }

    [Fact]
    public async Task ContinueAsNew_EventOfTheSameEpisodeAfterIt_IsCarriedOver()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            int seen = context.GetInput<int>() + await context.WaitForExternalEvent<int>("go");
            if (seen < 3)
            {
                context.ContinueAsNew(seen, preserveUnprocessedEvents: false);
            }

            return seen;
        });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.RunUntilIdleAsync();
        await ReplayTests.DeliverAllAsync(host.WithEvents("one", ("go", 1), ("go", 2)));
        await host.RunUntilIdleAsync();

        Assert.Equal("3", host.Instance("one").Output);
        Assert.Equal(1, host.Instance("one").Generation);
    }

    [Fact]
    public async Task ContinueAsNew_TimerOfTheGenerationBefore_FiresNothing()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            int generation = context.GetInput<int>();
            using CancellationTokenSource timer = new();
            Task late = context.CreateTimer(TimeSpan.FromMinutes(5 * (generation + 1)), timer.Token);
            if (await Task.WhenAny(late, context.WaitForExternalEvent<string>("go")) != late)
            {
                timer.Cancel();
                context.ContinueAsNew(generation + 1);
            }

            return context.CurrentUtcDateTime.Minute;
        });
        await ReplayTests.RunAsync(host.WithEvents("one", ("go", "x")));

        Assert.Equal(1, host.Instance("one").Generation);
        Assert.Equal("10", host.Instance("one").Output);
    }

    [Fact]
    public async Task SendEvent_ToAnother_Arrives()
    {
        using DurableTestHost host = ReplayTests.Host(async context => await context.WaitForExternalEvent<string>("hello"))
            .AddOrchestrator("Sender", context =>
            {
                context.SendEvent("one", "hello", "there");
                return Task.CompletedTask;
            });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Sender");
        await ReplayTests.RunAsync(host);

        Assert.Equal("\"there\"", host.Instance("one").Output);
    }

    [Fact]
    public async Task Timer_LongerThanTheLongest_IsMadeOfSeveral()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            await context.CreateTimer(TimeSpan.FromDays(7), CancellationToken.None);
            return context.CurrentUtcDateTime.Day;
        });
        await ReplayTests.RunAsync(host);

        Assert.Equal("8", host.Instance("one").Output);
        Assert.Equal(3, host.Instance("one").History.Events.OfType<TimerCreated>().Count());
    }

    private static async Task<string> Race(TaskOrchestrationContext context)
    {
        using CancellationTokenSource timer = new();
        Task late = context.CreateTimer(TimeSpan.FromMinutes(5), timer.Token);
        Task<string> go = context.WaitForExternalEvent<string>("go");
        if (await Task.WhenAny(late, go) == late)
        {
            return "late";
        }

        timer.Cancel();
        return await go;
    }
}
