// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.Budgets;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Silos whose data sets have a privacy budget: what is charged, what is refused, and what leaves.</summary>
public sealed class BudgetTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Fact]
    public async Task Run_PrivacyClaim_ChargesEachRoundOnceAndTellsNoFigure()
    {
        await using WholeFederation federation = Of(rounds: 2);
        StringBuilder stored = new();
        federation.Store.Written += (_, bytes) => stored.Append(Encoding.UTF8.GetString(bytes)).Append('\n');

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.All(rounds, round => Assert.All(round.Members.Values, member => Assert.Empty(member.Metrics)));
        Assert.All(federation.Silos, silo =>
        {
            LedgerJob job = Assert.Single(silo.Ledger().State.Jobs).Value;
            LedgerReserve reserve = job.ByMechanism[LedgerMechanism.Dpsgd];
            Assert.Equal((LedgerJobStatus.Settled, 2, 3, 2), (job.Status, job.Charges.Count, reserve.Rounds, reserve.SpentRounds));
            Assert.DoesNotContain(reserve.Terms.ZEff.ToString(CultureInfo.InvariantCulture), stored.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(reserve.Terms.PldEps.ToString(CultureInfo.InvariantCulture), stored.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(reserve.Terms.Rdp.Values[0]!.Value.ToString(CultureInfo.InvariantCulture), stored.ToString(), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Run_NoiseOnTheRing_ChargesEachSlotAsItsMechanism()
    {
        await using WholeFederation federation = new(5, Calm, silos: 4, WholeScheduleTests.RingConfig(rounds: 2, quorum: 3, bits: 24));

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        Assert.Equal(RunPhase.Completed, (await federation.ReadAsync()).State.Phase);
        Assert.All(federation.Silos, silo =>
        {
            LedgerReserve reserve = Assert.Single(silo.Ledger().State.Jobs).Value.ByMechanism[LedgerMechanism.Skellam];
            Assert.Equal((3, 2, PrivacyUnit.Record, 8m, 1m), (reserve.Rounds, reserve.SpentRounds, reserve.Terms.Unit, reserve.Terms.Z, reserve.Terms.Q));
        });
    }

    [Fact]
    public async Task Run_ThirtySilos_ProtectsEachOfThemAsAWhole_AlsoWhereTrainingDiverges()
    {
        await using WholeFederation federation = new(5, Calm, silos: 30, WholeScheduleTests.RingConfig(rounds: 1, quorum: 30, unit: "silo", step: 3600));
        SiloId[] diverging = [federation.Silos[3].Id, federation.Silos[4].Id];
        federation.JobOf = silo => silo == diverging[0] ? JobFault.Fails : silo == diverging[1] ? JobFault.NotANumber : JobFault.None;

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.All(diverging, silo => Assert.Equal(MemberPhase.Verified, rounds[0].Members[silo].Phase));
        Assert.All(federation.Silos, silo => Assert.Equal(PrivacyUnit.Silo, Assert.Single(silo.Ledger().State.Jobs).Value.ByMechanism[LedgerMechanism.DiscreteGaussian].Terms.Unit));
    }

    [Fact]
    public async Task Plan_AboveTheBudget_IsRefusedAndNothingIsSpent()
    {
        await using WholeFederation federation = Of(rounds: 3, noise: 0.6m);

        await federation.RunAsync();

        RunState state = (await federation.ReadAsync()).State;
        Assert.Equal((RunPhase.Failed, 0), (state.Phase, state.CommittedRounds));
        Assert.All(state.Silos.Values, standing => Assert.Equal(ErrorCodes.BudgetExhausted.Name, standing.Reason));
        Assert.All(federation.Silos, silo =>
        {
            Assert.Equal(LedgerJobStatus.Refused, Assert.Single(silo.Ledger().State.Jobs).Value.Status);
            Assert.Contains(silo.Reports, line => line.Contains("needs a limit of", StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task Reboot_InTheMiddle_SpendsTheReserveAndReleasesNothingMore()
    {
        await using WholeFederation federation = Of(rounds: 3);
        SimulatedSilo rebooted = federation.Silos[3];
        During(federation, rebooted.Reboot);

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        LedgerReserve reserve = rebooted.Ledger().State.Jobs[federation.Config.Job].ByMechanism[LedgerMechanism.Dpsgd];
        Assert.Equal((4, 4), (reserve.Rounds, reserve.SpentRounds));
        Assert.DoesNotContain(rounds, round => round is { Outcome: "committed", Round: > 2 } && round.Members.GetValueOrDefault(rebooted.Id)?.Phase == MemberPhase.Verified);
    }

    [Fact]
    public async Task LedgerRestored_WithTheMachinesMemory_IsFoundByTheLog()
    {
        await using WholeFederation federation = Of(rounds: 3);
        SimulatedSilo restored = federation.Silos[3];
        bool isBackedUp = false;
        bool isRestored = false;
        federation.Meanwhile = () =>
        {
            if (!isBackedUp && federation.Run is { Phase: RunPhase.Running, CommittedRounds: 0, Round: not null } && restored.Ledger().State.Jobs.Count > 0)
            {
                isBackedUp = true;
                restored.BackUp();
            }
            else if (isBackedUp && !isRestored && federation.Run is { CommittedRounds: 2 })
            {
                isRestored = true;
                restored.Restore(memory: true);
            }

            return Task.CompletedTask;
        };

        await federation.RunAsync();

        Assert.True(isRestored);
        LedgerReserve reserve = restored.Ledger().State.Jobs[federation.Config.Job].ByMechanism[LedgerMechanism.Dpsgd];
        Assert.Equal((4, 4), (reserve.Rounds, reserve.SpentRounds));
        Assert.Contains(restored.Reports, line => line.Contains("older than the log shows it", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TrainingFile_ChangedSinceItWasDeclared_LeavesTheSiloOut()
    {
        await using WholeFederation federation = Of(rounds: 2);
        SimulatedSilo changed = federation.Silos[3];
        During(federation, () => File.AppendAllText(changed.TrainFile, "one record more\n"));

        await federation.RunAsync();

        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        RoundRecordMember member = rounds[1].Members[changed.Id];
        Assert.Equal((MemberPhase.Declined, ErrorCodes.DatasetChanged.Name), (member.Phase, member.Reason));
    }

    [Fact]
    public async Task Run_UnitPerson_IsSampledByPersonsAndChargedForThem_WhereThePolicyDeclaresThem()
    {
        await using WholeFederation federation = new(5, Calm, silos: 4, WholeScheduleTests.PrivateConfig(rounds: 2, quorum: 3, unit: "person"));
        SimulatedSilo undeclared = federation.Silos[3];
        undeclared.Budget = undeclared.Budget! with { Persons = null };

        await federation.RunAsync();

        RunState state = (await federation.ReadAsync()).State;
        Assert.Equal((RunPhase.Completed, ErrorCodes.UnitNotAccounted.Name), (state.Phase, state.Silos.Values.Single(standing => standing.Reason.Length > 0).Reason));
        Assert.Empty(undeclared.Ledger().State.Jobs);
        Assert.All(federation.Silos.Except([undeclared]), silo =>
        {
            LedgerReading ledger = silo.Ledger();
            Assert.Equal(2, ledger.Entries.Count(entry => entry.Type == LedgerEntryType.Charge));
            Assert.All(ledger.Entries.Where(entry => entry.Terms is not null || entry.Type == LedgerEntryType.Limit), entry => Assert.Equal(PrivacyUnit.Person, entry.Unit));
            Assert.Equal(100m / WholeFederation.Persons, ledger.State.Jobs[federation.Config.Job].ByMechanism[LedgerMechanism.Dpsgd].Terms.Q);
        });
    }

    [Fact]
    public async Task Clock_MoreThanADayBehindTheLog_ChargesNothingAndTellsOnlyTheTerminal()
    {
        await using WholeFederation federation = Of(rounds: 2);
        SimulatedSilo late = federation.Silos[3];
        During(federation, () => late.Clock.Skew = TimeSpan.FromHours(-25));

        await federation.RunAsync();

        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        RoundRecordMember member = rounds[1].Members[late.Id];
        Assert.Equal((MemberPhase.Declined, ErrorCodes.ClockOff.Name), (member.Phase, member.Reason));
        Assert.Single(late.Ledger().State.Jobs[federation.Config.Job].Charges);
        Assert.Contains(late.Ledger().Entries, entry => entry is { Type: LedgerEntryType.Refuse, Reason: "clock_off" });
        Assert.Contains(late.Reports, line => line.Contains("clock_off: this machine's clock says 2027-01-14T", StringComparison.Ordinal) && line.Contains(", the log 2027-01-15T", StringComparison.Ordinal));
    }

    private static void During(WholeFederation federation, Action what)
    {
        bool done = false;
        federation.Meanwhile = () =>
        {
            if (!done && federation.Run is { Phase: RunPhase.Running, CommittedRounds: 1 })
            {
                done = true;
                what();
            }

            return Task.CompletedTask;
        };
    }

    private static WholeFederation Of(int rounds, decimal noise = 4) => new(5, Calm, silos: 4, WholeScheduleTests.PrivateConfig(rounds, quorum: 3, noise: noise));
}
