// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Document;

/// <summary>Something that the report does not show, or that the product cannot do.</summary>
/// <param name="Title">What it is about.</param>
/// <param name="Text">What it is.</param>
internal sealed record ReportLimit(string Title, string Text);
