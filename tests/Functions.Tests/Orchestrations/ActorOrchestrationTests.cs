// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace FedCloud.Functions.Tests.Orchestrations;

/// <summary>The orchestrator: what it calls for, when it sleeps, what wakes it, and what its history holds.</summary>
public sealed class ActorOrchestrationTests
{
    private const int MostBytes = 16 * 1024;
    private static readonly DateTimeOffset Start = new DurableTestOptions().Start;

    [Fact]
    public async Task Follow_EffectsAreDue_CarriesThemOutAndLooksAgain()
    {
        using ScriptedActor actor = new(look => look switch
        {
            1 => ScriptedActor.Due(new DueEffect(1)),
            2 => ScriptedActor.Due(new DueEffect(2), new DueEffect(3)),
            _ => ScriptedActor.Over(),
        });

        await actor.RunAsync();

        Assert.Equal(["look", "effect 1", "look", "effect 2", "effect 3", "look"], actor.Calls);
        Assert.Equal(OrchestrationRuntimeStatus.Completed, actor.Instance.Status);
    }

    [Fact]
    public async Task Follow_Parts_AreDoneBeforeTheirEffectBegins_SixtyFourAtATime()
    {
        using ScriptedActor actor = new(look => look == 1 ? ScriptedActor.Due(new DueEffect(7, Parts: 150), new DueEffect(8)) : ScriptedActor.Over());

        int most = await MostActivitiesAsync(actor);

        Assert.Equal(64, most);
        Assert.Equal([.. Enumerable.Range(0, 150).Select(part => $"part 7/{part}"), "effect 7", "effect 8"], actor.Calls[1..^1]);
    }

