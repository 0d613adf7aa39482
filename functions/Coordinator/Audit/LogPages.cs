// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Audit;

/// <summary>Pages of the log, newest entry first, for people who look through it.</summary>
/// <param name="log">The log's files.</param>
public sealed class LogPages(LogStore log)
{
    /// <summary>The most entries of a page.</summary>
    public const int MostEntries = 200;

    // Bundles read for one page: whoever searches for something rare asks again from where the page ended.
    private const int MostBundles = 32;

    /// <summary>Reads a page.</summary>
    /// <param name="size">The checkpoint's size: what is not witnessed yet is not shown.</param>
    /// <param name="query">Which entries.</param>
    /// <param name="before">The page begins with the entry before this one; null begins with the newest.</param>
    /// <param name="limit">The most entries, 1 to <see cref="MostEntries"/>.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>request_malformed</c>, <c>storage_*</c>.</exception>
    public async Task<LogPage> ReadAsync(long size, EntryQuery query, long? before, int limit, CancellationToken cancellation)
    {
        query.Require();
        if (limit is < 1 or > MostEntries || before < 0)
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected a limit from 1 to {MostEntries} and an index that is not negative, found another number");
        }

        long next = Math.Min(before ?? size, size);
        ImmutableArray<LoggedLine>.Builder found = ImmutableArray.CreateBuilder<LoggedLine>();
        for (int bundles = 0; next > 0 && found.Count < limit && bundles < MostBundles; bundles++)
        {
            long first = (next - 1) / HashTile.FullWidth * HashTile.FullWidth;
            int width = (int)Math.Min(HashTile.FullWidth, size - first);
            ImmutableArray<byte[]> entries = await log.BundleAsync(new BundleCoordinate(first / HashTile.FullWidth, width), cancellation);
            for (; next > first && found.Count < limit; next--)
            {
                byte[] bytes = entries[(int)(next - 1 - first)];
                if (query.Takes(LogEntry.Parse(bytes)))
                {
                    using JsonDocument json = JsonDocument.Parse(bytes);
                    found.Add(new LoggedLine(next - 1, json.RootElement.Clone()));
                }
            }
        }

        return new LogPage(size, found.ToImmutable(), next > 0 ? next : null);
    }
}
