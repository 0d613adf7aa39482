// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class EntryAdmissionTests
{
    private readonly AuditFederation _federation = new(3);
    private readonly MemoryLog _log;

    public EntryAdmissionTests()
    {
        _log = new MemoryLog(_federation);
        _log.WriteAll([_federation.RosterEntry()]);
    }

    [Fact]
    public void Admit_DoubledLateAndReordered_TakesEachOnceInOrder()
    {
        LogEntry[] alarms = [.. Enumerable.Range(1, 5).Select(i => _federation.Alarm(1, $"alarm_{i}"))];

        AdmittedBatch batch = Admit(alarms[4], alarms[1], alarms[0], alarms[0], alarms[2], alarms[1]);

        Assert.Equal([1, 2, 3], batch.Batch.Select(entry => entry.Seq));
        Assert.Equal([5], batch.Waiting.Select(entry => entry.Seq));
        Assert.Equal([1, 2], batch.Duplicates.Select(entry => entry.Seq));
        Assert.False(batch.MustFlush);
    }

    [Theory]
    [InlineData(-5 * 60, true)]
    [InlineData((-5 * 60) - 1, false)]
    public void Admit_TimeThatRunsBackwards_IsTakenUpToFiveMinutes(int seconds, bool taken)
    {
        LogEntry one = _federation.Alarm(1, "one");
        LogEntry two = _federation.Alarm(1, "two");
        two = _federation.Resign(two with { Time = LogEntry.FormatTime(one.Instant.AddSeconds(seconds)) }, _federation.Members[0].Identity);

        // In one batch, and in the next.
        AdmittedBatch together = Admit(one, two);
        _log.WriteAll([one]);
        AdmittedBatch after = Admit(two);

        Assert.Equal(taken ? 2 : 1, together.Batch.Length);
        Assert.Equal(taken ? [] : [ErrorCodes.LogTimeBackwards], together.Refused.Select(refused => refused.Code));
        Assert.Equal(taken ? [] : [ErrorCodes.LogTimeBackwards], after.Refused.Select(refused => refused.Code));
    }

    [Fact]
    public void Admit_NumbersOfTheLog_AreDuplicates()
    {
        LogEntry one = _federation.Alarm(1, "one");
        _log.WriteAll([one]);

        // Another signature of the same body is the same entry.
        AdmittedBatch batch = Admit(one, _federation.Resign(one, _federation.Members[0].Identity));

        Assert.Empty(batch.Batch);
        Assert.Equal(2, batch.Duplicates.Length);
    }

    [Fact]
    public void Admit_SecondBodyForOneNumber_IsNeverInTheLog()
    {
        LogEntry one = _federation.Alarm(1, "one");
        LogEntry other = _federation.Resign(_federation.Alarm(1, "other") with { Seq = 1 }, _federation.Members[0].Identity);
        LogEntry two = _federation.Resign(_federation.Alarm(1, "two") with { Seq = 2 }, _federation.Members[0].Identity);

        AdmittedBatch batch = Admit(two, one, other);

        Assert.Equal([one.Identity, two.Identity], batch.Batch.Select(entry => entry.Identity));
        Assert.Equal(other.Identity, Assert.Single(batch.Duplicates).Identity);
    }

    [Fact]
    public void Admit_ForgedEntry_DoesNotHoldThePlaceOfTheTrueOne()
    {
        LogEntry one = _federation.Alarm(1, "one");
        LogEntry two = _federation.Alarm(1, "two");
        using System.Security.Cryptography.ECDsa thief = AuditFederation.NewKey();
        LogEntry forgedOne = one with { Dsse = one.Sign(thief).Dsse };
        LogEntry forgedTwo = _federation.Resign(two, thief);

        AdmittedBatch batch = Admit(forgedTwo, forgedOne, two, one);

        Assert.Equal([one.Identity, two.Identity], batch.Batch.Select(entry => entry.Identity));
        Assert.Equal([ErrorCodes.SignatureInvalid, ErrorCodes.EntrySigner], batch.Refused.Select(refused => refused.Code));
    }

    [Fact]
    public void Admit_KeysOfOthers_AreRefused()
    {
        LogEntry alarm = _federation.Alarm(1, "one");

        Assert.Equal(ErrorCodes.EntrySigner, Refused(_federation.Resign(alarm, _federation.Members[1].Identity)));
        Assert.Equal(ErrorCodes.EntrySigner, Refused(_federation.Resign(alarm, _federation.Members[0].Admin)));
        Assert.Equal(ErrorCodes.EntrySigner, Refused(_federation.Resign(alarm with { Actor = alarm.Actor with { Id = "silo-9" } }, _federation.Members[0].Identity)));
        Assert.Equal(ErrorCodes.EntrySigner, Refused(_federation.Resign(alarm with { Federation = new("another-federation") }, _federation.Members[0].Identity)));
        Assert.Equal(ErrorCodes.EntrySigner, Refused(_federation.Resign(_federation.Access("read"), _federation.Members[0].Identity)));
        Assert.Equal(ErrorCodes.SignatureInvalid, Refused(alarm with { Time = "2027-01-02T03:04:05Z" }));
    }

    [Fact]
    public void Admit_RoundStart_FlushesTheBatch()
    {
        LogEntry start = _federation.Coordinator(
            EntryTypes.RoundStart,
            [("rid", AuditFederation.Hash("rid")), ("model", AuditFederation.Hash("m")), ("config", AuditFederation.Hash("c"))],
            [("slot", EntryField.Of(0)), ("d", EntryField.Of(10)), ("k", EntryField.Of(32)), ("deadline", EntryField.Of(1))],
            new("run-1"),
            1);

        Assert.True(Admit(start).MustFlush);
        Assert.False(Admit().MustFlush);
    }

    [Fact]
    public void Admit_FullBatch_LeavesTheRestWaiting()
    {
        LogEntry[] many = [.. Enumerable.Range(0, 300).Select(i => _federation.Access($"read_{i}"))];

        AdmittedBatch batch = Admit(many);

        Assert.Equal(256, batch.Batch.Length);
        Assert.Equal(44, batch.Waiting.Length);
        Assert.True(batch.MustFlush);
    }

    [Fact]
    public void Admit_Roster_EndsItsBatch()
    {
        LogEntry before = _federation.Access("before");
        _federation.NextRoster(members => members.Add(new AuditFederation.Member(new("silo-4"))));
        LogEntry roster = _federation.RosterEntry();
        LogEntry after = _federation.Access("after");
        LogEntry newcomer = _federation.Alarm(4, "hello");

        AdmittedBatch batch = Admit(before, roster, newcomer, after);
        _log.WriteBatch([before, roster, newcomer, after]);

        Assert.Equal([before.Identity, roster.Identity], batch.Batch.Select(entry => entry.Identity));
        Assert.True(batch.MustFlush);
        Assert.Equal(2, AdmitUnder([newcomer, after]).Batch.Length);
    }

    [Fact]
    public void Admit_BeforeTheFirstRoster_TakesNothingElse()
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        LogEntry roster = federation.RosterEntry();
        LogEntry alarm = federation.Alarm(1, "early");

        AdmittedBatch batch = EntryAdmission.Admit(log.ReadState(0), [alarm, roster], federation.Context(null));

        Assert.Equal(ErrorCodes.RosterMissing, Assert.Single(batch.Refused).Code);
        Assert.Equal(roster.Identity, Assert.Single(batch.Batch).Identity);
    }

    [Fact]
    public void Admit_AfterClosing_TakesExportAccessAndRetiredKeysOnly()
    {
        LogEntry closed = _federation.Coordinator(EntryTypes.FederationClosed, [("signatures", AuditFederation.Hash("s"))], [("reason", EntryField.Of("two_members_left"))]);
        LogEntry alarm = _federation.Alarm(1, "late");
        LogEntry export = _federation.Coordinator(EntryTypes.Export, [("bundle", AuditFederation.Hash("b"))], [("recipient", EntryField.Of("auditor"))]);
        LogEntry retired = _federation.Coordinator(EntryTypes.KeyRetired, [("old", AuditFederation.Hash("k"))], [("purpose", EntryField.Of("kek"))]);
        LogEntry access = _federation.Access("read");

        AdmittedBatch batch = Admit(closed, alarm, export, retired, access);
        _log.WriteBatch([closed]);

        Assert.Equal(4, batch.Batch.Length);
        Assert.Equal(ErrorCodes.LogClosed, Assert.Single(batch.Refused).Code);
        Assert.Equal(ErrorCodes.LogClosed, Refused(alarm));
    }

    [Fact]
    public void T32_Admit_LogKeyWithoutOrBesideItsRoster_IsRefused()
    {
        using System.Security.Cryptography.ECDsa thief = AuditFederation.NewKey();
        LogEntry own = Rotation(_federation.Roster.Digest(), VerificationKey.Of(thief).Fingerprint);
        Assert.Equal(ErrorCodes.LogKeyChange, Refused(own));
        Assert.Equal(ErrorCodes.LogKeyChange, Refused(_federation.Resign(own with { Subjects = own.Subjects.SetItem("roster", AuditFederation.Hash("other")).SetItem("new", _federation.LogKey.P256!.Fingerprint) }, _federation.CoordinatorKey)));
        LogEntry right = _federation.Resign(own with { Subjects = own.Subjects.SetItem("new", _federation.LogKey.P256!.Fingerprint) }, _federation.CoordinatorKey);
        Assert.Single(Admit(right).Batch);
    }

    [Fact]
    public void Admit_ReplacedLogKey_SharesTheBatchOfItsRoster()
    {
        VerificationKey old = VerificationKey.Of(_federation.Log);
        _federation.Log = AuditFederation.NewKey();
        _federation.NextRoster();
        LogEntry roster = _federation.RosterEntry();
        LogEntry replaced = _federation.Coordinator(EntryTypes.KeyReplaced, [("old", old.Fingerprint), ("new", _federation.LogKey.P256!.Fingerprint), ("roster", _federation.Roster.Digest())], [("purpose", EntryField.Of("lk"))]);
        LogEntry access = _federation.Access("read");

        Assert.Equal([roster.Identity, replaced.Identity], Admit(roster, replaced, access).Batch.Select(entry => entry.Identity));
    }

    private LogEntry Rotation(Protocol.Canonical.Sha256Digest roster, Protocol.Canonical.Sha256Digest next) =>
        _federation.Coordinator(EntryTypes.KeyRotated, [("old", _federation.LogKey.P256!.Fingerprint), ("new", next), ("roster", roster)], [("purpose", EntryField.Of("lk"))]);

    private AdmittedBatch Admit(params LogEntry[] offered) =>
        EntryAdmission.Admit(_log.ReadState(_log.Size), offered, _federation.Context(FirstRoster()));

    private AdmittedBatch AdmitUnder(LogEntry[] offered) =>
        EntryAdmission.Admit(_log.ReadState(_log.Size), offered, _federation.Context(_federation.Roster));

    private Protocol.Enrolment.Roster? FirstRoster() => _federation.Context(null).Rosters(_log.Entries().First().Subjects["roster"]);

    private ErrorCode Refused(LogEntry entry)
    {
        LogEntry numbered = entry;
        return Assert.Single(Admit(numbered).Refused).Code;
    }
}
