// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask.Client;

/// <summary>Statuses in which an instance id may not be used again.</summary>
public static class StartOrchestrationOptionsExtensions
{
    public static StartOrchestrationOptions WithDedupeStatuses(this StartOrchestrationOptions options, params OrchestrationRuntimeStatus[] dedupeStatuses) =>
        options with { DedupeStatuses = [.. dedupeStatuses.Select(status => status.ToString())] };
}
