// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Reports.Document;

/// <summary>The record of one attempt at a round.</summary>
/// <param name="Round">The round's number.</param>
/// <param name="Attempt">Which attempt at it, from 1.</param>
/// <param name="Rid">The attempt's identity.</param>
/// <param name="Story">What happened, in plain words.</param>
/// <param name="Entries">The entries that say so.</param>
/// <param name="Figures">What the charts show.</param>
/// <param name="Groups">The record.</param>
internal sealed record RoundPage(int Round, int Attempt, string Rid, ImmutableArray<string> Story, ImmutableArray<Citation> Entries, RoundFigures Figures, ImmutableArray<ReportGroup> Groups);

/// <summary>A round in numbers for the charts.</summary>
/// <param name="Counted">Updates that count; null where the log has no list.</param>
/// <param name="Members">Members of the roster.</param>
/// <param name="Seconds">From start to end; null where the log has no end.</param>
/// <param name="HasResult">Whether it has a result.</param>
/// <param name="Loss">The mean evaluation loss of the model that it made, over at least two silos; null where there is none.</param>
/// <param name="WorstLoss">The highest of these losses.</param>
internal sealed record RoundFigures(long? Counted, int Members, long? Seconds, bool HasResult, decimal? Loss, decimal? WorstLoss);
