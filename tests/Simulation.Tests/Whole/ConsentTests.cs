// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Policies;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Plans that administrators decide about, in a whole federation.</summary>
public sealed class ConsentTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Fact]
    public async Task Plan_EveryAdministratorApproves_RunsAndTheLogHasTheirSignatures()
    {
        await using WholeFederation federation = Of(Secure());
        foreach (SimulatedSilo silo in federation.Silos)
        {
            silo.Approval = PlanApproval.Ask;
        }

        federation.Meanwhile = async () => await AnswerAsync(federation, silo => true);
        await federation.RunAsync();

        (RunState state, _) = await federation.ReadAsync();
        Assert.Equal((RunPhase.Completed, 4), (state.Phase, state.Silos.Values.Count(silo => silo.Approval == Approval.Approved)));
        LogEntry[] answers = await EntriesAsync(federation, EntryTypes.PlanApproved);
        Assert.Equal(["silo-1", "silo-2", "silo-3", "silo-4"], answers.Select(entry => entry.Actor.Id).Order(StringComparer.Ordinal));
        Assert.All(answers, entry => Assert.Equal((EntryActor.Admin, "administrator", federation.Config.Digest), (entry.Actor.Kind, entry.Fields["role"].Text, entry.Subjects["config"])));
        await new WholeInvariants(federation).RequireAsync();
    }

    [Fact]
    public async Task Plan_OneAdministratorRefuses_RunsWithoutThatSilo()
    {
        await using WholeFederation federation = Of(Secure());
        federation.Silos[1].Approval = PlanApproval.Ask;
        federation.Meanwhile = async () => await AnswerAsync(federation, silo => false);
        await federation.RunAsync();

        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Equal(new SiloStanding(Approval.Refused, "administrator_refused"), state.Silos[federation.Silos[1].Id]);
        Assert.DoesNotContain(rounds, round => round.Members.TryGetValue(federation.Silos[1].Id, out RoundRecordMember? member) && member.Phase == MemberPhase.Verified);
        LogEntry refusal = Assert.Single(await EntriesAsync(federation, EntryTypes.PlanRefused));
        Assert.Equal((EntryActor.Admin, "administrator_refused"), (refusal.Actor.Kind, refusal.Fields["reason"].Text));
        await new WholeInvariants(federation).RequireAsync();
    }

    // Agents die at any request, the storage loses some, and the administrators answer whenever they look.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Plan_AmongFaults_IsAnsweredAsTheAdministratorsDecided(int seed)
    {
        await using WholeFederation federation = new(seed, Calm with { Request = 0.003, Crash = 0.003, Late = 0.1 }, silos: 4, Secure());
        foreach (SimulatedSilo silo in federation.Silos)
        {
            silo.Approval = PlanApproval.Ask;
        }

        SiloId refuses = federation.Silos[seed % 4].Id;
        federation.Meanwhile = async () => await AnswerAsync(federation, silo => silo.Id != refuses);
        await federation.RunAsync();

        (RunState state, _) = await federation.ReadAsync();
        Assert.True(federation.Crashes > 0);
        Assert.NotEqual(Approval.Approved, state.Silos[refuses].Approval);
        Assert.All(await EntriesAsync(federation, EntryTypes.PlanApproved), entry => Assert.NotEqual(refuses.Value, entry.Actor.Id));
        await new WholeInvariants(federation).RequireAsync();
    }

    [Fact]
    public async Task Plan_ThatNobodyAnswers_EndsTheRunWhenTheTimeForAnswersIsOver()
    {
        await using WholeFederation federation = Of(Secure() with { Participation = Secure().Participation with { AnswerTimeout = 3_600 } });
        foreach (SimulatedSilo silo in federation.Silos)
        {
            silo.Approval = PlanApproval.Ask;
        }

        await federation.RunAsync();

        RunState state = (await federation.ReadAsync()).State;
        Assert.Equal((RunPhase.Failed, "quorum_not_met"), (state.Phase, state.Reason));
        Assert.InRange(state.EndedAt!.Value - state.SubmittedAt, TimeSpan.FromSeconds(3_600), TimeSpan.FromSeconds(3_700));
        FedCloudException over = await Assert.ThrowsAsync<FedCloudException>(() => federation.Silos[0].AnswerAsync(federation.Config.Job, isApproved: true));
        Assert.Equal(ErrorCodes.RunOver, over.Code);
    }

    [Fact]
    public async Task Plan_ApprovedAfterTheTimeForAnswers_CountsFromTheNextRoundOn()
    {
        RunConfig plain = WholeScheduleTests.Config(rounds: 4, quorum: 3, "ffa_lora");
        await using WholeFederation federation = Of(plain with { Participation = plain.Participation with { AnswerTimeout = 300, RoundDeadline = 1_200 } });
        SimulatedSilo late = federation.Silos[3];
        late.Approval = PlanApproval.Ask;
        federation.Meanwhile = async () =>
        {
            if (federation.Run is { Phase: RunPhase.Running, CommittedRounds: 1 })
            {
                await AnswerAsync(federation, silo => true);
            }
        };
        await federation.RunAsync();

        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal((RunPhase.Completed, Approval.Approved, null), (state.Phase, state.Silos[late.Id].Approval, state.Reason));
        Assert.False(rounds[0].Members.ContainsKey(late.Id));
        Assert.True(rounds.Last(round => round.Outcome == "committed").Members.ContainsKey(late.Id));
        await new WholeInvariants(federation).RequireAsync();
    }

    [Fact]
    public async Task Answer_Twice_OtherPlan_UnknownRun_AreRefusedAndNothingIsSigned()
    {
        await using WholeFederation federation = Of(Secure());
        SimulatedSilo asked = federation.Silos[0];
        asked.Approval = PlanApproval.Ask;
        await federation.RunUntilAsync(() => federation.Run is not null && asked.Plans() is [{ IsAsked: true }]);
        RunId job = federation.Config.Job;

        Assert.Equal(ErrorCodes.PlanNotApproved, (await RefusedAsync(asked, job, Sha256Digest.Of("another"u8))).Code);
        FedCloudException unknown = await RefusedAsync(asked, new RunId("run-9"));
        Assert.Equal(ErrorCodes.RunMissing, unknown.Code);
        Assert.Contains($"waiting for an answer: {job}", unknown.Message, StringComparison.Ordinal);
        PlanStanding answered = await asked.AnswerAsync(job, isApproved: true, federation.Config.Digest);
        Assert.Equal(federation.Config.Digest, answered.ConfigSha256);
        Assert.Equal(ErrorCodes.PlanAnswered, (await RefusedAsync(asked, job)).Code);

        await federation.RunAsync();
        Assert.Equal(ErrorCodes.RunOver, (await RefusedAsync(asked, job)).Code);
        Assert.Single(await EntriesAsync(federation, EntryTypes.PlanApproved), entry => entry.Actor.Kind == EntryActor.Admin);
    }

    [Fact]
    public async Task Answer_OfARemovedSilo_IsRefused()
    {
        await using WholeFederation federation = Of(Secure() with { Participation = Secure().Participation with { AnswerTimeout = 3_600 } });
        SimulatedSilo removed = federation.Silos[3];
        removed.Approval = PlanApproval.Ask;
        await federation.RunUntilAsync(() => federation.Run is { Phase: RunPhase.AwaitingAnswers } && removed.Plans() is [{ IsAsked: true }]);
        await federation.RevokeAsync(removed.Id);
        await federation.RunUntilAsync(() => removed.RosterVersion() == 2);

        Assert.Equal(ErrorCodes.SiloRevoked, (await RefusedAsync(removed, federation.Config.Job)).Code);
        await federation.RunAsync();
        Assert.Equal(new SiloStanding(Approval.Refused, "silo_revoked"), (await federation.ReadAsync()).State.Silos[removed.Id]);
    }

    // The budget belongs to whoever is asked: it is reserved when the administrator approves, not when the coordinator offers.
    [Fact]
    public async Task Plan_WithAPrivacyClaim_ReservesWhenTheAdministratorApproves()
    {
        await using WholeFederation federation = Of(WholeScheduleTests.PrivateConfig(rounds: 1, quorum: 3));
        SimulatedSilo asked = federation.Silos[0];
        asked.Approval = PlanApproval.Ask;
        await federation.RunUntilAsync(() => federation.Run is not null && asked.Plans() is [{ IsAsked: true }]);
        Assert.DoesNotContain(asked.Ledger().Entries, entry => entry.Type == LedgerEntryType.Reserve);

        await asked.AnswerAsync(federation.Config.Job, isApproved: true);
        await federation.RunAsync();

        Assert.Contains(asked.Ledger().Entries, entry => entry.Type == LedgerEntryType.Reserve);
        Assert.Equal(RunPhase.Completed, (await federation.ReadAsync()).State.Phase);
        await new WholeInvariants(federation).RequireAsync();
    }

    [Fact]
    public async Task Plan_WhileANewPolicyAsksNoLonger_IsDecidedByThatPolicy()
    {
        await using WholeFederation federation = Of(Secure() with { Participation = Secure().Participation with { AnswerTimeout = 3_600 } });
        SimulatedSilo asked = federation.Silos[0];
        asked.Approval = PlanApproval.Ask;
        await federation.RunUntilAsync(() => federation.Run is not null && asked.Plans() is [{ IsAsked: true }]);

        asked.Approval = null;
        await federation.AllowAgainAsync();
        await federation.RunAsync();

        Assert.Equal((RunPhase.Completed, Approval.Approved), ((await federation.ReadAsync()).State.Phase, (await federation.ReadAsync()).State.Silos[asked.Id].Approval));
        Assert.DoesNotContain(await EntriesAsync(federation, EntryTypes.PlanApproved), entry => entry.Actor.Kind == EntryActor.Admin);
    }

    [Fact]
    public async Task Join_WithADataCard_IsInTheLogByHashAndBesideTheRosters()
    {
        await using WholeFederation federation = Of(Secure());
        SimulatedSilo silo = federation.Silos[2];
        silo.Card = new DataCard
        {
            V = 1,
            Federation = federation.Config.Federation,
            SiloId = silo.Id,
            Description = "Discharge letters",
            Purpose = "coding of diagnoses",
            LegalBasis = "GDPR 9(2)(j)",
            SchemaSha256 = Sha256Digest.Of("schema"u8),
            Records = new CountRange(1_000, 10_000),
            CollectedFrom = "2019-01",
            CollectedUntil = "2024-06",
            Contact = "data office",
        };
        await federation.RunAsync();

        Sha256Digest sha256 = Sha256Digest.Of(silo.Card.ToJcs());
        LogEntry enrolled = Assert.Single(await federation.EntriesAsync(), entry => entry.Type == EntryTypes.IdentityEnrolled && entry.Fields["silo"].Text == silo.Id.Value);
        Assert.Equal(sha256, enrolled.Subjects["data_card"]);
        (byte[] card, _) = (await federation.Store.ReadAsync(StorageNames.DataCard(sha256), DataCard.MaxBytes, CancellationToken.None))!.Value;
        Assert.Equal(silo.Card, DataCard.Parse(card));

        // An auditor gets it with the log.
        long size = await new LogStore(federation.Store).LargestSizeAsync(CancellationToken.None);
        using StoredEvidence evidence = new(federation.Store, federation.Vault, new LogPosition(size, 1));
        EvidenceFile packed = Assert.Single(await evidence.ListAsync(CancellationToken.None), file => file.Path == EvidenceLayout.Blob(sha256));
        await using Stream stream = await evidence.OpenAsync(packed, CancellationToken.None);
        Assert.Equal(card, (await BinaryData.FromStreamAsync(stream)).ToArray());
    }

    private static WholeFederation Of(RunConfig config) => new(6, Calm, silos: 4, config);

    private static RunConfig Secure() => WholeScheduleTests.SecureConfig(rounds: 1, quorum: 3, "ffa_lora");

    private static async Task AnswerAsync(WholeFederation federation, Func<SimulatedSilo, bool> approves)
    {
        foreach (SimulatedSilo silo in federation.Invited.Where(silo => silo.IsSetUp))
        {
            foreach (PlanStanding plan in silo.Plans().Where(plan => plan.IsAsked))
            {
                try
                {
                    await silo.AnswerAsync(plan.Job, approves(silo));
                }
                catch (FedCloudException error) when (error.Code == ErrorCodes.PlanAnswered)
                {
                    // Signed already; the agent has not looked since.
                }
            }
        }
    }

    private static Task<FedCloudException> RefusedAsync(SimulatedSilo silo, RunId job, Sha256Digest? plan = null) =>
        Assert.ThrowsAsync<FedCloudException>(() => silo.AnswerAsync(job, isApproved: true, plan));

    private static async Task<LogEntry[]> EntriesAsync(WholeFederation federation, string type) =>
        [.. (await federation.EntriesAsync()).Where(entry => entry.Type == type && entry.Job == federation.Config.Job)];
}