    [Fact]
    public async Task Follow_ManyEffects_AreCarriedOutSixtyFourAtATime()
    {
        using ScriptedActor actor = new(look => look == 1 ? ScriptedActor.Due([.. Enumerable.Range(1, 150).Select(id => new DueEffect(id))]) : ScriptedActor.Over());

        int most = await MostActivitiesAsync(actor);

        Assert.Equal(64, most);
        Assert.Equal(150, actor.Calls.Distinct().Count(call => call.StartsWith("effect", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Follow_Deadline_LooksWhenItHasCome()
    {
        using ScriptedActor actor = new(look => look == 1 ? new Outlook { Deadline = Start.AddSeconds(90) } : ScriptedActor.Over());

        await actor.RunAsync();
        Assert.Single(actor.Looks);
        await actor.Host.RunToEndAsync();

        Assert.Equal([0, 90], actor.Seconds());
        Assert.Equal(OrchestrationRuntimeStatus.Completed, actor.Instance.Status);
    }

    [Fact]
    public async Task Follow_DeadlineThatHasPassed_LooksAgainAtOnce()
    {
        using ScriptedActor actor = new(look => look == 1 ? new Outlook { Deadline = Start.AddSeconds(-5) } : ScriptedActor.Over());

        await actor.RunAsync();

        Assert.Equal([0, 0], actor.Seconds());
    }

    [Fact]
    public async Task Follow_NoDeadline_SleepsUntilItIsWoken()
    {
        using ScriptedActor actor = new(look => look == 1 ? new Outlook() : ScriptedActor.Over());
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromDays(400));
        Assert.Single(actor.Looks);

        await actor.WakeAsync();
        await actor.Host.RunToEndAsync();

        Assert.Equal(2, actor.Looks.Count);
    }

    [Fact]
    public async Task Follow_WokenBeforeTheDeadline_LooksAtOnceAndForgetsTheTimer()
    {
        using ScriptedActor actor = new(look => look == 1 ? new Outlook { Deadline = Start.AddSeconds(90) } : new Outlook { Deadline = Start.AddHours(1) });
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(10));

        await actor.WakeAsync();
        await actor.Host.RunUntilIdleAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromMinutes(10));

        Assert.Equal([0, 10], actor.Seconds());
    }

    [Fact]
    public async Task Follow_WokenManyTimesAtOnce_LooksTwiceMoreAtTheMost()
    {
        using ScriptedActor actor = new(_ => new Outlook());
        await actor.RunAsync();

        for (int wake = 0; wake < 20; wake++)
        {
            await actor.WakeAsync();
        }

        await ReplayTests.DeliverAllAsync(actor.Host);
        await actor.Host.RunUntilIdleAsync();

        // Once for the first, and once since the others came after that look had begun.
        Assert.Equal(3, actor.Looks.Count);
    }

    // The event comes after the activity has read the document, and before its result is there.
    [Theory]
    [InlineData(ActorOrchestration.Advance)]
    [InlineData(ActorOrchestration.CarryOut)]
    public async Task Follow_WokenDuringAnActivity_LooksOnceMore(string during)
    {
        using ScriptedActor actor = new(look => look == 1 ? ScriptedActor.Due(new DueEffect(1)) : new Outlook());
        await actor.StartAsync();
        while (!actor.Host.Steps().Any(step => step is DurableStep.RunActivity { Task.Name: { } name } && string.Equals(name, during, StringComparison.Ordinal)))
        {
            await actor.Host.TakeAsync(actor.Host.Steps()[0]);
        }

        await actor.WakeAsync();
        await ReplayTests.DeliverAllAsync(actor.Host);
        await actor.Host.RunUntilIdleAsync();
        int looks = actor.Looks.Count;
        await actor.WakeAsync();
        await actor.Host.RunUntilIdleAsync();

        // A wake during an effect needs no look of its own: the effect's end brings one. No wake that follows is lost.
        Assert.Equal(2, looks);
        Assert.Equal(3, actor.Looks.Count);
    }

    [Fact]
    public async Task Follow_WokenWhileItLooksForNothing_LooksAgain()
    {
        using ScriptedActor actor = new(_ => new Outlook());
        await actor.StartAsync();
        await actor.Host.TakeAsync(actor.Host.Steps()[0]);

        await actor.WakeAsync();
        await ReplayTests.DeliverAllAsync(actor.Host);
        await actor.Host.RunUntilIdleAsync();

        Assert.Equal(2, actor.Looks.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Follow_Failures_PauseEverLongerAndStandInTheStatus(bool looksFail)
    {
        bool broken = true;
        void Fail()
        {
            if (broken)
            {
                throw new IOException("the disk of silo-7 is full");
            }
        }

        using ScriptedActor actor = new(
            _ =>
            {
                if (looksFail)
                {
                    Fail();
                }

                return broken ? ScriptedActor.Due(new DueEffect(1)) : new Outlook();
            },
            _ => Fail());
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(1_200));

        Assert.Equal([0, 5, 15, 35, 75, 155, 315, 615, 915], actor.Seconds());
        Assert.Equal("{\"Failures\":9,\"Error\":\"System.IO.IOException\"}", actor.Instance.CustomStatus);
        broken = false;
        await actor.Host.RunToEndAsync();

        Assert.Equal(1_215, actor.Seconds().Last());
        Assert.Null(actor.Instance.CustomStatus);
        Assert.DoesNotContain(actor.Histories, history => history.Events.OfType<TimerCreated>().Any(timer => timer.FireAt > Start.UtcDateTime.AddSeconds(1_215)));
    }

    [Fact]
    public async Task Follow_FailuresAfterARecovery_BeginWithAShortPause()
    {
        using ScriptedActor actor = new(
            look => look == 3 ? new Outlook { Deadline = Start.AddMinutes(1) } : ScriptedActor.Due(new DueEffect(look)),
            call => throw new IOException($"{call.Effect}"));
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(66));

        Assert.Equal([0, 5, 15, 60, 65], actor.Seconds().Take(5));
    }

    [Fact]
    public async Task Follow_WokenDuringAPause_WaitsForItsEnd()
    {
        using ScriptedActor actor = new(look => look == 1 ? ScriptedActor.Due(new DueEffect(1)) : ScriptedActor.Over(), _ => throw new IOException("no"));
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(2));

        await actor.WakeAsync();
        await actor.Host.RunUntilIdleAsync();
        Assert.Single(actor.Looks);
        await actor.Host.RunToEndAsync();

        Assert.Equal([0, 5], actor.Seconds());
    }

