// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>Says whether a failed task runs again, after durable work of its own.</summary>
public delegate Task<bool> AsyncRetryHandler(RetryContext retryContext);
