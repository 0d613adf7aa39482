// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>All that the one writer of a log keeps between batches. Everything in it follows from the entries.</summary>
public sealed class LogState
{
    /// <summary>How far an actor's times may run backwards.</summary>
    public static readonly TimeSpan MaxBackwards = TimeSpan.FromMinutes(5);

    private LogState(string origin, TileFrontier frontier)
    {
        Origin = origin;
        Frontier = frontier;
    }

    /// <summary>The log's identity.</summary>
    public string Origin { get; }

    /// <summary>The right edge of the tree.</summary>
    public TileFrontier Frontier { get; }

    /// <summary>The entries of the partial bundle at the end; none when the size is a multiple of 256.</summary>
    public ImmutableArray<byte[]> Tail { get; private init; } = [];

    /// <summary>The highest number in the log, per actor (audit-log, A8).</summary>
    public ImmutableDictionary<ActorKey, long> Highest { get; private init; } = ImmutableDictionary<ActorKey, long>.Empty;

    /// <summary>The newest time in the log, per actor: none of its entries may lie more than <see cref="MaxBackwards"/> before it (audit-log, V12).</summary>
    public ImmutableDictionary<ActorKey, DateTimeOffset> Newest { get; private init; } = ImmutableDictionary<ActorKey, DateTimeOffset>.Empty;

    /// <summary>Whether the federation is closed (audit-log, A7).</summary>
    public bool IsClosed { get; private init; }

    /// <summary>The rosters that the entries name, by the index of their entry.</summary>
    public ImmutableSortedDictionary<long, Sha256Digest> Rosters { get; private init; } = ImmutableSortedDictionary<long, Sha256Digest>.Empty;

    /// <summary>The newest change of the log key among the entries; null for none.</summary>
    public LogKeyChanged? KeyChange { get; private init; }

    /// <summary>The hash of the roster in force; null before entry 0.</summary>
    public Sha256Digest? Roster => Rosters.IsEmpty ? null : Rosters[Rosters.Keys.Last()];

    /// <summary>The number of entries.</summary>
    public long Size => Frontier.Size;

    /// <summary>What is signed for these entries.</summary>
    public Checkpoint Checkpoint => new() { Origin = Origin, Size = Size, Root = Frontier.Root() };

    /// <summary>The state of a log without entries.</summary>
    public static LogState Empty(string origin) => NoteKey.IsName(origin)
        ? new(origin, TileFrontier.Empty)
        : throw new FedCloudException(ErrorCodes.CheckpointMalformed, "expected an origin without spaces, found another text");

    /// <summary>The state after more entries. Reading a whole log this way rebuilds the index of actors.</summary>
    /// <param name="entries">Entries as the log holds them.</param>
    /// <returns>The state, and the tiles that are new.</returns>
    /// <exception cref="FedCloudException">An entry is malformed, or <c>entry_sequence</c>: a number is not its actor's next.</exception>
    public (LogState After, ImmutableArray<HashTile> Tiles) Append(IReadOnlyCollection<byte[]> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        ImmutableDictionary<ActorKey, long>.Builder highest = Highest.ToBuilder();
        ImmutableDictionary<ActorKey, DateTimeOffset>.Builder newest = Newest.ToBuilder();
        bool isClosed = IsClosed;
        ImmutableSortedDictionary<long, Sha256Digest> rosters = Rosters;
        LogKeyChanged? keyChange = KeyChange;
        long index = Size;
        foreach (LogEntry entry in entries.Select(bytes => LogEntry.Parse(bytes)))
        {
            long expected = highest.GetValueOrDefault(entry.Actor.Key) + 1;
            if (entry.Seq != expected)
            {
                throw new FedCloudException(ErrorCodes.EntrySequence, $"expected entry {expected} of {entry.Actor.Key}, found {entry.Seq}");
            }

            highest[entry.Actor.Key] = entry.Seq;
            newest[entry.Actor.Key] = Later(entry.Instant, newest.GetValueOrDefault(entry.Actor.Key));
            isClosed |= string.Equals(entry.Type, EntryTypes.FederationClosed, StringComparison.Ordinal);
            rosters = string.Equals(entry.Type, EntryTypes.Roster, StringComparison.Ordinal) ? rosters.Add(index, entry.Subjects["roster"]) : rosters;
            keyChange = LogKeyChange.After(keyChange, entry, index);
            index++;
        }

        TileGrowth growth = Frontier.Append(entries.Select(entry => MerkleTree.HashLeaf(entry)));
        byte[][] open = [.. Tail, .. entries];
        LogState after = new(Origin, growth.After)
        {
            Tail = [.. open[^(int)(growth.After.Size % HashTile.FullWidth)..]],
            Highest = highest.ToImmutable(),
            Newest = newest.ToImmutable(),
            IsClosed = isClosed,
            Rosters = rosters,
            KeyChange = keyChange,
        };
        return (after, growth.Written);
    }

    /// <summary>The later of two times.</summary>
    internal static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
