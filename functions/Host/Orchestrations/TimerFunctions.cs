// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Orchestrations;

/// <summary>What happens by the clock.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="orchestrations">Hears of the client.</param>
public sealed class TimerFunctions(SharedCoordinator coordinator, DurableOrchestrations orchestrations)
{
    /// <summary>Every minute, and at the start: wakes whom a lost wake left asleep, and starts what does not run.</summary>
    [Function("Watch")]
    public Task WatchAsync([TimerTrigger("0 * * * * *", RunOnStartup = true)] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellation)
    {
        orchestrations.Use(client);
        return coordinator.WatchAsync(cancellation);
    }

    /// <summary>Every night: deletes what has outlived the audit window.</summary>
    [Function("Sweep")]
    public Task SweepAsync([TimerTrigger("0 17 2 * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellation)
    {
        orchestrations.Use(client);
        return coordinator.SweepAsync(cancellation);
    }
}
