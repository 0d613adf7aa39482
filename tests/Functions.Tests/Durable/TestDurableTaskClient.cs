// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>The client of a <see cref="DurableTestHost"/>. Waiting for an orchestration takes the host's steps.</summary>
public class TestDurableTaskClient(DurableTestHost host) : DurableTaskClient("test")
{
    public override Task<string> ScheduleNewOrchestrationInstanceAsync(TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default)
    {
        if (options?.StartAt is not null)
        {
            throw new NotSupportedException("This backend starts at once.");
        }

        if (options is { InstanceId: { } id, DedupeStatuses: { } dedupe } && host.Find(id) is { } existing && dedupe.Contains(existing.Status.ToString(), StringComparer.OrdinalIgnoreCase))
        {
            throw new InvalidOperationException($"an orchestration with the id {id} is {existing.Status}");
        }

        return Task.FromResult(host.Start(orchestratorName.Name, host.Payloads.Serialize(input), options?.InstanceId, options?.Version?.Version));
    }

    public override Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        host.Send(instanceId, new EventRaised(eventName, host.Payloads.Serialize(eventPayload)));
        return Task.CompletedTask;
    }

    public override async Task<OrchestrationMetadata> WaitForInstanceStartAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        await host.RunUntilIdleAsync();
        return Metadata(host.Instance(instanceId), getInputsAndOutputs);
    }

    public override async Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        await host.RunToEndAsync();
        DurableInstance instance = host.Instance(instanceId);
        return instance.IsFinished ? Metadata(instance, getInputsAndOutputs) : throw new InvalidOperationException($"{instanceId} is {instance.Status} and nothing is left that could end it");
    }

    public override Task TerminateInstanceAsync(string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        host.Send(instanceId, new ExecutionTerminated(host.Payloads.Serialize(options?.Output)));
        return Task.CompletedTask;
    }

    public override Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) => Suspend(instanceId, true);

    public override Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) => Suspend(instanceId, false);

    public override Task<OrchestrationMetadata?> GetInstancesAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        Task.FromResult(host.Find(instanceId) is { } instance ? Metadata(instance, getInputsAndOutputs) : null);

    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null)
    {
        OrchestrationMetadata[] found =
        [
            .. Matching(filter?.CreatedFrom, filter?.CreatedTo, filter?.Statuses)
                .Where(instance => instance.InstanceId.StartsWith(filter?.InstanceIdPrefix ?? string.Empty, StringComparison.Ordinal))
                .Select(instance => Metadata(instance, filter?.FetchInputsAndOutputs ?? false)),
        ];
        return Pageable.Create((_, _) => Task.FromResult(new Page<OrchestrationMetadata>(found)));
    }

    public override Task<PurgeResult> PurgeInstanceAsync(string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        Task.FromResult(new PurgeResult(host.Purge(instanceId) ? 1 : 0));

    public override Task<PurgeResult> PurgeAllInstancesAsync(PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        Task.FromResult(new PurgeResult(Matching(filter.CreatedFrom, filter.CreatedTo, filter.Statuses).ToArray().Count(instance => host.Purge(instance.InstanceId))));

    public override ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private IEnumerable<DurableInstance> Matching(DateTimeOffset? from, DateTimeOffset? to, IEnumerable<OrchestrationRuntimeStatus>? statuses) =>
        host.Instances.Where(instance => !(instance.CreatedAt < from) && !(instance.CreatedAt > to) && (statuses?.Contains(instance.Status) ?? true));

    private Task Suspend(string instanceId, bool isSuspended)
    {
        host.Suspend(instanceId, isSuspended);
        return Task.CompletedTask;
    }

    private OrchestrationMetadata Metadata(DurableInstance instance, bool getInputsAndOutputs) => new(instance.Name, instance.InstanceId)
    {
        RuntimeStatus = instance.Status,
        CreatedAt = instance.CreatedAt,
        LastUpdatedAt = instance.LastUpdatedAt,
        DataConverter = getInputsAndOutputs ? host.Payloads : null,
        SerializedInput = getInputsAndOutputs ? instance.Input : null,
        SerializedOutput = getInputsAndOutputs ? instance.Output : null,
        SerializedCustomStatus = getInputsAndOutputs ? instance.CustomStatus : null,
        FailureDetails = getInputsAndOutputs ? instance.Failure?.ToDetails() : null,
    };
}
