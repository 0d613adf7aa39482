// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.Protocol.Tests.Ledgers;

public sealed class LedgerMachineTests
{
    private const decimal Unit = 0.00000000000000000001m;

    [Fact]
    public void Reserve_ExactlyAtTheLimit_IsAdmittedAndOneUnitLessIsNot()
    {
        ReserveRequest request = Request(rounds: 10);
        decimal needed = LedgerFilter.RequiredEpsilon(request.Terms[0].Rdp.Times(10), 0.00001)!.Value;

        LedgerStep at = WithLimit(needed).Reserve(request);
        LedgerStep above = WithLimit(needed - Unit).Reserve(request);
        LedgerStep oneRoundMore = WithLimit(needed).Reserve(request with { MaxRounds = 11 });

        Assert.Null(at.Refusal);
        Assert.Equal(needed, at.RequiredEpsilon);
        Assert.Equal(ErrorCodes.BudgetExhausted, above.Refusal);
        Assert.Equal(needed, above.RequiredEpsilon);
        Assert.Equal(ErrorCodes.BudgetExhausted, oneRoundMore.Refusal);
    }

    [Fact]
    public void Reserve_PlanEpsilonAsLimit_IsRefusedWithTheEpsilonThatIsNeeded()
    {
        LedgerRdp round = LedgerRdp.Of(DpSgdAccountant.Rdp(RdpOrders.Ledger, 1.1, 0.02, 5));
        decimal planEpsilon = (decimal)DpSgdAccountant.Epsilon(1.1, 0.02, 50, 1e-5);
        LedgerTerms terms = Terms() with { Rdp = round, PldEps = planEpsilon };

        LedgerStep step = WithLimit(planEpsilon).Reserve(Request("run-1", 10, terms));

        Assert.Equal(ErrorCodes.BudgetExhausted, step.Refusal);
        Assert.True(step.RequiredEpsilon > planEpsilon);
    }

    [Fact]
    public void Reserve_MetricsIncluded_AreSummedInOneDecision()
    {
        LedgerTerms[] both = [Terms(), Terms(0.002m, LedgerMechanism.Metric)];
        decimal training = LedgerFilter.RequiredEpsilon(both[0].Rdp.Times(10), 0.00001)!.Value;
        decimal all = LedgerFilter.RequiredEpsilon(both[0].Rdp.Plus(both[1].Rdp).Times(10), 0.00001)!.Value;

        LedgerStep refused = WithLimit(training).Reserve(Request("run-1", 10, both));
        LedgerStep granted = WithLimit(all).Reserve(Request("run-1", 10, both));

        Assert.Equal(ErrorCodes.BudgetExhausted, refused.Refusal);
        Assert.Equal([LedgerMechanism.Dpsgd, LedgerMechanism.Metric], granted.Entries.Select(entry => entry.Mechanism!.Value));
        Assert.Equal(both[0].Rdp.Plus(both[1].Rdp).Times(10), granted.State.Reserved);
    }

    [Fact]
    public void Reserve_SecondLineLostInACrash_CannotBeChargedUntilItIsCompleted()
    {
        ReserveRequest request = Request("run-1", 10, Terms(), Terms(0.002m, LedgerMechanism.Metric));
        LedgerState before = WithLimit();
        LedgerStep whole = before.Reserve(request);
        LedgerState half = before.Apply(whole.Entries[0]);

        Assert.Equal(ErrorCodes.ReserveMissing, half.Charge(ChargeOf()).Refusal);
        LedgerStep completed = half.Reserve(request);

        Assert.Equal(LedgerMechanism.Metric, Assert.Single(completed.Entries).Mechanism);
        Assert.Equal(Describe(whole.State), Describe(completed.State));
    }

    [Fact]
    public void Reserve_Again_IsGrantedWithoutAnEntry()
    {
        LedgerState state = WithLimit().Reserve(Request()).State;

        LedgerStep again = state.Reserve(Request() with { ApprovalSig = Convert.ToBase64String(new byte[65]) });

        Assert.Null(again.Refusal);
        Assert.Empty(again.Entries);
    }

