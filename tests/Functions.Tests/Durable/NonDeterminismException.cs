// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>The code does something else than its history says it did.</summary>
public sealed class NonDeterminismException(string history, string code)
    : Exception($"replay differs: the history has {history}, the code has {code}")
{
    public string InHistory { get; } = history;

    public string InCode { get; } = code;
}
