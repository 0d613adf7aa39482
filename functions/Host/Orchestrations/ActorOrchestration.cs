// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using Microsoft.DurableTask;

namespace FedCloud.Functions.Orchestrations;

/// <summary>Follows one actor: asks what is next, has it carried out, sleeps. It decides nothing, so a change of the protocol never breaks a replay.</summary>
/// <remarks>
/// The history holds names and numbers only, and begins anew with each chapter of the actor's story. Waking is an event without
/// meaning: what there is to do stands in the actor's document. One wait is open at a time and never given up, since a wait that
/// is given up may take an event with it (durabletask-dotnet, issue 508). An effect that fails is tried again for as long as the
/// actor lives, ever more slowly; the status says how often it failed.
/// </remarks>
public static class ActorOrchestration
{
    /// <summary>The orchestrator's name.</summary>
    public const string Name = "FollowActor";

    /// <summary>The version of what it does, which is <c>defaultVersion</c> in host.json: new orchestrations begin with it, and each release replays the histories of those before.</summary>
    public const string Version = "1.0.0";

    /// <summary>The activity that looks at an actor.</summary>
    public const string Advance = "Advance";

    /// <summary>The activity that carries out an effect, or a part of one.</summary>
    public const string CarryOut = "CarryOut";

    /// <summary>The event that wakes.</summary>
    public const string Wake = "wake";

    /// <summary>After so many looks the history begins anew, whatever the chapter.</summary>
    private const int MostLooks = 100;

    // Activities of one fan-out: a scheduler takes thousands, a worker a few at a time.
    private const int MostAtOnce = 64;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>Follows the actor that the input names.</summary>
    public static async Task RunAsync(TaskOrchestrationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        ActorCall call = context.GetInput<ActorCall>() ?? throw new InvalidOperationException("the orchestration has no input");
        Task<string> woken = context.WaitForExternalEvent<string>(Wake);
        int failures = 0;
        for (int looks = 1; ; looks++)
        {
            while (woken.IsCompleted)
            {
                woken = context.WaitForExternalEvent<string>(Wake);
            }

            DateTime? until;
            try
            {
                Outlook outlook = await context.CallActivityAsync<Outlook>(Advance, call);
                if (outlook.IsOver)
                {
                    Recovered(context, failures);
                    return;
                }

                if (outlook.Chapter != call.Chapter || looks >= MostLooks)
                {
                    Recovered(context, failures);
                    context.ContinueAsNew(call with { Chapter = outlook.Chapter });
                    return;
                }

                bool isDue = !outlook.Due.IsEmpty;
                await CarryOutAsync(context, call, outlook);
                failures = Recovered(context, failures);
                if (isDue)
                {
                    continue;
                }

                until = outlook.Deadline?.UtcDateTime;
            }
            catch (TaskFailedException error)
            {
                failures++;
                context.SetCustomStatus(new ActorStatus(failures, error.FailureDetails.ErrorType));
                TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(failures - 1, 10));
                until = context.CurrentUtcDateTime + (pause < LongestPause ? pause : LongestPause);
            }

            await SleepAsync(context, woken, until, isPause: failures > 0);
        }
    }

    private static async Task CarryOutAsync(TaskOrchestrationContext context, ActorCall call, Outlook outlook)
    {
        foreach (DueEffect due in outlook.Due)
        {
            foreach (int[] some in Enumerable.Range(0, due.Parts).Chunk(MostAtOnce))
            {
                await Task.WhenAll(some.Select(part => context.CallActivityAsync(CarryOut, call with { Effect = due.Id, Part = part })));
            }
        }

        foreach (DueEffect[] some in outlook.Due.Chunk(MostAtOnce))
        {
            await Task.WhenAll(some.Select(due => context.CallActivityAsync(CarryOut, call with { Effect = due.Id })));
        }
    }

    // After a failure a wake does not shorten the pause: what is broken would be asked with every message.
    private static async Task SleepAsync(TaskOrchestrationContext context, Task<string> woken, DateTime? until, bool isPause)
    {
        if (until is not { } at)
        {
            await woken;
            return;
        }

        using CancellationTokenSource timer = new();
        Task elapsed = context.CreateTimer(at, timer.Token);
        if (isPause)
        {
            await elapsed;
        }
        else if (await Task.WhenAny(woken, elapsed) == woken)
        {
            // The asynchronous form would wait for something that is not durable.
#pragma warning disable CA1849, S6966, VSTHRD103, MA0042, MA0045
            timer.Cancel();
#pragma warning restore CA1849, S6966, VSTHRD103, MA0042, MA0045
        }
    }

    private static int Recovered(TaskOrchestrationContext context, int failures)
    {
        if (failures > 0)
        {
            context.SetCustomStatus(null);
        }

        return 0;
    }
}

/// <summary>What the status of an orchestration says while its actor's effects fail.</summary>
/// <param name="Failures">How often in a row.</param>
/// <param name="Error">The type of the last error; what it says is in the host's logs.</param>
public sealed record ActorStatus(int Failures, string Error);
