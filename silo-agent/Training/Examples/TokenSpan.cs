// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Examples;

/// <summary>Tokens of an example that lie side by side.</summary>
/// <param name="Start">The first.</param>
/// <param name="End">One more than the last.</param>
public readonly record struct TokenSpan(int Start, int End);
