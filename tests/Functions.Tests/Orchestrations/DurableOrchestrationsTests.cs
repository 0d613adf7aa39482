// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Protocol.Identity;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Orchestrations;

/// <summary>Waking an orchestration: of one actor there is one, and it is there afterwards.</summary>
public sealed class DurableOrchestrationsTests
{
    private static readonly ActorName Actor = ActorName.Run(new RunId("run-1"));

    [Fact]
    public async Task Wake_BeforeAnyFunctionBoundAClient_IsAFault() => await Assert.ThrowsAsync<InvalidOperationException>(() => new DurableOrchestrations().WakeAsync(Actor, default));

    [Fact]
    public async Task Wake_NotThere_StartsItWithTheActorsName()
    {
        using DurableTestHost host = Host(_ => new Outlook());

        await Orchestrations(host).WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();

        DurableInstance instance = Assert.Single(host.Instances);
        Assert.Equal(("run-run-1", ActorOrchestration.Name, OrchestrationRuntimeStatus.Running), (instance.InstanceId, instance.Name, instance.Status));
        Assert.Equal("{\"Kind\":0,\"Job\":\"run-1\",\"Chapter\":0,\"Effect\":0,\"Part\":null}", instance.Input);
    }

    [Fact]
    public async Task Wake_ThatSleeps_MakesItLook()
    {
        int looks = 0;
        using DurableTestHost host = Host(_ =>
        {
            looks++;
            return new Outlook();
        });
        DurableOrchestrations orchestrations = Orchestrations(host);
        await orchestrations.WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();

        await orchestrations.WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();

        Assert.Equal(2, looks);
        Assert.Single(host.Instances);
    }

    // One that failed, or that somebody ended, is started anew: what there is to do stands in the document.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Wake_ThatHasEnded_StartsItAnew(bool wasTerminated)
    {
        int looks = 0;
        using DurableTestHost host = Host(_ => new Outlook { IsOver = ++looks == 1 && !wasTerminated });
        DurableOrchestrations orchestrations = Orchestrations(host);
        await orchestrations.WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();
        if (wasTerminated)
        {
            await host.Client.TerminateInstanceAsync(Actor.Instance);
            await host.RunUntilIdleAsync();
        }

        Assert.True(host.Instance(Actor.Instance).IsFinished);
        await orchestrations.WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();

        Assert.Equal((2, OrchestrationRuntimeStatus.Running), (looks, host.Instance(Actor.Instance).Status));
    }

    [Fact]
    public async Task Wake_AnotherProcessStartsItJustNow_WakesThatOne()
    {
        using DurableTestHost host = Host(_ => new Outlook());
        DurableOrchestrations orchestrations = new();
        orchestrations.Use(new RefusingClient(host, isStartedByAnother: true));

        await orchestrations.WakeAsync(Actor, default);
        await host.RunUntilIdleAsync();

        Assert.Single(host.Instances);
        Assert.Contains(host.Instance(Actor.Instance).History.Events, item => item is EventRaised);
    }

    [Fact]
    public async Task Wake_TheServiceIsAway_SaysSo()
    {
        using DurableTestHost host = Host(_ => new Outlook());
        DurableOrchestrations orchestrations = new();
        orchestrations.Use(new RefusingClient(host, isStartedByAnother: false));

        await Assert.ThrowsAsync<InvalidOperationException>(() => orchestrations.WakeAsync(Actor, default));
    }

    private static DurableOrchestrations Orchestrations(DurableTestHost host)
    {
        DurableOrchestrations orchestrations = new();
        orchestrations.Use(host.Client);
        return orchestrations;
    }

    private static DurableTestHost Host(Func<ActorCall, Outlook> look)
    {
        DurableTestHost host = new();
        host.AddOrchestrator(ActorOrchestration.Name, ActorOrchestration.RunAsync);
        host.AddActivity<ActorCall, Outlook>(ActorOrchestration.Advance, call => Task.FromResult(look(call)));
        return host;
    }

    // Its service says no: another process was quicker, or nobody was.
    private sealed class RefusingClient(DurableTestHost host, bool isStartedByAnother) : TestDurableTaskClient(host)
    {
        public override async Task<string> ScheduleNewOrchestrationInstanceAsync(TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default)
        {
            if (isStartedByAnother)
            {
                await base.ScheduleNewOrchestrationInstanceAsync(orchestratorName, input, options, cancellation);
            }

            throw new InvalidOperationException("refused");
        }
    }
}