    public static TheoryData<string, ReserveRequest> Changes => new()
    {
        { "rounds", Request(rounds: 9) },
        { "plan", Request() with { ConfigSha256 = Hash("another plan") } },
        { "z", Request("run-1", 10, Terms() with { Z = 1.2m }) },
        { "z_eff", Request("run-1", 10, Terms() with { ZEff = 1m }) },
        { "q", Request("run-1", 10, Terms() with { Q = 0.01m }) },
        { "steps", Request("run-1", 10, Terms() with { Steps = 4 }) },
        { "clip", Request("run-1", 10, Terms() with { Clip = 1m }) },
        { "delta", Request("run-1", 10, Terms() with { Delta = 0.000001m }) },
        { "unit", Request("run-1", 10, Terms() with { Unit = PrivacyUnit.Person }) },
        { "sampler", Request("run-1", 10, Terms() with { SamplerProfile = "other" }) },
        { "cost", Request("run-1", 10, Terms(0.011m)) },
        { "more mechanisms", Request("run-1", 10, Terms(), Terms(0.002m, LedgerMechanism.Metric)) },
        { "another mechanism", Request("run-1", 10, Terms(0.01m, LedgerMechanism.Skellam)) },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Reserve_AnotherValueForTheSameJob_IsRefusedOnce(string what, ReserveRequest changed)
    {
        LedgerState state = WithLimit().Reserve(Request()).State;

        LedgerStep first = state.Reserve(changed);
        LedgerStep second = first.State.Reserve(changed);

        Assert.True(first.Refusal == ErrorCodes.ReserveChanged, what);
        Assert.Equal(LedgerEntryType.Refuse, Assert.Single(first.Entries).Type);
        Assert.Equal(ErrorCodes.ReserveChanged, second.Refusal);
        Assert.Empty(second.Entries);
        Assert.Null(second.State.Charge(ChargeOf()).Refusal);
    }

    [Fact]
    public void Reserve_WithoutALimit_IsRefusedAndNeedsOne()
    {
        LedgerStep refused = Fresh().Reserve(Request());
        LedgerStep granted = LedgerMachine.SetLimit(refused.State, Limit(100m), Sig, Now).State.Reserve(Request());

        Assert.Equal(ErrorCodes.LimitMissing, refused.Refusal);
        Assert.Null(granted.Refusal);
    }

    [Fact]
    public void Reserve_OtherUnitOrLargerDelta_IsRefused()
    {
        Assert.Equal(ErrorCodes.UnitWeaker, WithLimit(unit: PrivacyUnit.Person).Reserve(Request()).Refusal);
        Assert.Equal(ErrorCodes.UnitNotAccounted, WithLimit(unit: PrivacyUnit.Person).Reserve(Of(PrivacyUnit.Silo)).Refusal);
        Assert.Equal(ErrorCodes.UnitNotAccounted, WithLimit().Reserve(Of(PrivacyUnit.Person)).Refusal);
        Assert.Null(WithLimit(unit: PrivacyUnit.Silo).Reserve(Of(PrivacyUnit.Silo)).Refusal);
        Assert.Equal(ErrorCodes.DeltaAboveLimit, WithLimit().Reserve(Request("run-1", 10, Terms() with { Delta = 0.000011m })).Refusal);
    }

    [Fact]
    public void Reserve_TwoJobsForTheLastBudget_OneIsRefusedUntilTheOtherSettles()
    {
        decimal needed = LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(10), 0.00001)!.Value;
        LedgerState first = WithLimit(needed).Reserve(Request("run-1")).State;

        LedgerStep second = first.Reserve(Request("run-2"));
        LedgerStep afterSettling = second.State.Settle("run-1").State.Reserve(Request("run-2"));

        Assert.Equal(ErrorCodes.BudgetExhausted, second.Refusal);
        Assert.Null(afterSettling.Refusal);
    }

    [Fact]
    public void SetLimit_Lower_AdmitsNothingMoreAndChargesNothingAboveIt()
    {
        LedgerState state = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State;
        LedgerRdp spent = state.Spent;

        LedgerState lowered = LedgerMachine.SetLimit(state, Limit(0.01m), Sig, Now).State;

        Assert.Equal(spent, lowered.Spent);
        Assert.Equal(ErrorCodes.BudgetExhausted, lowered.Reserve(Request("run-2", 1)).Refusal);
        Assert.Equal(ErrorCodes.BudgetExhausted, lowered.Charge(ChargeOf(round: 1)).Refusal);
        Assert.Null(lowered.Charge(ChargeOf()).Refusal);
    }