    [Fact]
    public async Task Follow_OneOfSeveralEffectsFails_TheOthersAreCarriedOut()
    {
        HashSet<long> done = [];
        using ScriptedActor actor = new(
            look => done.Count == 3 ? ScriptedActor.Over() : ScriptedActor.Due([.. new long[] { 1, 2, 3 }.Except(done).Select(id => new DueEffect(id))]),
            call =>
            {
                if (call.Effect == 1 && done.Count < 2)
                {
                    throw new IOException("not yet");
                }

                done.Add(call.Effect);
            });

        await actor.StartAsync();
        await actor.Host.RunToEndAsync();

        Assert.Equal(["look", "effect 1", "effect 2", "effect 3", "look", "effect 1", "look"], actor.Calls);
        Assert.Null(actor.Instance.CustomStatus);
    }

    [Fact]
    public async Task Follow_NextChapter_BeginsANewHistoryBeforeAnythingElse()
    {
        using ScriptedActor actor = new(look => look switch
        {
            1 => ScriptedActor.Due(new DueEffect(1)),
            2 or 3 => ScriptedActor.Due(new DueEffect(2)) with { Chapter = 4 },
            _ => ScriptedActor.Over(),
        });

        await actor.RunAsync();

        Assert.Equal(["look", "effect 1", "look", "look", "effect 2", "look"], actor.Calls);
        Assert.Equal("{\"Kind\":0,\"Job\":\"run-1\",\"Chapter\":4,\"Effect\":0,\"Part\":null}", Assert.IsType<ContinuedAnew>(Assert.Single(actor.Instance.Past).Events[^1]).Input);
    }

    [Fact]
    public async Task Follow_AHundredLooks_BeginANewHistory()
    {
        using ScriptedActor actor = new(look => look == 250 ? ScriptedActor.Over() : new Outlook { Deadline = Start.AddSeconds(look) });

        await actor.StartAsync();
        await actor.Host.RunToEndAsync();

        Assert.Equal(250, actor.Looks.Count);
        Assert.Equal([100, 100, 50], actor.Histories.Select(history => history.Events.Count(item => item is TaskScheduled)));
    }

    // The wake comes in the very episode that ends the history: whatever it was for is seen, since a new history begins with a look.
    [Fact]
    public async Task Follow_WokenAsAHistoryEnds_LooksInTheNextOne()
    {
        using ScriptedActor actor = new(_ => new Outlook { Chapter = 1 });
        await actor.StartAsync();
        await actor.Host.TakeAsync(actor.Host.Steps()[0]);
        await actor.Host.TakeAsync(actor.Host.Steps().OfType<DurableStep.RunActivity>().Single());
        await actor.WakeAsync();
        await actor.WakeAsync();
        await ReplayTests.DeliverAllAsync(actor.Host);

        await actor.Host.TakeAsync(actor.Host.Steps().OfType<DurableStep.RunEpisode>().Single());
        await actor.Host.RunUntilIdleAsync();

        Assert.Single(actor.Instance.Past);
        Assert.True(actor.Looks.Count >= 2);
        Assert.Contains(actor.Instance.History.Events, item => item is EventRaised);
    }

    [Fact]
    public async Task Follow_NoInput_FailsForGood()
    {
        using ScriptedActor actor = new(_ => ScriptedActor.Over());
        await actor.Host.Client.ScheduleNewOrchestrationInstanceAsync(ActorOrchestration.Name, input: null, new StartOrchestrationOptions(ScriptedActor.Actor.Instance));

        await actor.Host.RunToEndAsync();

        Assert.Equal((OrchestrationRuntimeStatus.Failed, "the orchestration has no input"), (actor.Instance.Status, actor.Instance.Failure?.ErrorMessage));
    }

