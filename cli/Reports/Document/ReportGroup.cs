// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Reports.Document;

/// <summary>Fields under one heading: an article, or a group of a round's record.</summary>
/// <param name="Key">Its stable name.</param>
/// <param name="Title">The heading.</param>
/// <param name="Fields">The fields, in order.</param>
internal sealed record ReportGroup(string Key, string Title, ImmutableArray<ReportField> Fields);