    [Fact]
    public void SetLimit_Same_WritesNothing_AndAnotherManifestKeepsWhatIsSpent()
    {
        LedgerState state = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State;

        LedgerStep same = LedgerMachine.SetLimit(state, Limit(100m), Sig, Now);
        LedgerStep changed = LedgerMachine.SetLimit(state, Limit(100m) with { ManifestSha256 = Hash("file with one record less"), Records = 999 }, Sig, Now);

        Assert.Empty(same.Entries);
        Assert.Single(changed.Entries);
        Assert.Equal(Terms().Rdp, changed.State.Spent);
    }

    [Fact]
    public void SetLimit_OtherUnitThanWhatWasReserved_IsRefused()
    {
        LedgerStep stronger = LedgerMachine.SetLimit(WithLimit().Reserve(Request()).State, Limit(100m, PrivacyUnit.Person), Sig, Now);
        LedgerStep weaker = LedgerMachine.SetLimit(WithLimit(unit: PrivacyUnit.Person).Reserve(Of(PrivacyUnit.Person)).State, Limit(100m), Sig, Now);

        Assert.Equal(ErrorCodes.UnitWeaker, stronger.Refusal);
        Assert.Equal(ErrorCodes.UnitNotAccounted, weaker.Refusal);
        Assert.Empty(stronger.Entries);
        Assert.Empty(weaker.Entries);
    }

    [Fact]
    public void Ledger_OfAnEarlierVersion_WithChargesOfAnotherUnit_OpensAndSpendsNoMoreOfThem()
    {
        LedgerState persons = WithLimit(unit: PrivacyUnit.Person).Reserve(Of(PrivacyUnit.Person)).State.Charge(ChargeOf()).State;
        LedgerEntry limit = LedgerMachine.SetLimit(Fresh(), Limit(100m), Sig, Now).Entries[0];
        LedgerState mixed = persons.Apply(limit with { Seq = persons.Seq + 1, PrevHash = persons.Head });

        Assert.Equal(Terms().Rdp, mixed.Spent);
        Assert.Null(LedgerMachine.SetLimit(mixed, Limit(50m), Sig, Now).Refusal);
        Assert.Null(mixed.Charge(ChargeOf()).Refusal);
        Assert.Equal(ErrorCodes.UnitNotAccounted, mixed.Charge(ChargeOf(round: 1)).Refusal);
        Assert.Null(mixed.Reserve(Request("run-2")).Refusal);
    }

    private static ReserveRequest Of(PrivacyUnit unit) => Request("run-1", 10, Terms() with { Unit = unit });

    [Fact]
    public void Charge_Redelivered_IsOneCharge_AndNewNoiseOrAnotherRoundIsAnother()
    {
        LedgerState state = WithLimit().Reserve(Request()).State;
        for (int i = 0; i < 100; i++)
        {
            state = state.Charge(ChargeOf()).State;
        }

        Assert.Equal(1, state.Charges);
        Assert.Equal(2, state.Charge(ChargeOf(noise: "new noise")).State.Charges);
        Assert.Equal(2, state.Charge(ChargeOf(round: 1)).State.Charges);
        Assert.Equal(Terms().Rdp, state.Spent);
        Assert.Equal(Terms().Rdp.Times(9), state.Reserved);
    }

    [Fact]
    public void Charge_BeyondTheReserve_IsRefused()
    {
        LedgerState state = WithLimit().Reserve(Request(rounds: 2)).State;
        state = state.Charge(ChargeOf(round: 0)).State.Charge(ChargeOf(round: 1)).State;

        Assert.Equal(ErrorCodes.ReserveUsedUp, state.Charge(ChargeOf(round: 2)).Refusal);
        Assert.Equal(ErrorCodes.ReserveMissing, state.Charge(ChargeOf(round: 2, mechanism: LedgerMechanism.Metric)).Refusal);
        Assert.Equal(ErrorCodes.ReserveMissing, state.Charge(ChargeOf("run-2")).Refusal);
        Assert.Equal(ErrorCodes.ReserveSettled, state.Settle().State.Charge(ChargeOf(round: 2)).Refusal);
    }

    [Fact]
    public void Charge_SameNoiseForAnotherMechanism_IsRefused()
    {
        LedgerState state = WithLimit().Reserve(Request("run-1", 10, Terms(), Terms(0.002m, LedgerMechanism.Metric))).State.Charge(ChargeOf()).State;

        LedgerStep step = state.Charge(ChargeOf(mechanism: LedgerMechanism.Metric));

        Assert.Equal(ErrorCodes.ChargeConflict, step.Refusal);
        Assert.Equal(Terms().Rdp, step.State.Spent);
    }

