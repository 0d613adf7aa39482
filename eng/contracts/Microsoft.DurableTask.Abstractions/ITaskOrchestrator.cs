// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>An orchestrator without its types.</summary>
public interface ITaskOrchestrator
{
    Type InputType { get; }
    Type OutputType { get; }

    Task<object?> RunAsync(TaskOrchestrationContext context, object? input);
}
