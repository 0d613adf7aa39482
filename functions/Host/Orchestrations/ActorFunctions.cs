// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Orchestrations;

/// <summary>The orchestrator and its activities as functions.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="orchestrations">Hears of the client.</param>
public sealed class ActorFunctions(SharedCoordinator coordinator, DurableOrchestrations orchestrations)
{
    /// <summary>Follows an actor.</summary>
    [Function(ActorOrchestration.Name)]
    public static Task FollowAsync([OrchestrationTrigger] TaskOrchestrationContext context) => ActorOrchestration.RunAsync(context);

    /// <summary>Looks at an actor.</summary>
    [Function(ActorOrchestration.Advance)]
    public Task<Outlook> AdvanceAsync([ActivityTrigger] ActorCall call, [DurableClient] DurableTaskClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(call);
        orchestrations.Use(client);
        return coordinator.AdvanceAsync(call.ToActor(), cancellation);
    }

    /// <summary>Carries out an effect, or a part of one.</summary>
    [Function(ActorOrchestration.CarryOut)]
    public Task CarryOutAsync([ActivityTrigger] ActorCall call, [DurableClient] DurableTaskClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(call);
        orchestrations.Use(client);
        return call.Part is { } part
            ? coordinator.CarryOutPartAsync(call.ToActor(), call.Effect, part, cancellation)
            : coordinator.CarryOutAsync(call.ToActor(), call.Effect, cancellation);
    }
}
