// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Audit;

/// <summary>Which entries <c>fedcloud audit show</c> shows.</summary>
internal sealed record EntryFilter
{
    /// <summary>What an entry must be.</summary>
    public required EntryQuery Query { get; init; }

    /// <summary>An index or a time; the first that is shown.</summary>
    public string? From { get; init; }

    /// <summary>An index or a time; the last that is shown.</summary>
    public string? To { get; init; }

    /// <summary>Refuses what no entry can have: an empty answer would look like one.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public void Require()
    {
        Query.Require();
        foreach (string bound in new[] { From, To }.OfType<string>().Where(bound => !long.TryParse(bound, NumberStyles.None, CultureInfo.InvariantCulture, out _) && LogEntry.ParseTime(bound) is null))
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected an index or a time as 2026-01-31T12:00:00Z, found '{bound}'", "write --from and --to so");
        }
    }

    public bool Takes(long index, LogEntry entry) =>
        Query.Takes(entry)
        && (From is null || Compare(From, index, entry) >= 0)
        && (To is null || Compare(To, index, entry) <= 0);

    private static int Compare(string bound, long index, LogEntry entry)
    {
        if (long.TryParse(bound, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return index.CompareTo(number);
        }

        return entry.Instant.CompareTo(LogEntry.ParseTime(bound) ?? throw new InvalidOperationException("the filter was not checked"));
    }
}
