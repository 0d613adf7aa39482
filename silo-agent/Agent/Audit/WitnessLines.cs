// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The checkpoints that this silo accepted, and the witness lines that it found under them.</summary>
/// <param name="files">The log's files.</param>
public sealed class WitnessLines(LogFiles files)
{
    // A silo may read files by their names, not list them; so it looks for those of members, a few at a time.
    private const int ReadsAtOnce = 64;
    private const int Kept = 64;

    private readonly SortedDictionary<long, SignedNote> _accepted = [];
    private readonly Dictionary<(long Size, SiloId Witness), SignedNote> _lines = [];

    /// <summary>Takes a checkpoint that the witness accepted.</summary>
    public void Accept(SignedNote note)
    {
        ArgumentNullException.ThrowIfNull(note);
        _accepted.TryAdd(Checkpoint.Parse(note.Text).Size, note);
        while (_accepted.Count > Kept)
        {
            long oldest = _accepted.Keys.First();
            _accepted.Remove(oldest);
            foreach ((long Size, SiloId Witness) line in _lines.Keys.Where(line => line.Size == oldest).ToList())
            {
                _lines.Remove(line);
            }
        }
    }

    /// <summary>A checkpoint over the entry with enough lines, or null.</summary>
    /// <param name="index">The entry's index.</param>
    /// <param name="rosters">The logged rosters and the sizes of the first checkpoints that contain them, in order.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task<long?> CoveringAsync(long index, ImmutableArray<(LoggedRoster Logged, long Size)> rosters, CancellationToken cancellation)
    {
        long[] candidates = [.. _accepted.Keys.Where(size => size > index)];
        if (candidates.FirstOrDefault(Coverage(rosters).IsWitnessed) is > 0 and long known)
        {
            return known;
        }

        // The newest first: whoever was away signs that one.
        int reads = ReadsAtOnce;
        foreach (long size in candidates.Reverse())
        {
            reads -= await ReadAsync(size, rosters, reads, cancellation);
            if (Coverage(rosters).IsWitnessed(size))
            {
                return size;
            }
        }

        return null;
    }

    private async Task<int> ReadAsync(long size, ImmutableArray<(LoggedRoster Logged, long Size)> rosters, int limit, CancellationToken cancellation)
    {
        // At a change of the roster the lines of the version before count.
        SiloId[] missing =
        [
            .. rosters.Where(roster => roster.Logged.Index < size).TakeLast(2)
                .SelectMany(roster => roster.Logged.Roster.Members.Select(member => member.SiloId))
                .Distinct()
                .Where(silo => !_lines.ContainsKey((size, silo)))
                .Take(limit),
        ];
        foreach (SiloId silo in missing)
        {
            try
            {
                if (await files.CosignedAsync(size, silo, cancellation) is { } note)
                {
                    _lines.Add((size, silo), note);
                }
            }
            catch (FedCloudException error) when (error.Code == ErrorCodes.NoteMalformed)
            {
                // Not a line; there may be enough others.
            }
        }

        return missing.Length;
    }

    // The sizes need not be all that were archived: what a checkpoint asks for changes only where a roster first appears.
    private WitnessCoverage Coverage(ImmutableArray<(LoggedRoster Logged, long Size)> rosters) => new(
        [.. rosters.Select(roster => roster.Logged)],
        [.. _accepted.Keys.Union(rosters.Select(roster => roster.Size)).Order()],
        size => _accepted.TryGetValue(size, out SignedNote? note)
            ? new CosignedCheckpoint(note, [.. _lines.Where(line => line.Key.Size == size).Select(line => line.Value)])
            : throw new FedCloudException(ErrorCodes.LogFileMissing, $"the checkpoint of size {size} was not read"));
}
