// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask;

/// <summary>Says whether a failed task runs again.</summary>
public delegate bool RetryHandler(RetryContext retryContext);
