// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>A roster and the index of the entry that put it in force.</summary>
/// <param name="Index">The index.</param>
/// <param name="Roster">The roster.</param>
public sealed record LoggedRoster(long Index, Roster Roster);

/// <summary>Whose lines a checkpoint needs, and how many (audit-log, W4).</summary>
/// <param name="Witnesses">The witness keys whose lines count.</param>
/// <param name="Needed">How many distinct ones are enough.</param>
public sealed record WitnessRule(ImmutableArray<NoteKey> Witnesses, int Needed)
{
    /// <summary>The rule for a checkpoint.</summary>
    /// <param name="previous">The size of the archived checkpoint before it; 0 for the first.</param>
    /// <param name="size">Its size.</param>
    /// <param name="rosters">All logged rosters, in order.</param>
    /// <exception cref="FedCloudException"><c>witness_lines_missing</c>: it has no roster, or more than one new version; then no lines are enough.</exception>
    public static WitnessRule For(long previous, long size, IReadOnlyList<LoggedRoster> rosters)
    {
        ArgumentNullException.ThrowIfNull(rosters);
        Roster[] contained = [.. rosters.Where(logged => logged.Index < size).Select(logged => logged.Roster)];
        int fresh = rosters.Count(logged => logged.Index < size && logged.Index >= previous);
        if (contained.Length == 0 || fresh > 1)
        {
            throw new FedCloudException(ErrorCodes.WitnessLinesMissing, $"expected one new roster version at most in the checkpoint of size {size}, found {fresh} of {contained.Length}");
        }

        return fresh == 1 && contained.Length > 1 ? OfChange(contained[^2], contained[^1]) : OfRoster(contained[^1]);
    }

    /// <summary>Whether enough distinct witnesses signed the text.</summary>
    /// <param name="text">The checkpoint's text.</param>
    /// <param name="cosigned">Notes over it.</param>
    public bool IsMet(string text, IEnumerable<SignedNote> cosigned)
    {
        NoteSignature[] lines = [.. cosigned.Where(note => string.Equals(note.Text, text, StringComparison.Ordinal)).SelectMany(note => note.Signatures)];
        return Witnesses.Count(key => lines.Any(line => key.Matches(line) && key.Verify(text, line.Signature.Span))) >= Needed;
    }

    private static WitnessRule OfRoster(Roster roster) => new(Keys(roster.Members), Roster.Threshold(roster.N));

    // The version before decides about the change; whom it removes or replaces has no say in it.
    private static WitnessRule OfChange(Roster before, Roster after)
    {
        ImmutableArray<Identity.SiloId> touched = RosterChain.Touched(before, after);
        int threshold = Roster.Threshold(before.N);
        return new WitnessRule(
            Keys(before.Members.Where(member => !touched.Contains(member.SiloId))),
            touched.IsEmpty ? threshold : Math.Min(threshold, before.N - 1));
    }

    private static ImmutableArray<NoteKey> Keys(IEnumerable<RosterMember> members) => [.. members.Select(member => NoteKey.Parse(member.WitnessVkey))];
}
