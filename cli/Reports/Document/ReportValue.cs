// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;

namespace FedCloud.Cli.Reports.Document;

/// <summary>One value of a report with its unit and what proves it.</summary>
/// <param name="Text">The value; reals as decimal strings.</param>
/// <param name="Source">Where it comes from.</param>
internal sealed record ReportValue(string Text, ValueSource Source)
{
    private const long MaxInteger = (1L << 53) - 1;

    /// <summary>The value where it is an integer.</summary>
    public long? Number { get; init; }

    /// <summary>The unit; null where there is none.</summary>
    public string? Unit { get; init; }

    /// <summary>The entries that prove it.</summary>
    public ImmutableArray<Citation> Evidence { get; init; } = [];

    /// <summary>What a reader must know beside it; null for nothing.</summary>
    public string? Note { get; init; }

    /// <summary>Claim, unit and adversary, where it is a number about privacy.</summary>
    public PrivacyScope? Scope { get; init; }

    /// <summary>The role of the person whose words it is.</summary>
    public string? AuthorRole { get; init; }

    /// <summary>An integer; one that canonical JSON does not hold stays a text.</summary>
    public static ReportValue Of(long number, ValueSource source, string? unit = null) =>
        new(number.ToString(CultureInfo.InvariantCulture), source) { Number = number is >= -MaxInteger and <= MaxInteger ? number : null, Unit = unit };

    /// <summary>The same value with the entries that prove it.</summary>
    public ReportValue Proved(params IEnumerable<Citation> evidence) => this with { Evidence = [.. evidence.DistinctBy(citation => citation.Index).OrderBy(citation => citation.Index)] };
}
