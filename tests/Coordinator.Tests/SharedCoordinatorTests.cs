// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests;

/// <summary>Several processes of the coordinator on one storage, of which each may have an old memory, another clock, or end at any request.</summary>
public sealed class SharedCoordinatorTests
{
    [Fact]
    public async Task Enrolment_EachStepInAnotherProcess_FoundsTheFederation()
    {
        using SharedFederation federation = new();
        SharedCoordinator[] processes = [federation.Process(), federation.Process(), federation.Process()];
        foreach (SharedCoordinator process in processes)
        {
            await process.StartAsync(default);
        }

        SiloId one = new("silo-1");
        SiloId two = new("silo-2");
        string codeOne = await processes[0].Work.Members.InviteAsync(one, TimeSpan.FromDays(1), default);
        string codeTwo = await processes[1].Work.Members.InviteAsync(two, TimeSpan.FromDays(1), default);
        Assert.Null(await SharedFederation.TakeAsync(processes[2], federation.Join(one, codeOne)));
        Assert.Null(await SharedFederation.TakeAsync(processes[0], federation.Join(two, codeTwo)));
        Roster roster = (await federation.StoredAsync()).Proposal!.Roster;
        Assert.Null(await SharedFederation.TakeAsync(processes[1], federation.Sign(one, roster)));
        Assert.Null(await SharedFederation.TakeAsync(processes[2], federation.Sign(two, roster)));

        FederationState founded = await federation.StoredAsync();
        Assert.Equal([one, two], founded.Roster!.Members.Select(member => member.SiloId));
        Assert.Empty(federation.Refused);
        Assert.Single((await federation.OutgoingAsync()).Pending, entry => string.Equals(entry.Type, EntryTypes.Roster, StringComparison.Ordinal));
    }