    [Fact]
    public void Settle_ReturnsWhatIsLeft_Once()
    {
        LedgerState state = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State;

        LedgerStep settled = state.Settle();

        Assert.Equal(LedgerRdp.Zero, settled.State.Reserved);
        Assert.Equal(Terms().Rdp, settled.State.Spent);
        Assert.Empty(settled.State.Settle().Entries);
        Assert.Empty(settled.State.Settle("run-9").Entries);
        Assert.Equal(ErrorCodes.ReserveSettled, settled.State.Reserve(Request()).Refusal);
    }

    [Fact]
    public void Bar_LoggedReserve_CountsInFullAndAdmitsNoCharge()
    {
        LedgerState state = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State.Reserve(Request("run-2")).State;

        LedgerStep barred = state.Bar(new LoggedReserve(Job, 1, null));

        Assert.Null(barred.Refusal);
        Assert.Equal(9, Assert.Single(barred.Entries).Counted);
        Assert.Equal(Terms().Rdp.Times(10), barred.State.Spent);
        Assert.Equal(Terms().Rdp.Times(10), barred.State.Reserved);
        Assert.Equal(ErrorCodes.ReserveBarred, barred.State.Charge(ChargeOf(round: 1)).Refusal);
        Assert.Null(barred.State.Charge(ChargeOf("run-2")).Refusal);
        Assert.Empty(barred.State.Bar(new LoggedReserve(Job, 1, null)).Entries);
    }

    [Fact]
    public void Bar_ThenNewReserve_GoesOnWithASecondOneThatTheFilterAdmits()
    {
        decimal forTwo = LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(20), 0.00001)!.Value;
        LedgerState barred = WithLimit(forTwo).Reserve(Request()).State.Bar(new LoggedReserve(Job, 1, null)).State;

        LedgerStep again = barred.Reserve(Request());
        LedgerStep third = again.State.Bar(new LoggedReserve(Job, 2, null)).State.Reserve(Request());

