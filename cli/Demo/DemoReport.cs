// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Demo;

/// <summary>What <c>fedcloud demo --json</c> prints.</summary>
internal sealed record DemoReport
{
    /// <summary>The run.</summary>
    public required string Run { get; init; }

    /// <summary>The rounds.</summary>
    public required IReadOnlyList<DemoRound> Rounds { get; init; }

    /// <summary>The mean of the silos' evaluation losses on the base model; absent when nobody discloses it.</summary>
    public double? EvalLossBase { get; init; }

    /// <summary>The same on the final model.</summary>
    public double? EvalLossFinal { get; init; }

    /// <summary>Each silo.</summary>
    public required IReadOnlyList<DemoSilo> PerSilo { get; init; }

    /// <summary>The federation beside silos that train alone; absent when nobody discloses the loss, or when it was not asked for.</summary>
    public DemoComparison? Comparison { get; init; }

    /// <summary>What the epsilons are: <c>guarantee</c>, or <c>demonstration</c> where the data is public; null without a claim.</summary>
    public string? Epsilon { get; init; }

    /// <summary>What is claimed about privacy, or that nothing is, in one line.</summary>
    public required string Privacy { get; init; }

    /// <summary>The folder with the adapter in PEFT format.</summary>
    public required string AdapterPath { get; init; }

    /// <summary>The SHA-256 of <c>adapter_model.safetensors</c>.</summary>
    public required string AdapterSha256 { get; init; }

    /// <summary>Whether the evidence was verified: the whole log, its checkpoints and its witnesses.</summary>
    public bool AuditVerified { get; init; }

    /// <summary>The root of the log's tree at the newest witnessed checkpoint, in hex.</summary>
    public string? AuditRoot { get; init; }

    /// <summary>The number of entries there.</summary>
    public long AuditEntries { get; init; }

    /// <summary>The sums of secure aggregation that were recomputed from masked vectors, bit for bit.</summary>
    public int AuditSums { get; init; }

    /// <summary>What the verification found wrong; empty when it found nothing.</summary>
    public IReadOnlyList<string> AuditFindings { get; init; } = [];

    /// <summary>The zip with the log, for <c>fedcloud audit verify --bundle</c>.</summary>
    public string? EvidencePath { get; init; }

    /// <summary>Seconds from start to end, set-up included.</summary>
    public required double SecondsTotal { get; init; }
}

/// <summary>One round of the demo.</summary>
internal sealed record DemoRound
{
    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>Seconds from its start to its commit.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seconds from the first trainer's start to the last trainer's exit.</summary>
    public required double TrainingSeconds { get; init; }

    /// <summary>The round less its training.</summary>
    public required double OverheadSeconds { get; init; }

    /// <summary>The mean evaluation loss of the model that it started from.</summary>
    public double? EvalLossBefore { get; init; }

    /// <summary>The mean evaluation loss of the model that it made.</summary>
    public double? EvalLossAfter { get; init; }

    /// <summary>Bytes uploaded by a silo, envelope included.</summary>
    public required long BytesUpPerSilo { get; init; }

    /// <summary>The silos in the mean.</summary>
    public required IReadOnlyList<string> Participants { get; init; }

    /// <summary>The silos that were asked and are not in the mean, with their reasons.</summary>
    public required IReadOnlyDictionary<string, string> Dropped { get; init; }
}

/// <summary>One silo of the demo.</summary>
internal sealed record DemoSilo
{
    /// <summary>The silo.</summary>
    public required string Silo { get; init; }

    /// <summary>Its evaluation loss on the base model.</summary>
    public double? EvalLossBase { get; init; }

    /// <summary>Its evaluation loss with the adapter that it trains alone, in as many steps.</summary>
    public double? EvalLossLocalOnly { get; init; }

    /// <summary>Its evaluation loss on the final model.</summary>
    public double? EvalLossFinal { get; init; }

    /// <summary>Its evaluation loss after steps at home, from the final model on; null where there were none.</summary>
    public double? EvalLossAtHome { get; init; }

    /// <summary>What the run cost the silo's privacy budget; null without a claim.</summary>
    public DemoBudget? Budget { get; init; }

    /// <summary>The loss of the adapter that it trains alone on the evaluation examples of all silos.</summary>
    public double? UnionEvalLossLocalOnly { get; init; }
}

/// <summary>A silo's privacy budget, as its own terminal shows it: the demo plays every administrator.</summary>
/// <param name="RunEpsilon">The run's epsilon at its most rounds, by PLD.</param>
/// <param name="RoundsCharged">Rounds that are charged.</param>
/// <param name="RoundsReserved">The most rounds.</param>
/// <param name="EpsilonSpent">What the ledger counts as spent, by its filter.</param>
/// <param name="EpsilonLeft">What is left of the limit.</param>
/// <param name="EpsilonMax">The limit.</param>
/// <param name="DeltaMax">Its delta.</param>
internal sealed record DemoBudget(decimal? RunEpsilon, long? RoundsCharged, long? RoundsReserved, decimal? EpsilonSpent, decimal? EpsilonLeft, decimal? EpsilonMax, decimal? DeltaMax);

/// <summary>The federation beside silos that train alone.</summary>
internal sealed record DemoComparison
{
    /// <summary>The steps of every silo, alone as in the federation and at home together.</summary>
    public required long Steps { get; init; }

    /// <summary>How many of them are at home.</summary>
    public required int StepsAtHome { get; init; }

    /// <summary>The evaluation examples of all silos together.</summary>
    public required int UnionExamples { get; init; }

    /// <summary>The final model's loss on them.</summary>
    public required double UnionEvalLossFinal { get; init; }

    /// <summary>Whether the final model is better on them than every silo's own.</summary>
    public required bool BeatsEveryLocalOnly { get; init; }

    /// <summary>The silos that would do better alone on their own evaluation examples: than with the federated adapter, or, where there are steps at home, than after them.</summary>
    public required IReadOnlyList<string> BetterAlone { get; init; }
}
