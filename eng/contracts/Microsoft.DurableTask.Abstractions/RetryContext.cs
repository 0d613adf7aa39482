// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>What a retry handler is told.</summary>
public record RetryContext(TaskOrchestrationContext OrchestrationContext, int LastAttemptNumber, TaskFailureDetails LastFailure, TimeSpan TotalRetryTime, CancellationToken CancellationToken);
