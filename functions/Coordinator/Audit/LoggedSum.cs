// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.Audit;

/// <summary>A result of secure aggregation as the log names it, so far as its files are found by it.</summary>
internal sealed record LoggedSum
{
    // Rings have 16, 24 or 32 bits; plain mode counts bytes.
    private const int SmallestRing = 16;

    public required RunId Job { get; init; }

    public required int Round { get; init; }

    public required Sha256Digest Rid { get; init; }

    public required Sha256Digest Config { get; init; }

    public required Sha256Digest Model { get; init; }

    /// <summary>The number of the model that the round started from; null where no entry says it.</summary>
    public int? Version { get; set; }

    /// <summary>The identity of each counted silo's R2.</summary>
    public SortedDictionary<int, Sha256Digest> Masked { get; } = [];

    /// <summary>Reads all from a log, in the order of their results.</summary>
    public static async IAsyncEnumerable<LoggedSum> ReadAsync(IEvidenceSource log, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Dictionary<Sha256Digest, LoggedSum> rounds = [];
        Dictionary<(RunId Job, Sha256Digest Model), int> versions = [];
        await foreach ((_, byte[] bytes) in EvidenceEntries.ReadAsync(log, cancellation))
        {
            LogEntry entry = LogEntry.Parse(bytes);
            if (entry.Job is not { } job)
            {
                continue;
            }

            switch (entry.Type)
            {
                case EntryTypes.PlanSubmitted:
                    versions[(job, entry.Subjects["initial_model"])] = 0;
                    break;
                case EntryTypes.ChannelMoved:
                    versions[(job, entry.Subjects["model"])] = (int)(entry.Fields["version"].Integer ?? 0);
                    break;
                case EntryTypes.RoundStart when entry.Fields["k"].Integer >= SmallestRing && entry.Round is { } number:
                    rounds[entry.Subjects["rid"]] = new LoggedSum { Job = job, Round = number, Rid = entry.Subjects["rid"], Config = entry.Subjects["config"], Model = entry.Subjects["model"] };
                    break;
                case EntryTypes.Masked when rounds.TryGetValue(entry.Subjects["rid"], out LoggedSum? round):
                    round.Masked[(int)(entry.Fields["idx"].Integer ?? 0)] = entry.Subjects["masked"];
                    break;
                case EntryTypes.Result when rounds.TryGetValue(entry.Subjects["rid"], out LoggedSum? round):
                    round.Version = versions.TryGetValue((job, round.Model), out int version) ? version : null;
                    yield return round;
                    break;
            }
        }
    }
}
