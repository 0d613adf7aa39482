// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>A data set as the administrator's policy describes it.</summary>
public sealed record LedgerDataSet
{
    /// <summary>Its stable random identifier.</summary>
    public required string Uid { get; init; }

    /// <summary>The group of data sets that share a budget; null for none.</summary>
    public string? BudgetGroup { get; init; }

    /// <summary>The training file.</summary>
    public required string TrainFile { get; init; }

    /// <summary>Ledgers whose records it may share without sharing their budget: the administrator's signed override.</summary>
    public ImmutableArray<string> AllowedOverlaps { get; init; } = [];

    /// <summary>The name of its ledger.</summary>
    public string LedgerName => BudgetGroup ?? Uid;
}