        Assert.Null(again.Refusal);
        Assert.Null(again.State.Charge(ChargeOf(round: 3)).Refusal);
        Assert.Equal(ErrorCodes.ReserveChanged, barred.Reserve(Request(rounds: 11)).Refusal);
        Assert.Equal(ErrorCodes.BudgetExhausted, third.Refusal);
        Assert.Equal(Terms().Rdp.Times(20), third.State.Spent);
    }

    [Fact]
    public void Bar_OldLedgerWithFewerReservesThanTheLog_CountsEachOfThem()
    {
        LedgerState old = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State;

        LedgerState barred = old.Bar(new LoggedReserve(Job, 3, null)).State;

        Assert.Equal(Terms().Rdp.Times(30), barred.Spent);
        Assert.Empty(barred.Bar(new LoggedReserve(Job, 3, null)).Entries);
    }

    [Fact]
    public void Bar_SettledHereButNotInTheLog_CountsInFull()
    {
        LedgerState settled = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State.Settle().State;

        LedgerState barred = settled.Bar(new LoggedReserve(Job, 1, null)).State;

        Assert.Equal(Terms().Rdp.Times(10), barred.Spent);
        Assert.Empty(barred.Bar(new LoggedReserve(Job, 1, null)).Entries);
    }

    [Fact]
    public void Bar_UnknownReserve_ClosesTheLedgerUntilItIsRecomputed()
    {
        LedgerState old = WithLimit().Reserve(Request("run-2")).State;

        LedgerStep closed = old.Bar(new LoggedReserve(Job, 1, null));
        LedgerStep opened = closed.State.Bar(new LoggedReserve(Job, 1, Request()));

        Assert.Equal(ErrorCodes.LedgerGap, closed.Refusal);
        Assert.Equal(ErrorCodes.LedgerGap, closed.State.Charge(ChargeOf("run-2")).Refusal);
        Assert.Equal(ErrorCodes.LedgerGap, closed.State.Reserve(Request("run-3")).Refusal);
        Assert.Null(opened.Refusal);
        Assert.Equal(Terms().Rdp.Times(10), opened.State.Spent);
        Assert.Null(opened.State.Charge(ChargeOf("run-2")).Refusal);
        Assert.Equal(ErrorCodes.ReserveBarred, opened.State.Charge(ChargeOf()).Refusal);
    }

    [Fact]
    public void Bar_TwoMechanismsAndACrashBetweenTheirLines_IsFinishedByTheNext()
    {
        LedgerState state = WithLimit().Reserve(Request("run-1", 10, Terms(), Terms(0.002m, LedgerMechanism.Metric))).State;
        LedgerStep whole = state.Bar(new LoggedReserve(Job, 1, null));
        LedgerState half = state.Apply(whole.Entries[0]);

        LedgerStep rest = half.Bar(new LoggedReserve(Job, 1, null));

        Assert.Equal(2, whole.Entries.Length);
        Assert.Single(rest.Entries);
        Assert.Equal(Describe(whole.State), Describe(rest.State));
    }

    [Fact]
    public void Recompute_NewAccountant_TheLargerValueCounts()
    {
        LedgerState state = WithLimit().Reserve(Request()).State.Charge(ChargeOf()).State;
        LedgerRdp mixed = LedgerRdp.OfValues([.. Terms().Rdp.Values.Select((value, i) => i % 2 == 0 ? value * 2 : value / 2)]);
        LedgerRdp larger = LedgerRdp.OfValues([.. Terms().Rdp.Values.Select((value, i) => i % 2 == 0 ? value * 2 : value)]);

        LedgerStep step = LedgerMachine.Recompute(state, "fedcloud-2", _ => mixed, Now);

        Assert.Equal(larger, step.State.Spent);
        Assert.Equal(larger.Times(9), step.State.Reserved);
        Assert.Empty(LedgerMachine.Recompute(step.State, "fedcloud-2", _ => mixed, Now).Entries);
        Assert.Equal(larger, step.State.Charge(ChargeOf(round: 1)).Entries[0].Rdp);
        Assert.Empty(step.State.Reserve(Request("run-1", 10, Terms() with { AccountantVersion = "fedcloud-2" })).Entries);
    }

    [Fact]
    public void Apply_StepsThatTheRulesForbid_AreBroken()
    {
        LedgerState state = WithLimit().Reserve(Request(rounds: 1)).State;
        LedgerStep charge = state.Charge(ChargeOf());
        LedgerEntry next = charge.Entries[0] with { Seq = charge.State.Seq + 1, PrevHash = charge.State.Head };
        LedgerStep settle = charge.State.Settle();

        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(charge.State, next));
        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(charge.State, next with { Round = 1 }));
        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(state, charge.Entries[0] with { Rdp = LedgerRdp.Zero }));
        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(state, charge.Entries[0] with { Z = 2m }));
        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(state, charge.Entries[0] with { Job = new RunId("run-7") }));
        Assert.Equal(ErrorCodes.LedgerBroken, CodeOf(settle.State, settle.Entries[0] with { Seq = settle.State.Seq + 1, PrevHash = settle.State.Head }));
        Assert.Equal(ErrorCodes.LedgerGap, CodeOf(state, charge.Entries[0] with { Seq = 7 }));
        Assert.Equal(ErrorCodes.LedgerGap, CodeOf(state, charge.Entries[0] with { PrevHash = Hash("other") }));
        Assert.Equal(ErrorCodes.LedgerGap, CodeOf(state, charge.Entries[0] with { DatasetCommitment = Hash("other") }));
    }

    [Fact]
    public void Requests_OutOfRange_AreRefusedBeforeAnythingIsWritten()
    {
        Assert.Equal(ErrorCodes.LedgerEntryMalformed, Assert.Throws<FedCloudException>(() => WithLimit().Reserve(Request(rounds: 0))).Code);
        Assert.Equal(ErrorCodes.LedgerEntryMalformed, Assert.Throws<FedCloudException>(() => WithLimit().Reserve(Request("run-1", 10, Terms(), Terms()))).Code);
        Assert.Equal(ErrorCodes.LedgerEntryMalformed, Assert.Throws<FedCloudException>(() => WithLimit().Reserve(Request("run-1", 10, Terms() with { Q = 1.1m }))).Code);
        Assert.Equal(ErrorCodes.LedgerEntryMalformed, Assert.Throws<FedCloudException>(() => WithLimit(-1m)).Code);
    }

    private static ErrorCode CodeOf(LedgerState state, LedgerEntry entry) => Assert.Throws<FedCloudException>(() => state.Apply(entry)).Code;
}
