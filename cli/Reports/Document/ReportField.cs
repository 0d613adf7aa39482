// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Document;

/// <summary>A field of a report. It is always there, also when nothing proves a value.</summary>
/// <param name="Key">Its stable name.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Content">What it holds.</param>
internal sealed record ReportField(string Key, string Title, FieldContent Content);
