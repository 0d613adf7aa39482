// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Orchestrator code that a newer release might have.</summary>
public delegate Task<int> OrchestratorChange(TaskOrchestrationContext context);
