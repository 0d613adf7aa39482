// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask.Client;

/// <summary>Which orchestrations are purged.</summary>
public record PurgeInstancesFilter(DateTimeOffset? CreatedFrom = null, DateTimeOffset? CreatedTo = null, IEnumerable<OrchestrationRuntimeStatus>? Statuses = null)
{
    public TimeSpan? Timeout { get; init; }
}
