// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Audit;

/// <summary>Which entries <c>fedcloud audit show</c> shows.</summary>
internal sealed record EntryFilter
{
    public string? Type { get; init; }

    /// <summary>A kind, or an id.</summary>
    public string? Actor { get; init; }

    public string? Job { get; init; }

    public int? Round { get; init; }

    /// <summary>An index or a time; the first that is shown.</summary>
    public string? From { get; init; }

    /// <summary>An index or a time; the last that is shown.</summary>
    public string? To { get; init; }

    public bool Takes(long index, LogEntry entry) =>
        Fits(Type, entry.Type)
        && (Fits(Actor, entry.Actor.Id) || Fits(Actor, entry.Actor.Kind))
        && Fits(Job, entry.Job?.Value)
        && (Round is null || Round == entry.Round)
        && (From is null || Compare(From, index, entry) >= 0)
        && (To is null || Compare(To, index, entry) <= 0);

    private static bool Fits(string? wanted, string? found) => wanted is null || string.Equals(wanted, found, StringComparison.Ordinal);

    private static int Compare(string bound, long index, LogEntry entry)
    {
        if (long.TryParse(bound, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return index.CompareTo(number);
        }

        return LogEntry.ParseTime(bound) is { } time
            ? entry.Instant.CompareTo(time)
            : throw new FedCloudException(ErrorCodes.RequestMalformed, "expected an index or a time as 2026-01-31T12:00:00Z, found another text", "write --from and --to so");
    }
}
