// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>An archived checkpoint and the notes that witnesses added lines to.</summary>
/// <param name="Archived">The archived note; its log lines are the caller's to verify.</param>
/// <param name="Cosigned">The notes with witness lines.</param>
public sealed record CosignedCheckpoint(SignedNote Archived, ImmutableArray<SignedNote> Cosigned);

/// <summary>Which indexes of a log are witnessed (audit-log, W4): what a silo asks before it arms a slot, and an auditor afterwards.</summary>
/// <param name="rosters">All logged rosters, in order.</param>
/// <param name="sizes">The sizes of the archived checkpoints, ascending.</param>
/// <param name="find">Gives the notes of a size.</param>
/// <param name="minimum">A number of lines below which nothing counts as witnessed, whatever the roster says.</param>
public sealed class WitnessCoverage(IReadOnlyList<LoggedRoster> rosters, ImmutableArray<long> sizes, Func<long, CosignedCheckpoint> find, int minimum = 0)
{
    private readonly Dictionary<long, bool> _known = [];

    /// <summary>Whether the archived checkpoint of that size has enough lines.</summary>
    public bool IsWitnessed(long size)
    {
        if (!_known.TryGetValue(size, out bool witnessed))
        {
            _known.Add(size, witnessed = Decide(size));
        }

        return witnessed;
    }

    /// <summary>The smallest witnessed checkpoint that holds the entry and is not larger than the limit, or null.</summary>
    /// <param name="index">The entry.</param>
    /// <param name="limit">The largest size that counts.</param>
    public long? Covering(long index, long limit = long.MaxValue)
    {
        for (int at = FirstAbove(index); at < sizes.Length && sizes[at] <= limit; at++)
        {
            if (IsWitnessed(sizes[at]))
            {
                return sizes[at];
            }
        }

        return null;
    }

    private int FirstAbove(long index)
    {
        int at = sizes.BinarySearch(index + 1);
        return at < 0 ? ~at : at;
    }

    private bool Decide(long size)
    {
        int at = sizes.BinarySearch(size);
        if (at < 0)
        {
            return false;
        }

        try
        {
            WitnessRule rule = WitnessRule.For(at == 0 ? 0 : sizes[at - 1], size, rosters);
            CosignedCheckpoint checkpoint = find(size);
            return (rule with { Needed = Math.Max(rule.Needed, minimum) }).IsMet(checkpoint.Archived.Text, checkpoint.Cosigned);
        }
        catch (FedCloudException)
        {
            return false;
        }
    }
}
