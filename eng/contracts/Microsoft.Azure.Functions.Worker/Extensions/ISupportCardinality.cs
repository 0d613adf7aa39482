// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

/// <summary>A trigger of one item or many; from Worker.Extensions.Abstractions.</summary>
public interface ISupportCardinality
{
    Cardinality Cardinality { get; set; }
}
