// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>An activity without its types.</summary>
public interface ITaskActivity
{
    Type InputType { get; }
    Type OutputType { get; }

    Task<object?> RunAsync(TaskActivityContext context, object? input);
}
