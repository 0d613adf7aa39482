// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Orchestrations;

/// <summary>Orchestrations of Durable Functions, one an actor.</summary>
public sealed class DurableOrchestrations : IOrchestrations
{
    private DurableTaskClient? _client;

    /// <summary>Says which client there is: the host binds it to each function anew, always to the same task hub.</summary>
    public void Use(DurableTaskClient client) => Volatile.Write(ref _client, client);

    /// <inheritdoc/>
    public async Task WakeAsync(ActorName actor, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(actor);
        DurableTaskClient client = Volatile.Read(ref _client) ?? throw new InvalidOperationException("no function has bound the client of orchestrations");
        if (!await IsThereAsync(client, actor, cancellation))
        {
            try
            {
                await client.ScheduleNewOrchestrationInstanceAsync(ActorOrchestration.Name, ActorCall.Of(actor), new StartOrchestrationOptions(actor.Instance), cancellation);
                return;
            }
            catch (Exception) when (!cancellation.IsCancellationRequested)
            {
                // Another process may have started it just now; each backend has an exception of its own for that.
                if (!await IsThereAsync(client, actor, cancellation))
                {
                    throw;
                }
            }
        }

        await client.RaiseEventAsync(actor.Instance, ActorOrchestration.Wake, actor.Instance, cancellation);
    }

    private static async Task<bool> IsThereAsync(DurableTaskClient client, ActorName actor, CancellationToken cancellation) =>
        await client.GetInstanceAsync(actor.Instance, cancellation) is { RuntimeStatus: OrchestrationRuntimeStatus.Pending or OrchestrationRuntimeStatus.Running or OrchestrationRuntimeStatus.Suspended };
}
