// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.DurableTask.Client;

/// <summary>How an orchestration is purged.</summary>
public record PurgeInstanceOptions(bool Recursive = false);
