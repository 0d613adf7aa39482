// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.Protocol.Tests.Ledgers;

public sealed class LedgerClockTests
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void Clock_NothingKnown_IsNoFault()
    {
        Assert.Null(LedgerClock.FaultOf(Now, null));
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(null, null, null)));
    }

    [Fact]
    public void Clock_BehindTheLog_IsAFaultAboveADay_AlsoWhereTheLogIsNotKnownToBeNew()
    {
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(Now + Day, null, null)));
        Assert.Equal(new ClockFault(Now, Now + Day + Second), LedgerClock.FaultOf(Now, new LogTime(Now + Day + Second, null, null)));
    }

    [Fact]
    public void Clock_AheadOfWhatOthersWroteAfterIt_IsAFaultAboveADay()
    {
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(Now - Day, Now, Now - Day)));
        Assert.Equal(new ClockFault(Now, Now - Day - Second), LedgerClock.FaultOf(Now, new LogTime(Now - Day, Now, Now - Day - Second)));
    }

    [Fact]
    public void Clock_OldLog_IsNoFault()
    {
        DateTimeOffset old = Now.AddDays(-30);

        // Not known to be newer than this start; read since, and nobody wrote after it; written and answered long ago, when the clock was right.
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(old, null, old)));
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(old, Now, null)));
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(old, old, old + Second)));
    }

    [Fact]
    public void Clock_PutRightSince_IsNoFault()
    {
        Assert.Null(LedgerClock.FaultOf(Now, new LogTime(Now, Now.AddDays(30), Now)));
    }

    [Fact]
    public void RefuseForClock_IsAnEntryOnce_AndSpendsNothing()
    {
        LedgerState state = WithLimit().Reserve(Request()).State;

        LedgerStep first = LedgerMachine.RefuseForClock(state, Job, Now);
        LedgerStep second = LedgerMachine.RefuseForClock(first.State, Job, Now);

        Assert.Equal((ErrorCodes.ClockOff, ErrorCodes.ClockOff), (first.Refusal, second.Refusal));
        Assert.Equal((LedgerEntryType.Refuse, "clock_off"), (Assert.Single(first.Entries).Type, first.Entries[0].Reason));
        Assert.Empty(second.Entries);
        Assert.Null(second.State.Charge(ChargeOf()).Refusal);
    }
}
