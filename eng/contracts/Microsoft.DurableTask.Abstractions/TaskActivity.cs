// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>An activity as a class.</summary>
public abstract class TaskActivity<TInput, TOutput> : ITaskActivity
{
    Type ITaskActivity.InputType => typeof(TInput);
    Type ITaskActivity.OutputType => typeof(TOutput);

    async Task<object?> ITaskActivity.RunAsync(TaskActivityContext context, object? input)
    {
        ArgumentNullException.ThrowIfNull(context);
        return input is null or TInput
            ? await RunAsync(context, input is null ? default! : (TInput)input)
            : throw new ArgumentException($"Input type '{input.GetType()}' does not match expected type '{typeof(TInput)}'.", nameof(input));
    }

    public abstract Task<TOutput> RunAsync(TaskActivityContext context, TInput input);
}
