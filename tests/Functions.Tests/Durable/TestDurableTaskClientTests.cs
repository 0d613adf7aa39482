// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>What a host does to orchestrations through the client.</summary>
public sealed class TestDurableTaskClientTests
{
    private readonly DurableTestHost _host = ReplayTests.Host(async context => await context.WaitForExternalEvent<int>("go"));

    private DurableTaskClient Client => _host.Client;

    [Fact]
    public async Task Schedule_IdThatRuns_IsRefusedAndOneThatEndedBeginsAnew()
    {
        await StartAsync("one");
        await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync("one"));
        await Client.RaiseEventAsync("one", "go", 1);
        await _host.RunUntilIdleAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Client.ScheduleNewOrchestrationInstanceAsync("Code", new StartOrchestrationOptions("one").WithDedupeStatuses(OrchestrationRuntimeStatus.Completed)));

        await StartAsync("one");
        await _host.RunUntilIdleAsync();

        Assert.Equal(OrchestrationRuntimeStatus.Running, _host.Instance("one").Status);
    }

    [Fact]
    public async Task Schedule_WithoutAnId_GivesOne()
    {
        string first = await Client.ScheduleNewOrchestrationInstanceAsync("Code");
        string second = await Client.ScheduleNewOrchestrationInstanceAsync("Code");

        Assert.NotEqual(first, second);
        Assert.Equal(OrchestrationRuntimeStatus.Pending, (await Client.GetInstanceAsync(first))!.RuntimeStatus);
        Assert.Null(await Client.GetInstanceAsync("nobody"));
    }

    [Fact]
    public async Task RaiseEvent_ToNobodyOrTooLate_IsDropped()
    {
        await Client.RaiseEventAsync("nobody", "go", 1);
        await StartAsync("one");
        await Client.RaiseEventAsync("one", "go", 1);
        await _host.RunUntilIdleAsync();
        await Client.RaiseEventAsync("one", "go", 2);

        await _host.RunUntilIdleAsync();

        Assert.Equal("1", _host.Instance("one").Output);
        Assert.Empty(_host.Steps());
    }

    [Fact]
    public async Task Terminate_Running_EndsItWithTheOutput()
    {
        await StartAsync("one");
        await _host.RunUntilIdleAsync();
        await Client.TerminateInstanceAsync("one", (object)"enough");
        await _host.RunUntilIdleAsync();
        OrchestrationMetadata metadata = await Client.WaitForInstanceCompletionAsync("one", getInputsAndOutputs: true);

        Assert.Equal(OrchestrationRuntimeStatus.Terminated, metadata.RuntimeStatus);
        Assert.Equal("enough", metadata.ReadOutputAs<string>());
        _host.Verify(_host.Instance("one").History);
    }

    [Fact]
    public async Task Suspend_EventsWait_UntilItIsResumed()
    {
        await StartAsync("one");
        await _host.RunUntilIdleAsync();
        await Client.SuspendInstanceAsync("one");
        await Client.RaiseEventAsync("one", "go", 1);
        await _host.RunUntilIdleAsync();
        Assert.Equal(OrchestrationRuntimeStatus.Suspended, (await Client.GetInstanceAsync("one"))!.RuntimeStatus);

        await Client.ResumeInstanceAsync("one");
        await _host.RunUntilIdleAsync();

        Assert.Equal("1", _host.Instance("one").Output);
    }

    [Fact]
    public async Task Wait_NothingCouldEndIt_SaysSo()
    {
        await StartAsync("one");

        Assert.True((await Client.WaitForInstanceStartAsync("one")).IsRunning);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Client.WaitForInstanceCompletionAsync("one"));
    }

    [Fact]
    public async Task Purge_OnlyWhatEnded_IsGone()
    {
        await StartAsync("one");
        await StartAsync("two");
        await Client.RaiseEventAsync("one", "go", 1);
        await _host.RunUntilIdleAsync();

        Assert.Equal(0, (await Client.PurgeInstanceAsync("two")).PurgedInstanceCount);
        Assert.Equal(1, (await Client.PurgeAllInstancesAsync(new PurgeInstancesFilter(Statuses: [OrchestrationRuntimeStatus.Completed]))).PurgedInstanceCount);

        Assert.Equal(["two"], await IdsAsync(null));
    }

    [Fact]
    public async Task GetAll_Filters_AreKept()
    {
        await StartAsync("a-1");
        await StartAsync("a-2");
        await StartAsync("b-1");
        await Client.RaiseEventAsync("a-2", "go", 1);
        await _host.RunUntilIdleAsync();

        Assert.Equal(["a-1", "a-2"], await IdsAsync(new OrchestrationQuery(InstanceIdPrefix: "a-")));
        Assert.Equal(["a-2"], await IdsAsync(new OrchestrationQuery(Statuses: [OrchestrationRuntimeStatus.Completed])));
    }

    private Task<string> StartAsync(string id) => Client.ScheduleNewOrchestrationInstanceAsync("Code", new StartOrchestrationOptions(id));

    private async Task<List<string>> IdsAsync(OrchestrationQuery? query)
    {
        List<string> ids = [];
        await foreach (OrchestrationMetadata metadata in Client.GetAllInstancesAsync(query))
        {
            ids.Add(metadata.InstanceId);
        }

        return ids;
    }
}
