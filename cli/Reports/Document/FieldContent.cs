// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Reports.Document;

/// <summary>What a field of a report holds: values, or why there are none.</summary>
/// <param name="Values">The values; empty for a field that is not available.</param>
/// <param name="Missing">Why there are none; null where there are.</param>
internal sealed record FieldContent(ImmutableArray<ReportValue> Values, string? Missing)
{
    /// <summary>What is printed in place of a value without evidence.</summary>
    public const string NotAvailable = "not available";

    /// <summary>No value, and why.</summary>
    public static FieldContent None(string why) => new([], why);

    /// <summary>Values.</summary>
    public static FieldContent Of(params IEnumerable<ReportValue> values) => new([.. values], null);

    /// <summary>These values, or why there are none.</summary>
    public static FieldContent OrNone(IEnumerable<ReportValue> values, string why)
    {
        ImmutableArray<ReportValue> all = [.. values];
        return all.IsEmpty ? None(why) : new(all, null);
    }

    /// <summary>The values of both; not available only where neither has any.</summary>
    public FieldContent And(FieldContent other) => (Values.IsEmpty, other.Values.IsEmpty) switch
    {
        (true, true) => this,
        (true, false) => other,
        _ => new([.. Values, .. other.Values], null),
    };
}
