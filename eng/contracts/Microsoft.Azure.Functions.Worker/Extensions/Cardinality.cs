// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

/// <summary>Whether a trigger gives one item or many; from Worker.Extensions.Abstractions.</summary>
public enum Cardinality
{
    Many,
    One,
}
