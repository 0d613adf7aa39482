// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Reports.Evaluation;

/// <summary>What silos disclosed of one model: each measured it on its own evaluation examples before the round that starts from it, or after the last round.</summary>
/// <remarks>A message names the round, and the log the model that the round started from; after the last round that is the newest result's.</remarks>
internal sealed record ModelEvaluation
{
    // The silos' own figures have as many.
    private const int Digits = 6;

    /// <summary>The model.</summary>
    public required Sha256Digest Model { get; init; }

    /// <summary>The round that starts from it; one above the last round for the last model.</summary>
    public required int Round { get; init; }

    /// <summary>The entries that name the model and the members.</summary>
    public required ImmutableArray<Citation> Cited { get; init; }

    /// <summary>The losses, each a silo's mean, natural log per token.</summary>
    public required ImmutableSortedDictionary<SiloId, decimal> Losses { get; init; }

    /// <summary>How many members answered that they disclose none.</summary>
    public required int Silent { get; init; }

    /// <summary>How many members signed two different figures, of which none counts.</summary>
    public required int Contradictory { get; init; }

    /// <summary>The members of the federation at that time; null where no roster could be read.</summary>
    public required int? Members { get; init; }

    /// <summary>Every silo weighs the same: how many examples each has stays with it.</summary>
    public decimal Mean => Math.Round(Losses.Values.Sum() / Losses.Count, Digits, MidpointRounding.ToEven);

    /// <summary>The highest loss.</summary>
    public decimal Worst => Losses.Values.Max();

    /// <summary>The models of a run that silos disclosed something of, in the order of its rounds.</summary>
    public static ImmutableArray<ModelEvaluation> Of(RunEvidence evidence, RunStory run)
    {
        ILookup<int, DisclosedFigures> figures = evidence.Verification.Figures.Where(figures => figures.Job == evidence.Job).ToLookup(figures => figures.Round);
        List<ModelEvaluation> models = [.. run.Rounds.GroupBy(round => round.Round).Select(attempts => Read(attempts.Last(), figures[attempts.Key]))];
        if (run.Rounds is [.., var last] && run.Results.LastOrDefault() is { Result: { } result } newest)
        {
            models.Add(Read(newest, figures[last.Round + 1]) with { Model = result.Subject("new_model"), Round = last.Round + 1, Cited = CitedIn(newest, result) });
        }

        return [.. models.Where(model => !model.Losses.IsEmpty || model.Silent + model.Contradictory > 0)];
    }

    private static ModelEvaluation Read(RoundAttempt round, IEnumerable<DisclosedFigures> figures)
    {
        ILookup<SiloId, decimal?> bySilo = figures.ToLookup(figures => figures.Silo, figures => figures.EvalLoss);
        return new ModelEvaluation
        {
            Model = round.Start.Subject("model"),
            Round = round.Round,
            Cited = CitedIn(round, round.Start),
            Losses = bySilo.Where(silo => silo.Count() == 1 && silo.First() is not null).ToImmutableSortedDictionary(silo => silo.Key, silo => silo.First() ?? 0),
            Silent = bySilo.Count(silo => silo.Count() == 1 && silo.First() is null),
            Contradictory = bySilo.Count(silo => silo.Count() > 1),
            Members = round.Roster?.Roster.N,
        };
    }

    private static ImmutableArray<Citation> CitedIn(RoundAttempt round, LoggedRecord model) => [model.Cite, .. round.Roster is { } roster ? [roster.Logged.Cite] : Array.Empty<Citation>()];
}
