// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Seeded schedulers with crashes, duplicates, disorder and late timers.</summary>
public sealed class DurableFaultsTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public async Task Drive_Faults_TheOrchestrationEndsAsWithoutThem(int seed)
    {
        Dictionary<int, int> runs = [];
        using DurableTestHost host = Rounds(runs);

        await DriveAsync(host, new DurableFaults(seed) { Crash = 0.2, Duplicate = 0.2, Late = 0.2 });

        Assert.Equal("[1,2,3,4,5]", host.Instance("run").Output);
        Assert.Equal(OrchestrationRuntimeStatus.Completed, host.Instance("run").Status);
        Assert.All(host.Instance("run").Past, host.Verify);
        Assert.All(Enumerable.Range(1, 5), number => Assert.True(runs[number] >= 1));
    }

    [Fact]
    public async Task Drive_ManySeeds_FaultsHappen()
    {
        int again = 0;
        HashSet<string> histories = [];
        for (int seed = 0; seed < 30; seed++)
        {
            Dictionary<int, int> runs = [];
            using DurableTestHost host = Rounds(runs);
            await DriveAsync(host, new DurableFaults(seed) { Crash = 0.2, Duplicate = 0.2, Late = 0.2 });
            again += runs.Values.Count(count => count > 1);
            histories.Add(host.Instance("run").History.ToJson());
        }

        Assert.True(again > 10, $"{again} activities ran again");
        Assert.True(histories.Count > 10, $"{histories.Count} histories");
    }

    [Fact]
    public async Task Drive_SameSeed_SameHistory()
    {
        string[] histories = [await HistoryAsync(7), await HistoryAsync(7), await HistoryAsync(8)];

        Assert.Equal(histories[0], histories[1]);
        Assert.NotEqual(histories[0], histories[2]);
    }

    [Fact]
    public async Task Drive_NoEnd_IsSaid()
    {
        using DurableTestHost host = ReplayTests.Host(context =>
        {
            context.ContinueAsNew();
            return Task.FromResult(0);
        });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code");

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.DriveAsync(new DurableFaults(3), maxSteps: 100));

        Assert.Contains("seed 3", error.Message, StringComparison.Ordinal);
    }

    private static async Task<string> HistoryAsync(int seed)
    {
        using DurableTestHost host = Rounds([]);
        await DriveAsync(host, new DurableFaults(seed) { Crash = 0.2, Duplicate = 0.2, Late = 0.2 });
        return string.Concat(host.Instance("run").Past.Append(host.Instance("run").History).Select(history => history.ToJson()));
    }

    // Events by number, in any order and often twice; each is acted on once a generation and a generation ends after every event.
    private static DurableTestHost Rounds(Dictionary<int, int> runs) => new DurableTestHost()
        .AddOrchestrator("Run", async context =>
        {
            SortedSet<int> done = context.GetInput<SortedSet<int>>() ?? [];
            int number = await context.WaitForExternalEvent<int>("number");
            if (done.Add(number))
            {
                using CancellationTokenSource timer = new();
                Task<int> act = context.CallActivityAsync<int>("Act", number);
                Task late = context.CreateTimer(TimeSpan.FromSeconds(30), timer.Token);
                context.SetCustomStatus(await Task.WhenAny(act, late) == act ? "in time" : "late");
                timer.Cancel();
                done.Add(await act);
            }

            if (done.Count < 5)
            {
                context.ContinueAsNew(done);
            }

            return done;
        })
        .AddActivity<int, int>("Act", number =>
        {
            runs[number] = runs.GetValueOrDefault(number) + 1;
            return Task.FromResult(number);
        });

    private static async Task DriveAsync(DurableTestHost host, DurableFaults faults)
    {
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Run", null, new StartOrchestrationOptions("run"));
        foreach (int number in Enumerable.Range(1, 5))
        {
            await host.Client.RaiseEventAsync("run", "number", number);
        }

        await host.DriveAsync(faults);
    }
}
