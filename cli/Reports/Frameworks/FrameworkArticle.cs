// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>An article, section or part of a framework.</summary>
/// <param name="Key">Its stable name.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Rows">Its fields.</param>
internal sealed record FrameworkArticle(string Key, string Title, ImmutableArray<FrameworkRow> Rows)
{
    /// <summary>The article with what the evidence gives.</summary>
    public ReportGroup Of(ReportContext report) => new(Key, Title, [.. Rows.Select(row => row.Of(report))]);
}
