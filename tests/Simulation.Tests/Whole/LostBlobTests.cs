// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Rounds;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A blob that a message names is deleted before anybody has read it: both sides say so, nobody waits for it for good, and the run goes on.</summary>
public sealed class LostBlobTests
{
    // Shares of the epoch, the masked vector, the revealed shares.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    public async Task Upload_GoneBeforeTheCoordinatorReadsIt_CostsThatSiloAtMostItsPart(int which, int roundsWithAll)
    {
        Story story = await RunAsync("up-silo-4", which);

        Assert.Equal(2, story.Committed.Length);
        Assert.Equal(roundsWithAll, story.Committed.Count(HasAll));
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
        Story story = await RunAsync("down-silo-4", which);

        Assert.Equal(2, story.Committed.Length);
        Assert.InRange(story.Committed.Count(HasAll), roundsWithAll, 2);
        Assert.Contains(story.Said, line => line.Contains($"claim_missing: {story.Gone}: expected", StringComparison.Ordinal));
    }

    private static async Task<Story> RunAsync(string container, int which)
    {
        await using WholeFederation federation = new(
            4, new WholeFaults(0, 0, 0, 0, 0, 0, 0, 0), silos: 4, WholeScheduleTests.SecureConfig(rounds: 2, quorum: 3, "ffa_lora"));
        List<BlobName> written = [];
        BlobName? lost = null;
        federation.Store.Written += (name, bytes) =>
        {
            if (name.Container == container && bytes.Length > 0)
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

    private static bool HasAll(RoundRecord round) => round.Members.Count(member => member.Value.Phase == MemberPhase.Verified) == 4;

    private sealed record Story(BlobName Gone, RoundRecord[] Committed, string[] Said);
}