    // The process died between the document and the effect that the document names. Another one, whose memory is older, has the next turn.
    [Fact]
    public async Task Watch_AnotherProcessDiedBeforeItsEffect_CarriesItOut()
    {
        using SharedFederation federation = new();
        SharedCoordinator old = federation.Process();
        await old.StartAsync(default);
        SiloId[] silos = await federation.JoinedAsync(federation.Process());
        Roster roster = (await federation.StoredAsync()).Proposal!.Roster;
        await SharedFederation.TakeAsync(federation.Process(), federation.Sign(silos[0], roster));
        await DiesOnceWrittenAsync(federation, StorageNames.Federation, process => SharedFederation.TakeAsync(process, federation.Sign(silos[1], roster)));
        Assert.NotNull((await federation.StoredAsync()).Roster);
        Assert.Null(await federation.Store.OpenReadAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(1)), 0, null, default));

        await old.WatchAsync(default);

        Assert.NotNull(await federation.Store.OpenReadAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(1)), 0, null, default));
    }

    [Fact]
    public async Task Settle_TheOtherProcessHeardOfIt_IsSeen()
    {
        using SharedFederation federation = new();
        SharedCoordinator asked = federation.Process();
        SiloId[] silos = await federation.JoinedAsync(asked);
        SharedCoordinator other = federation.Process();
        Roster roster = asked.Work.Members.State.Proposal!.Roster;
        Assert.False(await asked.Work.Members.SettleAsync(TimeSpan.Zero, default));

        foreach (SiloId silo in silos)
        {
            await SharedFederation.TakeAsync(other, federation.Sign(silo, roster));
        }

        Assert.False(await asked.Work.Members.SettleAsync(TimeSpan.Zero, default)); // in force, but not witnessed
        await WitnessAsync(federation, other, silos);

        Assert.True(await asked.Work.Members.SettleAsync(TimeSpan.Zero, default));
    }

    [Fact]
    public async Task Revoke_WhileTheRosterSettlesInAnotherProcess_WaitsForItAndThenProposes()
    {
        SimulatedTime world = new();
        WaitingTime waiting = new(world);
        using SharedFederation federation = new(world);
        SharedCoordinator other = federation.Process();
        SiloId[] silos = await federation.JoinedAsync(other, count: 3);
        Roster roster = (await federation.StoredAsync()).Proposal!.Roster;
        SharedCoordinator asked = federation.Process(clock: waiting, patience: TimeSpan.FromMinutes(1));
        await asked.StartAsync(default);
        int waits = 0;
        waiting.Waited = async () =>
        {
            if (++waits == 3)
            {
                foreach (SiloId silo in silos)
                {
                    await SharedFederation.TakeAsync(other, federation.Sign(silo, roster));
                }

                await WitnessAsync(federation, other, silos);
            }
        };

        await asked.Work.Members.RevokeAsync(silos[2], FederationDesk.Patience, default);

        Assert.Equal(3, waits);
        Assert.Equal((2, 2), ((await federation.StoredAsync()).Proposal!.Roster.Version, (await federation.StoredAsync()).Proposal!.Roster.Members.Length));
    }

    // Both have read the same document when each replaces it: the ETag decides, and whoever loses reads and decides again.
    [Fact]
    public async Task Apply_BothProcessesAtTheSameTime_NothingIsLost()
    {
        using SharedFederation federation = new();
        SharedCoordinator first = federation.Process();
        SharedCoordinator second = federation.Process();
        await first.StartAsync(default);
        await second.StartAsync(default);
        AuditedEntries before = await AuditedAsync(federation);

        await Task.WhenAll(Enumerable.Range(0, 40).Select(async number =>
        {
            byte[] letter = [(byte)number];
            await (number % 2 == 0 ? first : second).RecordDeadLettersAsync([(letter, ErrorCodes.MessageMalformed.Name)], default);
        }));

        AuditedEntries after = await AuditedAsync(federation);
        Assert.Equal(before.Alarms + 40, after.Alarms);
    }

    [Theory]
    [InlineData(900)]
    [InlineData(-900)]
    public async Task Enrolment_ProcessesWhoseClocksDiffer_FoundTheFederation(int seconds)
    {
        using SharedFederation federation = new();
        SharedCoordinator off = federation.Process(clock: new SkewedTime(federation.Time, TimeSpan.FromSeconds(seconds)));
        SharedCoordinator right = federation.Process();
        SiloId[] silos = await federation.JoinedAsync(off);
        Roster roster = (await federation.StoredAsync()).Proposal!.Roster;

        await SharedFederation.TakeAsync(right, federation.Sign(silos[0], roster));
        await SharedFederation.TakeAsync(off, federation.Sign(silos[1], roster));
        await right.AdvanceAsync(ActorName.Log, default);
        await off.AdvanceAsync(ActorName.Log, default);

        Assert.NotNull((await federation.StoredAsync()).Roster);
        Assert.Empty(federation.Refused);
    }

    // Killed at each of its requests in turn, as a host is that is scaled in or deployed anew: another process does it from the start, and once.
    [Theory]
    [InlineData(RequestFault.CrashBefore)]
    [InlineData(RequestFault.AnswerLost)]
    internal async Task Take_EndedAtEachRequest_AnotherProcessFinishes(RequestFault fault)
    {
        int kills = 0;
        for (int request = 1; ; request++)
        {
            SimulatedTime time = new();
            using SharedFederation federation = new(time);
            SiloId[] silos = await federation.JoinedAsync(federation.Process());
            Roster roster = (await federation.StoredAsync()).Proposal!.Roster;
            await SharedFederation.TakeAsync(federation.Process(), federation.Sign(silos[0], roster));
            Frame last = federation.Sign(silos[1], roster);
            int left = request;
            SharedCoordinator dying = federation.Process(() => --left == 0 ? fault : RequestFault.None);
            bool killed = await IsKilledAsync(() => SharedFederation.TakeAsync(dying, last));
            kills += killed ? 1 : 0;
            time.Advance(TimeSpan.FromSeconds(61));

            SharedCoordinator next = federation.Process();
            Assert.Null(await SharedFederation.TakeAsync(next, last));
            await next.WatchAsync(default);
            await next.AdvanceAsync(ActorName.Log, default);

            Assert.NotNull((await federation.StoredAsync()).Roster);
            Assert.Equal(1, await RostersInTheLogAsync(federation));
            Assert.Contains(ActorName.Epochs, federation.Woken);

            // Trouble with a look at the keys stops nothing, so a fault need not be an end.
            if (left > 0)
            {
                break;
            }
        }

        Assert.True(kills > 15, $"{kills} kills");
    }

    [Fact]
    public async Task Take_Cancelled_GivesTheTurnBack()
    {
        using SharedFederation federation = new();
        SiloId[] silos = await federation.JoinedAsync(federation.Process());
        Roster roster = (await federation.StoredAsync()).Proposal!.Roster;
        using CancellationTokenSource stop = new();
        int requests = 0;
        SharedCoordinator stopped = federation.Process(() =>
        {
            if (++requests == 30)
            {
                stop.Cancel();
            }

            return RequestFault.None;
        });
        Frame signature = federation.Sign(silos[0], roster);
        await Record.ExceptionAsync(() => stopped.TakeAsync(signature.Id, signature.ToJson(), stop.Token));

        Assert.Null(await SharedFederation.TakeAsync(federation.Process(), signature));
        Assert.Null(await SharedFederation.TakeAsync(federation.Process(), federation.Sign(silos[1], roster)));
    }

    [Fact]
    public async Task Wake_OfTheLog_ComesOnceItsEntriesAreDurable()
    {
        using SharedFederation federation = new();
        SharedCoordinator process = federation.Process();
        await process.StartAsync(default);
        await process.WakeLogAsync(default);
        int alarms = 0;
        federation.Waking = async _ => alarms = (await AuditedAsync(federation)).Alarms;
        await federation.FoundedAsync(process);
        int before = federation.Woken.Count;

        await process.RecordDeadLettersAsync([([1], ErrorCodes.MessageMalformed.Name)], default);

        Assert.Equal((1, before + 1, ActorName.Log), (alarms, federation.Woken.Count, federation.Woken[^1]));
    }

    private static async Task WitnessAsync(SharedFederation federation, SharedCoordinator process, SiloId[] silos)
    {
        await process.AdvanceAsync(ActorName.Log, default);
        foreach (long size in await new LogStore(federation.Store).SizesAsync(default))
        {
            foreach (SiloId silo in silos)
            {
                Assert.Null(await SharedFederation.TakeAsync(process, await federation.WitnessAsync(silo, size)));
            }
        }
    }

    private static async Task DiesOnceWrittenAsync(SharedFederation federation, BlobName written, Func<SharedCoordinator, Task> work)
    {
        bool dead = false;
        SharedCoordinator dying = federation.Process(() => dead ? RequestFault.CrashBefore : RequestFault.None);
        await dying.StartAsync(default);
        federation.Store.Written = (name, _) => dead |= name == written;

        Assert.True(await IsKilledAsync(() => work(dying)));

        federation.Store.Written = null;
        ((SimulatedTime)federation.Time).Advance(TimeSpan.FromSeconds(61));
    }

    private static async Task<bool> IsKilledAsync(Func<Task> work)
    {
        try
        {
            await work();
            return false;
        }
        catch (Exception error) when (error is SimulatedCrashException || error is FedCloudException { Code: { } code } && code == ErrorCodes.StorageUnreachable)
        {
            return true;
        }
    }

    private static async Task<AuditedEntries> AuditedAsync(SharedFederation federation)
    {
        OutgoingEntries outgoing = await federation.OutgoingAsync();
        return new AuditedEntries(
            outgoing.Deferred.Count(draft => string.Equals(draft.Type, EntryTypes.Alarm, StringComparison.Ordinal)) + outgoing.Pending.Count(entry => string.Equals(entry.Type, EntryTypes.Alarm, StringComparison.Ordinal)));
    }

    private static async Task<int> RostersInTheLogAsync(SharedFederation federation)
    {
        LogStore log = new(federation.Store);
        return (await log.ReadStateAsync($"{SharedFederation.Name.Value}/log", await log.LargestSizeAsync(default), default)).Rosters.Count;
    }

    private sealed record AuditedEntries(int Alarms);
}
