// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>A field that a framework asks for.</summary>
/// <param name="Key">Its stable name.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Source">Where evidence for it comes from; null where none can.</param>
/// <param name="TextKey">The key of a person's text that may stand in it; null for none.</param>
internal sealed record FrameworkRow(string Key, string Title, Func<ReportContext, FieldContent>? Source, string? TextKey = null)
{
    /// <summary>The field. Evidence comes first, a person's text after it; without either it is not available.</summary>
    public ReportField Of(ReportContext report)
    {
        FieldContent? text = TextKey is null ? null : report.Text(TextKey);
        FieldContent? evidence = Source?.Invoke(report);
        FieldContent content = (evidence, text) switch
        {
            ({ } found, { } said) => found.And(said),
            ({ } found, null) => found,
            (null, { } said) => said,
            _ => throw new InvalidOperationException($"the field {Key} has neither a source nor a text"),
        };
        return new(Key, Title, content);
    }
}
