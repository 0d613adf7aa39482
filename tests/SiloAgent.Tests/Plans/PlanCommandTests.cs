// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Plans;

/// <summary>Transcripts of <c>fedcloud-silo plan</c>, run as a process.</summary>
public sealed class PlanCommandTests : IDisposable
{
    private static readonly RunId Job = new("run-1");

    private readonly AuditedSilo _silo = new();
    private readonly RunConfig _plan;

    public PlanCommandTests()
    {
        _plan = MakePlan();
        DsseEnvelope roster = _silo.Federation.RosterEnvelope(_silo.Rosters[0].Digest())!;
        File.WriteAllBytes(_silo.Home.RosterPath, JsonSerializer.SerializeToUtf8Bytes(roster, FrameJson.Default.DsseEnvelope));
    }

    private string HomeFolder => Path.GetDirectoryName(_silo.Home.PolicyPath)!;

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Show_WithoutPlans_SaysSo() =>
        Assert.Equal((0, "No plan was offered to this silo yet; the agent must run to receive them.\n", string.Empty), await RunAsync("plan", "show"));

    [Fact]
    public async Task Show_APlanThatWaits_SaysWhatItAsksForAndWhatThePolicyThinks()
    {
        await SignPolicyAsync(AuditedSilo.Policy() with { Purposes = ["triage notes"] });
        Offer(SiloRunPhase.Asked);

        (int code, string list, _) = await RunAsync("plan", "show");
        (int wholeCode, string whole, _) = await RunAsync("plan", "show", "run-1");
        (int jsonCode, string json, _) = await RunAsync("plan", "show", "run-1", "--json");

        Assert.Equal((0, 0, 0), (code, wholeCode, jsonCode));
        Assert.Equal("run-1  waits for your answer until 2100-01-01 00:00:00 UTC\n", list);
        Assert.Contains($"  plan           {_plan.Digest}\n", whole, StringComparison.Ordinal);
        Assert.Contains("  purpose        discharge ?letters\n", whole, StringComparison.Ordinal);
        Assert.Contains("  legal basis    GDPR 9(2)(j)\n", whole, StringComparison.Ordinal);
        Assert.Contains("  contact        not given\n", whole, StringComparison.Ordinal);
        Assert.Contains("  your policy    refuses it: purpose_refused\n", whole, StringComparison.Ordinal);
        Assert.Contains("It claims no privacy: the model may reveal training records.\n", whole, StringComparison.Ordinal);
        Assert.Contains("\nrounds  ", whole, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal(("asked", "purpose_refused"), (document.RootElement.GetProperty("standing").GetProperty("phase").GetString(), document.RootElement.GetProperty("policy_refusal").GetString()));
        Assert.Equal(_plan.Rounds, document.RootElement.GetProperty("plan").GetProperty("rounds").GetInt32());
    }

    [Theory]
    [InlineData("approve", EntryTypes.PlanApproved, "approved")]
    [InlineData("refuse", EntryTypes.PlanRefused, "refused")]
    public async Task Answer_IsAnEntryOfTheAdministratorAndFinal(string command, string type, string word)
    {
        Offer(SiloRunPhase.Asked);

        Assert.Equal((0, $"run-1: {word}, plan {_plan.Digest}. The agent sends the answer as soon as it runs.\n", string.Empty), await RunAsync("plan", command, "run-1", "--plan", _plan.Digest.Hex));

        LogEntry entry = Assert.Single(new AdministratorEntries(_silo.Home).Missing(again: false));
        Assert.Equal((type, Job, _plan.Digest), (entry.Type, entry.Job, entry.Subjects["config"]));
        Assert.True(entry.IsSignedBy(VerificationKey.Of(_silo.Federation.Members[0].Admin)));
        await RequireRefusedAsync(5, $"plan_answered: the administrator signed {type} of run-1 at ", "plan", "approve", "run-1");
    }

    [Fact]
    public async Task Approve_AfterTheTimeForAnswers_SaysWhatItIsWorth()
    {
        Offer(SiloRunPhase.Asked, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero));

        (int code, string output, _) = await RunAsync("plan", "approve", "run-1");

        Assert.Equal(0, code);
        Assert.Contains("The coordinator stopped waiting for it at 2020-01-01 00:00:00 UTC: it counts from the next round on, if the run has begun.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_BadInput_IsOneLineWithACodeAndSignsNothing()
    {
        string other = new('a', 64);
        await RequireRefusedAsync(2, "run_missing: no plan of run-9 was offered to this silo; none waits for an answer.", "plan", "approve", "run-9");
        await RequireRefusedAsync(2, "id_malformed: ", "plan", "approve", "../../etc");
        Offer(SiloRunPhase.Asked);
        await RequireRefusedAsync(5, $"plan_not_approved: run-1 was offered with the plan {_plan.Digest}, not {other}.", "plan", "approve", "run-1", "--plan", other);
        await RequireRefusedAsync(2, "digest_malformed: ", "plan", "approve", "run-1", "--plan", "abc");
        Offer(SiloRunPhase.Ended);
        await RequireRefusedAsync(5, "run_over: run-1 has ended.", "plan", "approve", "run-1");
        Offer(SiloRunPhase.Approved);
        await RequireRefusedAsync(5, "plan_answered: run-1 was approved by the policy.", "plan", "refuse", "run-1");
        Offer(SiloRunPhase.Asked);
        await File.AppendAllTextAsync(_silo.Home.PlanPath(Job), " ");
        await RequireRefusedAsync(5, $"plan_not_approved: expected the plan {_plan.Digest}, found a file with another hash.", "plan", "approve", "run-1");

        Assert.Empty(new AdministratorEntries(_silo.Home).Missing(again: true));
    }

    [Fact]
    public async Task Approve_WhoeverWasRemoved_IsRefused()
    {
        Offer(SiloRunPhase.Asked);
        _silo.Federation.NextRoster(members => members.RemoveAt(0));
        DsseEnvelope without = _silo.Federation.RosterEnvelope(_silo.Federation.Roster.Digest())!;
        await File.WriteAllBytesAsync(_silo.Home.RosterPath, JsonSerializer.SerializeToUtf8Bytes(without, FrameJson.Default.DsseEnvelope));

        await RequireRefusedAsync(5, "silo_revoked: silo-1 is not in the newest roster", "plan", "approve", "run-1");
    }

    [Fact]
    public async Task Approve_WhileAnotherCommandSigns_IsRefused()
    {
        Offer(SiloRunPhase.Asked);
        using FileStream other = new(_silo.Home.AdministratorEntriesPath + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

        await RequireRefusedAsync(3, "journal_locked: another command signs for the administrator.", "plan", "approve", "run-1");
    }

    private void Offer(SiloRunPhase phase, DateTimeOffset? due = null)
    {
        File.WriteAllBytes(_silo.Home.PlanPath(Job), _plan.ToJcs());
        SiloRun run = new()
        {
            ConfigSha256 = _plan.Digest,
            InitialModelSha256 = Sha256Digest.Of("v0"u8),
            Phase = phase,
            Idx = 1,
            Model = new(0, Sha256Digest.Of("v0"u8)),
            AnswerBy = (due ?? new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero)).ToUnixTimeSeconds(),
        };
        new PlanShelf(_silo.Home).Show(new SiloState { Runs = new SiloState().Runs.Add(Job, run) });
    }

    private static RunConfig MakePlan()
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = Job.Value, ["federation"] = "test-federation", ["base_model"] = new string('b', 64) };
        PlanNode plan = new PlanMapping(0,
        [
            Text("purpose", "discharge \u202eletters"),
            Text("legal_basis", "GDPR 9(2)(j)"),
        ]);
        return PlanReader.Require(PlanReader.Read(plan, filledIn));
    }

    private static PlanEntry Text(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: true));

    private async Task SignPolicyAsync(SiloPolicy policy)
    {
        DsseEnvelope signed = await _silo.Home.SignAsync(SiloHome.AdministratorKey, SiloPolicy.PayloadType, Jcs.Serialize(policy, SiloPolicyJson.Default.SiloPolicy), CancellationToken.None);
        await File.WriteAllBytesAsync(_silo.Home.PolicyPath, JsonSerializer.SerializeToUtf8Bytes(signed, FrameJson.Default.DsseEnvelope));
    }

    private Task RequireRefusedAsync(int exit, string start, params string[] arguments) => AgentProcess.RequireRefusedAsync(exit, start, [.. arguments, "--home", HomeFolder]);

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => AgentProcess.RunAsync([.. arguments, "--home", HomeFolder]);
}
