// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Orchestrator code left its thread, or waits for something that no history can bring back.</summary>
public sealed class IllegalAwaitException(string message) : Exception(message);
