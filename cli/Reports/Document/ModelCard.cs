// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Reports.Document;

/// <summary>What the evidence says about one version of the model.</summary>
/// <param name="Key">What its files are named by: <c>v</c> and the version, or <c>round-</c> and the round where the log names no version.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Groups">The fields.</param>
/// <param name="Limits">What it does not show.</param>
internal sealed record ModelCard(string Key, string Title, ImmutableArray<ReportGroup> Groups, ImmutableArray<ReportLimit> Limits);
