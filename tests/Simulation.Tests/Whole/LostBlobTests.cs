// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Rounds;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A blob that a message names is deleted before anybody has read it: both sides say so, nobody waits for it for good, and the run goes on.</summary>
public sealed class LostBlobTests
{
    // Shares of the epoch, a masked vector, revealed shares; of these a silo uploads none where a round has enough without them.
    [Theory]
    [InlineData("/shares", 0)]
    [InlineData("/a0", 1)]
    [InlineData("/u0", 2)]
    public async Task Upload_GoneBeforeTheCoordinatorReadsIt_CostsThatSiloAtMostItsPart(string which, int roundsWithAll)
    {
        Story story = await RunAsync("up-silo-4", name => name.EndsWith(which, StringComparison.Ordinal));

        Assert.Equal(2, story.Committed.Length);
        Assert.True(roundsWithAll == story.Committed.Count(HasAll), $"{story.Gone} gone: {string.Join("; ", story.Committed.Select(Parts))}");
        Assert.True(
            story.Said.Any(line => line.Contains($"update_missing: {story.Gone}: expected", StringComparison.Ordinal))
            || story.Committed.Any(round => round.Members.Values.Any(member => member.Reason is "update_missing")));
    }

    // The list of keys, and the shares of the others: the silo is not in the epoch. Then the start, the list of vectors and the agreement, in this order or another: one round.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    public async Task ClaimCheck_GoneBeforeTheSiloRedeemsIt_CostsItAtMostItsPart(int which, int roundsWithAll)
    {
        Story story = await RunAsync("down-silo-4", _ => true, which);

        Assert.Equal(2, story.Committed.Length);
        Assert.InRange(story.Committed.Count(HasAll), roundsWithAll, 2);
        Assert.Contains(story.Said, line => line.Contains($"claim_missing: {story.Gone}: expected", StringComparison.Ordinal));
    }

    private static async Task<Story> RunAsync(string container, Func<string, bool> isNamed, int which = 0)
    {
        // A schedule in which the coordinator comes to read what the silo uploads: of revealed shares it takes the first that are enough.
        await using WholeFederation federation = new(
            1, new WholeFaults(0, 0, 0, 0, 0, 0, 0, 0), silos: 4, WholeScheduleTests.SecureConfig(rounds: 2, quorum: 3, "ffa_lora"));
        List<BlobName> written = [];
        BlobName? lost = null;
        federation.Store.Written += (name, bytes) =>
        {
            if (name.Container == container && bytes.Length > 0 && isNamed(name.Path))
            {
                written.Add(name);
            }
        };
        federation.Meanwhile = async () =>
        {
            if (lost is null && written.Count > which)
            {
                lost = written[which];
                await federation.Store.DeleteAsync(lost.Value, lease: null, CancellationToken.None);
            }
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        return new Story(lost!.Value, [.. rounds.Where(round => round.Outcome is "committed")], [.. federation.Refused, .. federation.Silos[3].Reports]);
    }

    private static string Parts(RoundRecord round) => string.Join(", ", round.Members.Select(member => $"{member.Key} {member.Value.Phase} {member.Value.Reason}"));

    private static bool HasAll(RoundRecord round) => round.Members.Count(member => member.Value.Phase == MemberPhase.Verified) == 4;

    private sealed record Story(BlobName Gone, RoundRecord[] Committed, string[] Said);
}
