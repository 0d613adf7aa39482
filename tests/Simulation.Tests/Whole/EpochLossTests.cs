// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.SecureAggregation;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

public sealed class EpochLossTests
{
    // An agent sends no keys before the log shows its start, and a machine may start anew until then: its keys are gone, and no call of the same epoch brings them back.
    [Fact]
    public async Task Reboots_BeforeTheKeysOfAnEpochAreSent_CostTheEpochAndNoRound()
    {
        await using WholeFederation federation = new(
            4, new WholeFaults(0, 0, 0, 0, 0, 0, 0, 0), silos: 3, WholeScheduleTests.SecureConfig(rounds: 1, quorum: 3, "ffa_lora", deadline: 3_600));
        HashSet<SimulatedSilo> started = [];
        federation.Meanwhile = () =>
        {
            foreach (SimulatedSilo silo in federation.Silos[..2].Where(silo => silo.IsSetUp && !started.Contains(silo)))
            {
                using EpochVault epochs = silo.Epochs();
                if (epochs.Epochs.Any())
                {
                    started.Add(silo);
                    silo.Reboot();
                }
            }

            return Task.CompletedTask;
        };

        await federation.RunAsync();
        await new WholeInvariants(federation).RequireAsync();

        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(2, started.Count);
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.All(rounds, round => Assert.Equal(3, round.Members.Count(member => member.Value.Phase == MemberPhase.Verified)));
    }
}
