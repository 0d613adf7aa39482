// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>A framework that a report gives evidence for.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Articles">Its articles.</param>
internal sealed record Framework(string Name, string Title, ImmutableArray<FrameworkArticle> Articles);
