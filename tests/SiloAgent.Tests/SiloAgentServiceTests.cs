// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Journals;
using FedCloud.SiloAgent.Runs;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests;

public sealed class SiloAgentServiceTests : IAsyncLifetime, IDisposable
{
    private readonly AuditedSilo _silo = new();
    private readonly List<string> _said = [];
    private readonly MessageIds _ids;

    // One sender of all messages: they arrive in the order in which they were sent.
    public SiloAgentServiceTests() => _ids = new MessageIds(_silo.Time);

    public async Task InitializeAsync()
    {
        await _silo.Store.EnsureContainerAsync("mail-silo-1", CancellationToken.None);
        await _silo.Store.EnsureContainerAsync("models", CancellationToken.None);
        DsseEnvelope roster = _silo.Federation.RosterEnvelope(_silo.Rosters[0].Digest())!;
        await File.WriteAllBytesAsync(_silo.Home.RosterVersionPath(1), JsonSerializer.SerializeToUtf8Bytes(roster, FrameJson.Default.DsseEnvelope));
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Turn_AMember_SignsTheLogAndLogsItsStart()
    {
        using SiloAgentService agent = Agent();
        await agent.TurnAsync(CancellationToken.None);

        List<Frame> sent = await _silo.TakeSentAsync();
        Assert.Equal(["witness_line", "log_entry", "epoch_report"], sent.Select(frame => frame.Type));
        LogEntry started = EntryEnvelope.Read(sent[1].Envelopes[0]);
        Assert.Equal(EntryTypes.AgentStarted, started.Type);

        await _silo.WriteAsync(started);
        _silo.Time.Advance(TimeSpan.FromMinutes(1));
        await agent.TurnAsync(CancellationToken.None);
        Assert.Equal(["witness_line"], (await _silo.TakeSentAsync()).Select(frame => frame.Type));
    }

    [Fact]
    public async Task Turn_Offer_IsAnsweredAfterItsEntryIsJournaled()
    {
        await OfferAsync();
        using (SiloAgentService agent = Agent())
        {
            await agent.TurnAsync(CancellationToken.None);
        }

        Assert.Contains((await _silo.TakeSentAsync()), frame => frame.Type == RunBody.Answer);
        string journaled = (await File.ReadAllLinesAsync(_silo.Home.EntriesPath))[^1];
        LogEntry entry = Jcs.Parse(System.Text.Encoding.UTF8.GetBytes(journaled), LogEntryJson.Default.LogEntry, "entry");
        Assert.Equal(EntryTypes.PlanRefused, entry.Type);
        Assert.Equal(AuditedSilo.Policy().Digest(), entry.Subjects["policy"]);
    }

    [Fact]
    public async Task Turn_OfferAfterTheEndOfItsRun_BindsNothing()
    {
        RunEndedBody ended = new()
        {
            Type = RunBody.Ended,
            Federation = new FederationId("test-federation"),
            Job = new RunId("run-1"),
            Outcome = "failed",
            Reason = "quorum_not_met",
            EvaluationRound = 0,
            ModelVersion = 0,
            ModelSha256 = AuditFederation.Hash("v0"),
        };
        await SendAsync(RunBody.Ended, ended.Job, Jcs.Serialize(ended, RunBodyJson.Default.RunEndedBody));
        await OfferAsync();
        using (SiloAgentService agent = Agent())
        {
            await agent.TurnAsync(CancellationToken.None);
        }

        Assert.DoesNotContain(await _silo.TakeSentAsync(), frame => frame.Type == RunBody.Answer);
        Assert.DoesNotContain(_said, line => line.Contains("phase = approved", StringComparison.Ordinal));
        using SiloJournal journal = SiloJournal.Open(_silo.Home.JournalPath);
        Assert.Equal(SiloRunPhase.Ended, journal.State.Runs[ended.Job].Phase);
    }

    [Fact]
    public async Task Turn_Fork_StopsTheSiloWithAnAlarmUntilTheAdministratorResumes()
    {
        using (SiloAgentService agent = Agent())
        {
            await agent.TurnAsync(CancellationToken.None);
            await ForkAsync();
            await agent.TurnAsync(CancellationToken.None);
            _silo.Time.Advance(TimeSpan.FromSeconds(1));
            await agent.TurnAsync(CancellationToken.None);
        }

        Assert.Contains(_said, line => line.Contains("phase = alarm", StringComparison.Ordinal) && line.Contains("log_fork", StringComparison.Ordinal));
        Assert.Equal(EntryTypes.Alarm, (await _silo.TakeEntriesAsync())[^1].Type);
        using (SiloAgentService stopped = Agent())
        {
            await stopped.TurnAsync(CancellationToken.None);
            Assert.DoesNotContain(await _silo.TakeSentAsync(), frame => frame.Type == "witness_line");
        }

        _silo.Home.ForgetWitness();
        using (SiloJournal journal = SiloJournal.Open(_silo.Home.JournalPath))
        {
            Assert.Equal("log_fork", journal.State.LogRefusal);
            journal.Append(new LogResumed(_silo.Time.Now));
        }

        using SiloAgentService resumed = Agent();
        await resumed.TurnAsync(CancellationToken.None);
        Assert.Contains(await _silo.TakeSentAsync(), frame => frame.Type == "witness_line");
    }

    // Another first checkpoint of the same size: the same roster, logged at another time.
    private async Task ForkAsync()
    {
        _silo.Federation.ResetNumbers();
        _silo.Federation.Now = _silo.Federation.Now.AddHours(1);
        _silo.Log = new MemoryLog(_silo.Federation);
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        _silo.Time.Advance(TimeSpan.FromSeconds(1));
    }

    private Task OfferAsync()
    {
        PlanOfferBody offer = new()
        {
            Type = RunBody.Offer,
            Federation = new FederationId("test-federation"),
            RosterSha256 = _silo.Rosters[0].Digest(),
            Job = new RunId("run-1"),
            ConfigSha256 = AuditFederation.Hash("plan"),
            InitialModelSha256 = AuditFederation.Hash("v0"),
            AnswerBy = 1_800_000_030,
        };
        return SendAsync(RunBody.Offer, offer.Job, Jcs.Serialize(offer, RunBodyJson.Default.PlanOfferBody));
    }

    private async Task SendAsync(string type, RunId job, byte[] body)
    {
        MessageId id = _ids.Next();
        Frame frame = new()
        {
            V = Frame.CurrentVersion,
            Id = id,
            To = "silo-1",
            Run = job,
            Round = null,
            Type = type,
            Trace = null,
            Envelopes = [DsseEnvelope.Sign(RunBody.PayloadType, body, _silo.Federation.CoordinatorKey)],
            Blobs = [],
        };
        await new BlobMailbox(_silo.Store, "mail-silo-1", _silo.Time).SendAsync(id, frame.ToJson(), CancellationToken.None);
    }

    private SiloAgentService Agent() =>
        new(_silo.Home, AuditedSilo.Policy(), new NoTrainer(), _silo.Time, report => _said.Add(report.ToString() ?? string.Empty), new SiloAgentOptions { Store = _silo.Store, InBackground = false });

    private sealed class NoTrainer : ITrainer
    {
        public Task<TrainerOutcome> RunAsync(string jobFolder, Action<JsonElement> report, CancellationToken cancellation) => throw new InvalidOperationException("nothing is trained here");
    }
}
