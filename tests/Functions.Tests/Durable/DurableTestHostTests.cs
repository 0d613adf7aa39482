// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Activities, retries, payloads, versions and the client.</summary>
public sealed class DurableTestHostTests
{
    [Fact]
    public async Task Activities_FanOut_ResultsComeTogether()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            int[] doubled = await Task.WhenAll(Enumerable.Range(1, 20).Select(number => context.CallActivityAsync<int>("Double", number)));
            return doubled.Sum();
        });
        await ReplayTests.RunAsync(host);

        Assert.Equal("420", host.Instance("one").Output);
        Assert.Equal(20, host.Instance("one").History.Events.OfType<TaskScheduled>().Count());
    }

    [Fact]
    public async Task Activity_CrashAfterItsWork_RunsAgain()
    {
        int runs = 0;
        using DurableTestHost host = ReplayTests.Host(async context => await context.CallActivityAsync<int>("Count"))
            .AddActivity("Count", _ => Task.FromResult<string?>((++runs).ToString()));
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.TakeAsync(host.Steps()[0]);
        DurableStep work = Assert.Single(host.Steps());

        await host.TakeAsync(work, StepFault.Crash);
        Assert.Equal(work, Assert.Single(host.Steps()));
        await host.RunUntilIdleAsync();

        Assert.Equal(2, runs);
        Assert.Equal("2", host.Instance("one").Output);
    }

    [Fact]
    public async Task Activity_ResultTwice_CountsOnce()
    {
        using DurableTestHost host = ReplayTests.Host(async context => await context.CallActivityAsync<int>("Double", 1) + await context.CallActivityAsync<int>("Double", 2));
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));
        await host.TakeAsync(host.Steps()[0]);

        await host.TakeAsync(host.Steps()[0], StepFault.Duplicate);
        await host.RunUntilIdleAsync();

        Assert.Equal("6", host.Instance("one").Output);
        Assert.Equal(3, host.Instance("one").History.Events.OfType<TaskCompleted>().Count());
    }

    [Fact]
    public async Task Episode_CrashBeforeItsRecord_LeavesNothing()
    {
        using DurableTestHost host = ReplayTests.Host(async context => await context.CallActivityAsync<int>("Double", 1));
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one"));

        await host.TakeAsync(host.Steps()[0], StepFault.Crash);

        Assert.Empty(host.Instance("one").History.Events);
        Assert.IsType<DurableStep.RunEpisode>(Assert.Single(host.Steps()));
        await host.RunUntilIdleAsync();
        Assert.Equal("2", host.Instance("one").Output);
    }

    [Fact]
    public async Task Activity_Throws_IsATaskFailedException()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            try
            {
                return await context.CallActivityAsync<string>("Fail");
            }
            catch (TaskFailedException error)
            {
                return $"{error.TaskName} {error.TaskId} {error.FailureDetails.ErrorMessage} {error.FailureDetails.IsCausedBy<IOException>()} {error.FailureDetails.InnerFailure!.ErrorMessage}";
            }
        }).AddActivity("Fail", _ => throw new DirectoryNotFoundException("no folder", new InvalidOperationException("no disk")));
        await ReplayTests.RunAsync(host);

        Assert.Equal("\"Fail 0 no folder True no disk\"", host.Instance("one").Output);
    }

    [Fact]
    public async Task Activity_ThrowsAndNobodyCatches_TheOrchestrationFails()
    {
        using DurableTestHost host = ReplayTests.Host(async context => await context.CallActivityAsync<int>("Fail"))
            .AddActivity("Fail", _ => throw new IOException("no disk"));
        await ReplayTests.RunAsync(host);
        OrchestrationMetadata metadata = (await host.Client.GetInstanceAsync("one", getInputsAndOutputs: true))!;

        Assert.Equal(OrchestrationRuntimeStatus.Failed, metadata.RuntimeStatus);
        Assert.Equal(typeof(TaskFailedException).FullName, metadata.FailureDetails!.ErrorType);
        Assert.Equal("no disk", metadata.FailureDetails.InnerFailure!.ErrorMessage);
        host.Verify(host.Instance("one").History);
    }

    [Theory]
    [InlineData(2, "\"done\"", 2)] // after 1 s and 2 s
    [InlineData(3, "\"failed\"", 3)] // and one of no length at the end
    public async Task Retry_Policy_WaitsLongerEachTime(int failures, string output, int timers)
    {
        int runs = 0;
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            try
            {
                return await context.CallActivityAsync<string>("Flaky", options: new RetryPolicy(3, TimeSpan.FromSeconds(1), backoffCoefficient: 2).Options());
            }
            catch (TaskFailedException)
            {
                return "failed";
            }
        }).AddActivity("Flaky", _ => ++runs > failures ? Task.FromResult<string?>("\"done\"") : throw new IOException("busy"));
        await ReplayTests.RunAsync(host);

        Assert.Equal(output, host.Instance("one").Output);
        Assert.Equal(3, runs);
        Assert.Equal(host.Options.Start.AddSeconds(3), host.Now);
        Assert.Equal(timers, host.Instance("one").History.Events.OfType<TimerCreated>().Count());
    }

    [Fact]
    public async Task Retry_Handler_DecidesEachTime()
    {
        int runs = 0;
        using DurableTestHost host = ReplayTests.Host(async context =>
                await context.CallActivityAsync<string>("Flaky", options: TaskOptions.FromRetryHandler(retry => retry.LastAttemptNumber < 5 && retry.LastFailure.IsCausedBy<IOException>())))
            .AddActivity("Flaky", _ => ++runs > 3 ? Task.FromResult<string?>("\"done\"") : throw new IOException("busy"));
        await ReplayTests.RunAsync(host);

        Assert.Equal("\"done\"", host.Instance("one").Output);
        Assert.Equal(4, runs);
    }

    [Fact]
    public async Task Payload_OverTheLimit_FailsTheTestThoughTheCodeCatches()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            try
            {
                return await context.CallActivityAsync<string>("Double", new string('x', 16 * 1024));
            }
            catch (Exception)
            {
                return "caught";
            }
        });

        await Assert.ThrowsAsync<PayloadTooLongException>(() => ReplayTests.RunAsync(host));
    }

    [Fact]
    public async Task Payload_OfEveryKind_HasTheLimit()
    {
        string just = new('x', (16 * 1024) - 2); // and two quotes
        string over = just + "x";
        using DurableTestHost host = ReplayTests.Host(async context => await context.CallActivityAsync<string>("Echo", await context.WaitForExternalEvent<string>("go")))
            .AddActivity("Echo", Task.FromResult)
            .AddActivity("Long", _ => Task.FromResult<string?>($"\"{over}\""))
            .AddOrchestrator("Calls", async context => (await context.CallActivityAsync<string>("Long")).Length);

        await Assert.ThrowsAsync<PayloadTooLongException>(() => host.Client.ScheduleNewOrchestrationInstanceAsync("Code", over));
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", just, new StartOrchestrationOptions("one"));
        await Assert.ThrowsAsync<PayloadTooLongException>(() => host.Client.RaiseEventAsync("one", "go", over));
        await host.Client.RaiseEventAsync("one", "go", just);
        await host.RunUntilIdleAsync();
        Assert.Equal($"\"{just}\"", host.Instance("one").Output);
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Calls");
        await Assert.ThrowsAsync<PayloadTooLongException>(() => host.RunUntilIdleAsync());
    }

    [Theory]
    [InlineData(8 * 1024, true)] // two bytes a letter
    [InlineData((8 * 1024) + 1, false)]
    public async Task Status_AsUtf16_HasItsOwnLimit(int letters, bool fits)
    {
        using DurableTestHost host = ReplayTests.Host(context =>
        {
            context.SetCustomStatus(new string('x', letters - 2)); // and two quotes
            return Task.FromResult(0);
        });

        Exception? error = await Record.ExceptionAsync(() => ReplayTests.RunAsync(host));

        Assert.Equal(fits, error is null);
        Assert.True(fits || error is PayloadTooLongException);
    }

    [Fact]
    public async Task NewGuid_InstanceAndTime_AreTheFrameworksIds()
    {
        using DurableTestHost host = ReplayTests.Host(async context =>
        {
            Guid first = context.NewGuid();
            await context.CallActivityAsync<int>("Double", 1);
            return new[] { first, context.NewGuid() };
        });
        await ReplayTests.RunAsync(host);

        Guid[] ids = System.Text.Json.JsonSerializer.Deserialize<Guid[]>(host.Instance("one").Output!)!;
        Assert.Equal([new Guid("2b37764b-a122-5b7d-a6bd-b42dfc4f0059"), new Guid("904d395f-ae97-54f7-b391-840fd5fdb140")], ids); // uuid.uuid5(namespace, "one_2026-01-01T00:00:00.0000000Z_0") and _1, by another implementation
    }

    [Fact]
    public async Task Version_StartedWithOne_BranchesTheCode()
    {
        using DurableTestHost host = ReplayTests.Host(
            context => Task.FromResult(context.CompareVersionTo("2.0") >= 0 ? $"new {context.Version}" : $"old {context.Version}"),
            new DurableTestOptions { DefaultVersion = "2.1" });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("one") { Version = "1.10" });
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Code", null, new StartOrchestrationOptions("two"));
        await host.RunUntilIdleAsync();

        Assert.Equal("\"old 1.10\"", host.Instance("one").Output);
        Assert.Equal("\"new 2.1\"", host.Instance("two").Output);
    }

    [Fact]
    public async Task Orchestrator_AsAClass_TakesItsInput()
    {
        using DurableTestHost host = new DurableTestHost().AddOrchestrator("Greet", new Greeter());
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Greet", "you", new StartOrchestrationOptions("one"));

        OrchestrationMetadata metadata = await host.Client.WaitForInstanceCompletionAsync("one", getInputsAndOutputs: true);

        Assert.Equal("hello you", metadata.ReadOutputAs<string>());
        Assert.Equal("greeting", metadata.ReadCustomStatusAs<string>());
    }

    private sealed class Greeter : TaskOrchestrator<string, string>
    {
        public override Task<string> RunAsync(TaskOrchestrationContext context, string input)
        {
            context.SetCustomStatus("greeting");
            return Task.FromResult($"hello {input}");
        }
    }
}
