// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Runs;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class SiloAuditTests : IDisposable
{
    private static readonly TimeSpan TrainerStarts = TimeSpan.FromMilliseconds(400);

    private static readonly RoundOpening Start = AuditedSilo.Start(1);
    private static readonly Sha256Digest Rid = AuditedSilo.Rid(Start);

    private readonly AuditedSilo _silo = new();
    private readonly FakeLog _log = new();
    private readonly List<string> _said = [];
    private readonly OwnEntries _entries;
    private readonly ModelCache _models;
    private readonly BudgetDesk _budget;
    private readonly SiloAudit _audit;

    public SiloAuditTests()
    {
        _entries = new OwnEntries(_silo.Home, _silo.Post, _silo.Time, isNewHome: true);
        _models = new ModelCache(_silo.Store, _silo.Home);
        _budget = new BudgetDesk(_silo.Home, AuditedSilo.Policy(), _models, _entries, _silo.Time, (_, _, _) => { });
        _audit = Audit(_entries);
    }

    public void Dispose()
    {
        _budget.Dispose();
        _models.Dispose();
        _entries.Dispose();
        _silo.Dispose();
    }

    [Fact]
    public async Task Turn_AMember_LooksOnceAPeriod()
    {
        await TurnAsync(new SiloState());
        await TurnAsync(new SiloState());
        Assert.Equal(1, _log.Looks);

        _silo.Time.Advance(TimeSpan.FromSeconds(1));
        await TurnAsync(new SiloState());

        Assert.Equal(2, _log.Looks);
    }

    [Fact]
    public async Task Turn_NotAMember_DoesNotLook()
    {
        await _audit.TurnAsync(new SiloState(), [], CancellationToken.None);
        Roster without = _silo.Federation.NextRoster(members => members.RemoveAt(0));
        await _audit.TurnAsync(new SiloState(), [.. _silo.Rosters, without], CancellationToken.None);

        Assert.Equal(0, _log.Looks);
    }

    [Fact]
    public async Task Turn_NewRoundSoonAndReadyUpdateAtOnce_AreLookedFor()
    {
        await TurnAsync(new SiloState());

        await TurnAsync(In(SiloRoundPhase.Training));
        Assert.Equal((1, 0), (_log.Looks, _log.Searches));
        _silo.Time.Advance(TrainerStarts);
        await TurnAsync(In(SiloRoundPhase.Training));
        await TurnAsync(In(SiloRoundPhase.Training));
        Assert.Equal((2, 1), (_log.Looks, _log.Searches));

        await TurnAsync(In(SiloRoundPhase.Held));
        await TurnAsync(In(SiloRoundPhase.Held));
        Assert.Equal((3, 2), (_log.Looks, _log.Searches));
        Assert.Null(_audit.Seen(new AwaitWitnesses(Rid, Start)));

        _log.Sighting = new RoundSighting.Witnessed(9);
        _silo.Time.Advance(SiloAudit.PeriodOf(In(SiloRoundPhase.Held)));
        await TurnAsync(In(SiloRoundPhase.Held));

        Assert.Equal(TimeSpan.FromMilliseconds(200), SiloAudit.PeriodOf(In(SiloRoundPhase.Held)));
        Assert.Equal(9, Assert.IsType<RoundWitnessed>(_audit.Seen(new AwaitWitnesses(Rid, Start))).Size);
    }

    [Fact]
    public async Task Turn_WitnessedWhileTraining_IsKnownWhenTheUpdateIsReady()
    {
        _log.Sighting = new RoundSighting.Witnessed(9);
        await TurnAsync(In(SiloRoundPhase.Training));
        _silo.Time.Advance(TrainerStarts);
        await TurnAsync(In(SiloRoundPhase.Training));

        Assert.IsType<RoundWitnessed>(_audit.Seen(new AwaitWitnesses(Rid, Start)));
        _silo.Time.Advance(TimeSpan.FromSeconds(1));
        await TurnAsync(In(SiloRoundPhase.Held));

        Assert.Equal(1, _log.Searches);
    }

    [Fact]
    public async Task Seen_MisrecordedRound_IsTold()
    {
        _log.Sighting = new RoundSighting.Misrecorded(Rid);
        await TurnAsync(In(SiloRoundPhase.Held));

        Assert.Equal(Rid, Assert.IsType<RoundMisrecorded>(_audit.Seen(new AwaitWitnesses(Rid, Start))).Entry);
    }

    [Fact]
    public async Task Turn_Refused_IsAnEventAndEndsLookingWhileEntriesGoOn()
    {
        _log.Look = new LogLook.Refused(ErrorCodes.LogFork, [Rid]);
        await _entries.LogAsync(EntryDraft.Of(EntryTypes.Alarm).With("code", "log_fork").With("evidence_1", Rid), CancellationToken.None);

        LogRefused refused = Assert.IsType<LogRefused>(await TurnAsync(new SiloState()));
        _silo.Time.Advance(TimeSpan.FromSeconds(1));
        await TurnAsync(new SiloState { LogRefusal = "log_fork" });

        Assert.Equal("log_fork", refused.Code);
        Assert.Equal(1, _log.Looks);
        Assert.Equal("alarm", Assert.Single(await _silo.TakeEntriesAsync()).Type);
    }

    [Fact]
    public async Task Turn_Trouble_IsSaidOnceAndStopsNothing()
    {
        _log.Trouble = new FedCloudException(ErrorCodes.LogFileMissing, "expected a tile");
        for (int i = 0; i < 3; i++)
        {
            Assert.Null(await TurnAsync(new SiloState()));
            _silo.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(_said);
        Assert.Equal(3, _log.Looks);
    }

    [Fact]
    public async Task Turn_OtherIndexInANewRoster_IsNoOtherStart()
    {
        await AcceptAsync();
        _silo.Rosters = [.. _silo.Rosters, _silo.Federation.NextRoster(members => members.Insert(0, new AuditFederation.Member(new("silo-0"))))];

        await AcceptAsync();

        Assert.Single(await _silo.TakeEntriesAsync());
    }

    [Fact]
    public async Task Turn_TroubleWithTheLog_LetsEntriesGoOn()
    {
        await AcceptAsync();
        await _silo.TakeSentAsync();
        _log.Trouble = new FedCloudException(ErrorCodes.LogFileMissing, "expected a tile");
        await _audit.LogAsync(new SiloState(), new RaiseAlarm(null, "log_fork", [Rid]), CancellationToken.None);
        _silo.Time.Advance(TimeSpan.FromSeconds(1));

        await TurnAsync(new SiloState());

        Assert.Contains(await _silo.TakeEntriesAsync(), entry => entry.Type == "alarm");
    }

    [Fact]
    public async Task Turn_LogWithoutARoster_KeepsEntriesWaiting()
    {
        await _audit.LogAsync(new SiloState(), new RaiseAlarm(null, "log_fork", [Rid]), CancellationToken.None);
        await TurnAsync(new SiloState());
        Assert.Empty(await _silo.TakeEntriesAsync());

        await AcceptAsync();

        Assert.Equal(["alarm", "agent_started"], (await _silo.TakeEntriesAsync()).Select(entry => entry.Type));
    }

    [Fact]
    public async Task Turn_EachStart_LogsOneAgentStartedWithANonceOfItsOwn()
    {
        await AcceptAsync();
        await AcceptAsync();
        LogEntry first = Assert.Single(await _silo.TakeEntriesAsync());
        _entries.Dispose();
        using OwnEntries entries = new(_silo.Home, _silo.Post, _silo.Time, isNewHome: false);

        await Audit(entries).TurnAsync(new SiloState(), _silo.Rosters, CancellationToken.None);

        LogEntry second = (await _silo.TakeEntriesAsync())[^1];
        Assert.Equal([1, 2], new[] { first, second }.Select(entry => entry.Seq));
        Assert.NotEqual(first.Subjects["nonce"], second.Subjects["nonce"]);
        Assert.Equal((AuditFederation.Hash("head"), 1L, false), (first.Subjects["journal_head"], first.Fields["idx"].Integer, first.Fields["continuous"].Flag));
        LogEntry.Parse(first.ToBytes());
    }

    [Fact]
    public async Task Turn_RoundIsSought_UnderACheckpointThatCoversThisStartOfTheAgent()
    {
        await AcceptAsync();
        LogEntry started = Assert.Single(await _silo.TakeEntriesAsync());
        await TurnAsync(In(SiloRoundPhase.Training));
        Assert.Null(_log.AgentStarted);

        _log.Look = new LogLook.Accepted(8, ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(1, new OwnPlace(7, started.Identity)));
        await TurnAsync(In(SiloRoundPhase.Held));

        Assert.Equal(7, _log.AgentStarted);
    }

    private SiloAudit Audit(OwnEntries entries) =>
        new(_log, entries, _silo.Federation.Members[0].Silo, AuditFederation.Hash("policy"), AuditFederation.Hash("head"), isContinuous: false, _budget, head => head == AuditFederation.Hash("head"), _silo.Time, (phase, detail) => _said.Add($"{phase} {detail}"));

    private Task<SiloEvent?> TurnAsync(SiloState state) => _audit.TurnAsync(state, _silo.Rosters, CancellationToken.None);

    private async Task AcceptAsync()
    {
        _log.Look = new LogLook.Accepted(1, ImmutableSortedDictionary<long, OwnPlace>.Empty);
        _silo.Time.Advance(TimeSpan.FromSeconds(1));
        await TurnAsync(new SiloState());
    }

    private static SiloState In(SiloRoundPhase phase) => new()
    {
        Runs = ImmutableSortedDictionary<RunId, SiloRun>.Empty.Add(Start.Job, new SiloRun
        {
            ConfigSha256 = Start.ConfigSha256,
            Phase = SiloRunPhase.Approved,
            Idx = 1,
            InitialModelSha256 = Start.ModelSha256,
            Model = new ModelReference(0, Start.ModelSha256),
            Round = new SiloRound { Rid = Rid, Start = Start, Phase = phase },
        }),
    };

    private sealed class FakeLog : ILogView
    {
        public int Looks { get; private set; }

        public int Searches { get; private set; }

        public long? AgentStarted { get; private set; }

        public LogLook Look { get; set; } = new LogLook.Nothing();

        public RoundSighting Sighting { get; set; } = new RoundSighting.Unwitnessed();

        public FedCloudException? Trouble { get; set; }

        public Task<LogLook> FollowAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation)
        {
            Looks++;
            return Trouble is null ? Task.FromResult(Look) : throw Trouble;
        }

        public Task<RoundSighting> SeekAsync(Sha256Digest rid, RoundOpening start, long? agentStarted, ImmutableArray<Roster> rosters, CancellationToken cancellation)
        {
            Searches++;
            AgentStarted = agentStarted;
            return Task.FromResult(Sighting);
        }

        public Task<WrappingPlace?> WrappingKeyAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation) => Task.FromResult<WrappingPlace?>(null);
    }
}
