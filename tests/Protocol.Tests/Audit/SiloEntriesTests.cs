// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.Protocol.Tests.Silos;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class SiloEntriesTests
{
    private static readonly Sha256Digest Policy = AuditFederation.Hash("policy");

    private readonly AuditFederation _federation = new(3);

    [Fact]
    public void Drafts_OfEveryKind_AreEntriesThatTheLogTakes()
    {
        SiloStory approved = SiloStory.Approved();
        SiloStory refused = SiloStory.Refused();
        EntryDraft?[] drafts =
        [
            SiloEntries.Started(AuditFederation.Hash("nonce"), Sha256Digest.Zero, 1, continuous: false, ledgerHead: null),
            SiloEntries.Of(approved.State, approved.The<SendAnswer>(), Policy),
            SiloEntries.Of(refused.State, refused.The<SendAnswer>(), Policy),
            SiloEntries.Of(approved.State, new RaiseAlarm(SiloStory.Job, "round_conflict", [AuditFederation.Hash("a"), AuditFederation.Hash("b")]), Policy),
            SiloEntries.Of(approved.State, new RaiseAlarm(null, "log_fork", [AuditFederation.Hash("a")]), Policy),
        ];

        LogEntry[] entries = [.. drafts.Select((draft, i) => Sign(draft!, i + 1))];
        AdmittedBatch admitted = EntryAdmission.Admit(LogState.Empty(AuditFederation.Origin), entries, _federation.Context(_federation.Roster));

        Assert.Equal(["agent_started", "plan_approved", "plan_refused", "alarm", "alarm"], admitted.Batch.Select(entry => LogEntry.Parse(entry.ToBytes()).Type));
        Assert.Empty(admitted.Refused);
        Assert.Equal(Policy, entries[1].Subjects["policy"]);
        Assert.Equal(AuditFederation.Hash("v0"), entries[1].Subjects["initial_model"]);
        Assert.Equal("policy_refused", entries[2].Fields["reason"].Text);
        Assert.Equal(AuditFederation.Hash("b"), entries[3].Subjects["evidence_2"]);
        Assert.Null(entries[4].Job);
    }

    [Fact]
    public void Decided_ByTheAdministrator_IsTheAdministratorsEntryAndNotTheSilos()
    {
        SiloStory approved = SiloStory.Asked().Then(new PlanDecided(SiloStory.Now, SiloStory.Job, null, MayRepeat: false, IsByAdministrator: true));
        Assert.Null(SiloEntries.Of(approved.State, approved.The<SendAnswer>(), Policy));
        Assert.True(SiloEntries.IsAnswer("plan_approved") && SiloEntries.IsAnswer("plan_refused"));

        LogEntry[] entries = [.. new[] { null, "administrator_refused" }.Select(reason =>
        {
            EntryDraft draft = SiloEntries.Decided(SiloStory.Job, approved.Run.ConfigSha256, approved.Run.InitialModelSha256, reason);
            return _federation.Admin(1, draft.Type, [.. draft.Subjects.Select(subject => (subject.Key, subject.Value))], [.. draft.Fields.Select(field => (field.Key, field.Value))], draft.Job);
        })];
        AdmittedBatch admitted = EntryAdmission.Admit(LogState.Empty(AuditFederation.Origin), entries, _federation.Context(_federation.Roster));

        Assert.Empty(admitted.Refused);
        Assert.Equal(["plan_approved administrator", "plan_refused administrator"], admitted.Batch.Select(entry => $"{entry.Type} {entry.Fields["role"].Text}"));
        Assert.Equal("administrator_refused", admitted.Batch[1].Fields["reason"].Text);
    }

    [Fact]
    public void Of_EffectsThatNobodyReviews_IsNothing() =>
        Assert.Null(SiloEntries.Of(SiloStory.Training().State, SiloStory.Training().The<Train>(), Policy));

    [Fact]
    public void IsRepeated_SameAlarmOrSecondAnswer_IsAndOthersAreNot()
    {
        SiloStory approved = SiloStory.Approved();
        EntryDraft answer = SiloEntries.Of(approved.State, approved.The<SendAnswer>(), Policy)!;
        EntryDraft alarm = SiloEntries.Of(approved.State, new RaiseAlarm(null, "log_fork", [AuditFederation.Hash("a")]), Policy)!;
        EntryDraft other = SiloEntries.Of(approved.State, new RaiseAlarm(null, "log_fork", [AuditFederation.Hash("b")]), Policy)!;

        Assert.True(SiloEntries.IsRepeated(alarm, Sign(alarm, 1)));
        Assert.False(SiloEntries.IsRepeated(other, Sign(alarm, 1)));
        Assert.True(SiloEntries.IsRepeated(SiloEntries.Of(approved.State, approved.The<SendAnswer>(), AuditFederation.Hash("next policy"))!, Sign(answer, 1)));
        Assert.False(SiloEntries.IsRepeated(answer with { Job = new RunId("run-2") }, Sign(answer, 1)));
        Assert.False(SiloEntries.IsRepeated(
            SiloEntries.Started(AuditFederation.Hash("another nonce"), Sha256Digest.Zero, 1, continuous: false, ledgerHead: null),
            Sign(SiloEntries.Started(AuditFederation.Hash("nonce"), Sha256Digest.Zero, 1, continuous: false, ledgerHead: null), 1)));
    }

    [Fact]
    public void Started_EntryOfARound_DescribesThatStartOnly()
    {
        PlainStartBody start = SiloStory.Start(1);
        LogEntry entry = RunEntries.Started(start.Rid(), RoundOpening.Of(start)).ToEntry(new FederationId("test-federation"), Coordinator(), 1, _federation.Now);

        Assert.Equal(SiloStory.Rid(start), entry.Subjects["rid"]);
        Assert.True(RunEntries.Started(start.Rid(), RoundOpening.Of(start)).Describes(entry));
        Assert.False(RunEntries.Started(SiloStory.Start(2).Rid(), RoundOpening.Of(SiloStory.Start(2))).Describes(entry));
        Assert.False(RunEntries.Started(start.Rid(), RoundOpening.Of(start)).Describes(entry with { Fields = entry.Fields.SetItem("deadline", EntryField.Of(1)) }));
        Assert.False(RunEntries.Started(start.Rid(), RoundOpening.Of(start)).Describes(entry with { Subjects = entry.Subjects.SetItem("model", Policy) }));
        Assert.False(RunEntries.Started(start.Rid(), RoundOpening.Of(start)).Describes(entry with { Round = 2 }));
    }

    private LogEntry Sign(EntryDraft draft, long seq)
    {
        AuditFederation.Member member = _federation.Members[0];
        EntryActor actor = new() { Kind = EntryActor.Silo, Id = member.Silo.Value, KeyId = VerificationKey.Of(member.Identity).Fingerprint };
        return draft.ToEntry(new FederationId("test-federation"), actor, seq, _federation.Now).Sign(member.Identity);
    }

    private EntryActor Coordinator() => new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = VerificationKey.Of(_federation.CoordinatorKey).Fingerprint };
}
