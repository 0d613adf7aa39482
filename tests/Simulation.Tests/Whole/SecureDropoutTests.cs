// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Silos that go away at each phase of a round under secure aggregation, and a coordinator that is killed at its requests: the sum is exact, or nothing is revealed.</summary>
public sealed class SecureDropoutTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Theory]
    [InlineData("approved", 3)]
    [InlineData("epoch", 3)]
    [InlineData("sent", 4)]
    [InlineData("agreed", 4)]
    public async Task Dropout_OfAsManyAsMayBeMissing_GivesTheExactSum(string phase, int contributors)
    {
        await using WholeFederation federation = Of(silos: 4);
        SimulatedSilo gone = federation.Silos[3];
        federation.Meanwhile = () =>
        {
            if (Reached(gone, phase))
            {
                federation.Away.Add(gone.Id);
            }

            return Task.CompletedTask;
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Equal(contributors, rounds[0].Members.Count(member => member.Value.Phase == MemberPhase.Verified));
    }

    [Theory]
    [InlineData(SecureFrame.Advertise)]
    [InlineData(SecureFrame.Shares)]
    public async Task Dropout_WhileTheEpochIsOpened_LeavesItToTheOthers(string sent)
    {
        await using WholeFederation federation = Of(silos: 4);
        SimulatedSilo gone = federation.Silos[3];
        federation.Store.Written += (name, bytes) =>
        {
            if (name.Container == StorageNames.MailCoordinator && bytes.Length > 0 && MessageId.IsValid(name.Path)
                && Frame.FromJson(bytes) is { Envelopes: [{ } first, ..] } frame && string.Equals(frame.Type, sent, StringComparison.Ordinal) && first.IsSignedBy(gone.Key!))
            {
                federation.Away.Add(gone.Id);
            }
        };

        await federation.RunAsync();

        Assert.Contains(gone.Id, federation.Away);
        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Equal(federation.Silos[..3].Select(silo => silo.Id), rounds[0].Members.Where(member => member.Value.Phase == MemberPhase.Verified).Select(member => member.Key));
    }

    [Theory]
    [InlineData("epoch", true)]
    [InlineData("sent", false)]
    [InlineData("agreed", false)]
    public async Task Dropout_OfOneMore_WaitsOrBurnsTheSlotUntilASiloComesBack(string phase, bool burns)
    {
        await using WholeFederation federation = Of(silos: 4);
        SimulatedSilo[] gone = [federation.Silos[2], federation.Silos[3]];
        int away = 0;
        federation.Meanwhile = () =>
        {
            foreach (SimulatedSilo silo in gone.Where(silo => away >= 0 && Reached(silo, phase)))
            {
                federation.Away.Add(silo.Id);
            }

            // One comes back when its slot is burned, or after a while.
            away += away >= 0 && federation.Away.Count == gone.Length ? 1 : 0;
            if (away >= 0 && (burns ? federation.Run?.Round?.Secure?.Attempt > 1 : away > 200))
            {
                Assert.True(federation.Silos.Count(silo => Reached(silo, "revealed")) < (phase is "agreed" ? 3 : 1));
                away = -1;
                federation.Away.Remove(gone[0].Id);
            }

            return Task.CompletedTask;
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Equal(burns ? ErrorCodes.QuorumNotMet.Name : string.Empty, string.Join(" ", rounds[0].Secure!.Attempts));
        Assert.Equal(burns ? 3 : 4, rounds[0].Members.Count(member => member.Value.Phase == MemberPhase.Verified));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Coordinator_KilledAtEachRequestOfARound_GoesOn(bool carriedOut)
    {
        await using WholeFederation federation = Of(silos: 3, deadline: 20_000);
        int kills = 0;
        int left = 0;
        federation.CoordinatorFault = () =>
        {
            // Each time it gets one request further than the last, counted from its start.
            if (federation.Run is not { Phase: RunPhase.Running } || left-- > 0)
            {
                return RequestFault.None;
            }

            left = ++kills;
            return carriedOut ? RequestFault.CrashAfter : RequestFault.CrashBefore;
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        RunState state = (await federation.ReadAsync()).State;
        Assert.Equal((RunPhase.Completed, null), (state.Phase, state.Reason));
        Assert.True(kills > 10, $"{kills} kills");
    }

    private static WholeFederation Of(int silos, int deadline = 600) => new(2, Calm, silos, WholeScheduleTests.SecureConfig(rounds: 1, quorum: 3, "ffa_lora", grace: 100, deadline: deadline));

    private static bool Reached(SimulatedSilo silo, string phase) => silo.Reports.Any(line => line.Contains($"phase = {phase},", StringComparison.Ordinal));
}
