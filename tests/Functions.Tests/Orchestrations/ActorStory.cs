// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Functions.Tests.Durable;

namespace FedCloud.Functions.Tests.Orchestrations;

/// <summary>One story that takes the orchestrator through everything it can do. Always the same: what it leaves behind is what releases are held to.</summary>
internal static class ActorStory
{
    private const int FailingEffect = 6;

    /// <summary>Effects, parts of them, several at a time, a deadline, a wake before and during it, failures and the recovery, another chapter, the end.</summary>
    public static async Task<ScriptedActor> RunAsync()
    {
        DateTimeOffset start = new DurableTestOptions().Start;
        int failures = 0;
        ScriptedActor actor = new(
            look => look switch
            {
                1 => ScriptedActor.Due(new DueEffect(1)),
                2 => ScriptedActor.Due(new DueEffect(2, Parts: 3)),
                3 => ScriptedActor.Due(new DueEffect(3), new DueEffect(4), new DueEffect(5)),
                4 => new Outlook { Deadline = start.AddSeconds(30) },
                5 => new Outlook { Deadline = start.AddMinutes(10) },
                6 or 7 or 8 => ScriptedActor.Due(new DueEffect(FailingEffect)),
                9 => new Outlook(),
                10 or 11 => ScriptedActor.Due(new DueEffect(7)) with { Chapter = 1 },
                12 => ScriptedActor.Due(new DueEffect(8)) with { Chapter = 1 },
                13 or 14 => new Outlook { Chapter = 2, Deadline = start.AddHours(1) },
                _ => ScriptedActor.Over(),
            },
            call =>
            {
                if (call.Effect == FailingEffect && ++failures < 3)
                {
                    throw new IOException("a document that is not there yet");
                }
            });
        await actor.RunAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(60)); // the first deadline
        await actor.WakeAsync(); // before the second
        await actor.Host.RunUntilIdleAsync();
        await actor.Host.AdvanceAsync(TimeSpan.FromSeconds(60)); // both pauses
        await actor.WakeAsync();
        await actor.WakeAsync();
        await actor.Host.RunToEndAsync();
        return actor;
    }
}