    [Fact]
    public async Task History_OfTheLargestOutlook_HoldsLittle()
    {
        DueEffect[] all = [.. Enumerable.Range(0, MostDue).Select(id => new DueEffect(999_999_999 + id, Parts: 0))];
        using ScriptedActor actor = new(look => look == 1 ? ScriptedActor.Due(all) with { Chapter = 0, Deadline = Start } : ScriptedActor.Over());

        await actor.RunAsync();

        Assert.All(actor.Histories.SelectMany(Payloads), payload => Assert.InRange(Encoding.UTF8.GetByteCount(payload), 0, MostBytes));
        Assert.Equal(MostDue + 2, actor.Calls.Count);
    }

    [Fact]
    public async Task Replay_EveryPrefixOfEveryHistory_Agrees()
    {
        using ScriptedActor actor = await ActorStory.RunAsync();
        int prefixes = 0;

        foreach (DurableHistory history in actor.Histories)
        {
            foreach (int end in Enumerable.Range(1, history.Events.Length).Where(end => end == history.Events.Length || history.Events[end] is OrchestratorStarted))
            {
                actor.Host.Verify(new DurableHistory(history.Events[..end]));
                prefixes++;
            }
        }

        Assert.True(prefixes > 20, $"{prefixes} prefixes");
        Assert.All(actor.Histories.SelectMany(Payloads), payload => Assert.InRange(Encoding.UTF8.GetByteCount(payload), 0, MostBytes));
    }

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(0, 24)];

    // Events twice and late, activities that die before their result is kept, timers that fire twice: every effect is carried out, and none before the one that it rests on.
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Drive_Faults_EveryEffectIsCarriedOutInItsOrder(int seed)
    {
        SortedSet<long> done = [];
        const int Effects = 12;
        using ScriptedActor actor = new(
            _ => done.Count == Effects ? ScriptedActor.Over() : ScriptedActor.Due(new DueEffect(done.Count + 1, done.Count % 3)) with { Chapter = done.Count / 4 },
            call =>
            {
                if (call.Part is null)
                {
                    done.Add(call.Effect);
                }
            });
        await actor.StartAsync();
        for (int wake = 0; wake < 6; wake++)
        {
            await actor.WakeAsync();
        }

        await actor.Host.DriveAsync(new DurableFaults(seed) { Crash = 0.2, Duplicate = 0.2, Late = 0.2 });

        Assert.Equal(OrchestrationRuntimeStatus.Completed, actor.Instance.Status);
        Assert.Equal(Enumerable.Range(1, Effects).Select(effect => (long)effect), FirstTimes(actor.Calls));
        Assert.All(actor.Histories, actor.Host.Verify);
    }

    // As many as one look may name; the coordinator's tests hold it to that.
    private const int MostDue = 256;

    private static async Task<int> MostActivitiesAsync(ScriptedActor actor)
    {
        int most = 0;
        await actor.StartAsync();
        while (actor.Host.Steps() is [var next, ..] steps)
        {
            most = Math.Max(most, steps.OfType<DurableStep.RunActivity>().Count());
            await actor.Host.TakeAsync(next);
        }

        Assert.Equal(OrchestrationRuntimeStatus.Completed, actor.Instance.Status);
        return most;
    }

    private static IEnumerable<long> FirstTimes(IEnumerable<string> calls) =>
        calls.Where(call => call.StartsWith("effect ", StringComparison.Ordinal)).Select(call => long.Parse(call["effect ".Length..])).Distinct();

    private static IEnumerable<string> Payloads(DurableHistory history) => history.Events.Select(item => item switch
    {
        ExecutionStarted started => started.Input,
        TaskScheduled scheduled => scheduled.Input,
        TaskCompleted completed => completed.Result,
        EventRaised raised => raised.Input,
        ContinuedAnew anew => anew.Input,
        ExecutionCompleted completed => completed.Result,
        _ => null,
    }).OfType<string>();
}
