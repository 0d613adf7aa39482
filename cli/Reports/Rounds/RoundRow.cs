// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>A field of a round's record.</summary>
/// <param name="Group">The group's key.</param>
/// <param name="Key">The field's key.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Source">Where it comes from.</param>
internal sealed record RoundRow(string Group, string Key, string Title, Func<ReportContext, RoundAttempt, FieldContent> Source);
