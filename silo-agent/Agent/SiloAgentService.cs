// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Jobs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Connections;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Journals;
using FedCloud.SiloAgent.Membership;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;
using FedCloud.SiloAgent.SecureAggregation;
using FedCloud.SiloAgent.Telemetry;

namespace FedCloud.SiloAgent;

/// <summary>What an agent runs on, where it is not the ordinary.</summary>
public sealed record SiloAgentOptions
{
    /// <summary>The storage, whose containers are also the mailboxes; null means storage and mailboxes as the invitation says.</summary>
    public IBlobStore? Store { get; init; }

    /// <summary>The audit log; null means the log in the storage.</summary>
    public ILogView? Log { get; init; }

    /// <summary>The folders that may hold the token of a start; null means those of the system that lie in memory.</summary>
    public IReadOnlyList<string>? TokenFolders { get; init; }

    /// <summary>Whether trainers run beside the agent's other work; else each is waited for. Default true.</summary>
    public bool InBackground { get; init; } = true;

    /// <summary>How trainers store the base model: <c>f32</c>, <c>bf16</c> or <c>int8</c>. Default <c>f32</c>.</summary>
    public string BaseWeights { get; init; } = "f32";

    /// <summary>Says whether another policy waits; the agent then ends between two pieces of work, to be opened again under it. Null means none ever does.</summary>
    public Func<bool>? HasNewPolicy { get; init; }

    /// <summary>What trainers compute on; null for their own choice.</summary>
    public JobDevice? Device { get; init; }
}

/// <summary>The agent at work: mailbox to verified events, journal, effects. Decides nothing.</summary>
public sealed partial class SiloAgentService : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly SiloHome _home;
    private readonly SiloPolicy _policy;
    private readonly TimeProvider _time;
    private readonly Action<object> _report;
    private readonly SiloAgentOptions _options;
    private readonly IBlobStore _store;
    private readonly BellClient? _bell;
    private readonly CoordinatorPost _post;
    private readonly SiloConnections? _connections;
    private readonly IMailbox _mailbox;
    private readonly SiloJournal _journal;
    private readonly Member _member;
    private readonly ModelCache _models;
    private readonly RoundWork _work;
    private readonly SignedPost _signed;
    private readonly OwnEntries _entries;
    private readonly BudgetDesk _budget;
    private readonly SiloAudit _audit;
    private readonly EpochVault _vault;
    private readonly SecureIntake _secureIntake;
    private readonly SecureWork _secure;
    private readonly VerificationKey _coordinator;
    private readonly BackgroundWork _background;
    private readonly PlanShelf _plans;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly AgentTraces _traces = new();

    // Whether there may be something in the mailbox: the bell rang, or nothing was heard for a while. Looking costs a request.
    private volatile bool _mailWaits = true;
    private bool _asked;

    /// <summary>Opens the home and replays the journal.</summary>
    /// <param name="home">The home folder.</param>
    /// <param name="policy">The verified policy.</param>
    /// <param name="trainer">Runs jobs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="report">Takes what the terminal shows; it never leaves the machine.</param>
    /// <param name="options">What is not the ordinary.</param>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>journal_locked</c>.</exception>
    public SiloAgentService(SiloHome home, SiloPolicy policy, ITrainer trainer, TimeProvider time, Action<object> report, SiloAgentOptions? options = null)
    {
        _options = options ?? new SiloAgentOptions();
        _home = home;
        _background = new BackgroundWork(Wake);
        _policy = policy;
        _time = time;
        _report = report;
        SiloInvitation invitation = home.Invitation;
        _connections = _options.Store is null ? SiloConnections.Open(invitation, Environment.GetEnvironmentVariable, time) : null;
        _store = _options.Store ?? _connections!.Store;
        IMailboxes mailboxes = _connections?.Mailboxes ?? new BlobMailboxes(_store, time);
        _bell = invitation.BellUrl.Length == 0 ? null : new BellClient(invitation.BellUrl, invitation.SiloId, invitation.BellToken);
        _post = new CoordinatorPost(mailboxes.Open(MailboxNames.Coordinator), time, _bell);
        _mailbox = mailboxes.OpenOwn(MailboxNames.Of(invitation.SiloId));
        _coordinator = VerificationKey.FromBase64(invitation.CoordinatorSpki);
        _member = new Member(_store, home, policy, _post, (phase, detail) => Report(phase, null, null, detail));
        _models = new ModelCache(_store, home);
        _journal = SiloJournal.Open(home.JournalPath);
        try
        {
            _entries = new OwnEntries(home, _post, time, isNewHome: _journal.Head == Sha256Digest.Zero);
            _budget = new BudgetDesk(home, policy, _models, _entries, time, ReportBudget);
        }
        catch
        {
            _entries?.Dispose();
            _journal.Dispose();
            throw;
        }

        _work = new RoundWork(_store, home, policy, _models, trainer, _budget, ReportTrainer, time, _options.BaseWeights, _options.Device);
        _plans = new PlanShelf(home);
        _signed = new SignedPost(home, _post, _work, Report);

        _vault = home.OpenEpochs();
        EpochFiles files = new(_vault, _member, _models);
        _secureIntake = new SecureIntake(_store, home, _vault, files, _member, _models, policy, _coordinator);
        _secure = new SecureWork(_store, home, _post, _vault, files, _models, Report, time);
        Sha256Digest journalHead = _journal.Head;
        StartToken token = home.StartToken(_options.TokenFolders);
        bool isContinuous = token.Matches(_journal.State.Token);
        Append(new AgentRestarted(time.GetUtcNow(), isContinuous, token.Renew()));
        ILogView log = _options.Log ?? new BlobLogView(_store, home, _post);
        _audit = new SiloAudit(log, _entries, invitation.SiloId, policy.Digest(), journalHead, isContinuous, _budget, _journal.Contains, time, (phase, detail) => Report(phase, null, null, detail));
    }

    /// <summary>Whether the silo follows the log as a member.</summary>
    public bool IsInLog => _audit.IsInLog;

    /// <summary>Serves until it is stopped, or another policy waits.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Report("started", null, null, $"journal at {_journal.Head.Hex[..16]}");
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task bell = Task.Run(() => RingAsync(ended.Token), CancellationToken.None);
        try
        {
            while (!cancellation.IsCancellationRequested && !IsSuperseded())
            {
                if (!await DoDueAsync(cancellation) && !await _wake.WaitAsync(SiloAudit.PeriodOf(_journal.State), cancellation))
                {
                    _mailWaits = true;
                }
            }
        }
        finally
        {
            await ended.CancelAsync();
            await _background.StopAsync();
            await bell.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _models.Dispose();
        _vault.Dispose();
        _journal.Dispose();
        _entries.Dispose();
        _budget.Dispose();
        _connections?.Dispose();
        _bell?.Dispose();
        _wake.Dispose();
    }

    /// <summary>Takes what waits in the mailbox, finished work and passed deadlines, and carries out what follows.</summary>
    /// <returns>False when nothing was due, or when the machine or its storage is in trouble: call again later.</returns>
    public Task<bool> TurnAsync(CancellationToken cancellation)
    {
        _mailWaits = true;
        return DoDueAsync(cancellation);
    }

    private async Task<bool> DoDueAsync(CancellationToken cancellation)
    {
        try
        {
            await JoinAsync(cancellation);
            (int received, Task completed) = _mailWaits ? await TakeMailAsync(cancellation) : (0, Task.CompletedTask);
            bool worked;
            try
            {
                worked = await CarryOnAsync(cancellation);
            }
            finally
            {
                await completed;
            }

            return worked || received > 0 || _background.HasFinished;
        }
        catch (FedCloudException error) when (ErrorCodes.IsOperational(error.Code))
        {
            // Nothing is lost: messages stay in the mailbox, effects stay pending.
            Report("waiting", null, null, error.Message);
            return false;
        }
    }

    // What finished, what is due and what follows from all that was taken.
    private async Task<bool> CarryOnAsync(CancellationToken cancellation)
    {
        await _background.TakeFinishedAsync(TakeFinished);
        TakeDeadlines();
        TakeRoster();
        await TakeDecisionsAsync(cancellation);
        _plans.Show(_journal.State);
        if (await _audit.TurnAsync(_journal.State, _member.Rosters, cancellation) is { } seen)
        {
            Append(seen);
        }

        return await CarryOutAsync(cancellation);
    }

    // Once a start of the agent; the coordinator knows a repeated join.
    private async Task JoinAsync(CancellationToken cancellation)
    {
        if (!_asked)
        {
            await _member.JoinAsync(cancellation);
            await ReconsiderAsync(cancellation);
            _asked = true;
        }
    }

    // A start is when another policy comes into force.
    private async Task ReconsiderAsync(CancellationToken cancellation)
    {
        try
        {
            await _member.ReconsiderAsync(cancellation);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            Report("refused", null, null, error.Message);
        }
    }

    // What has begun is finished under the policy that allowed it.
    private bool IsSuperseded() => _options.HasNewPolicy?.Invoke() is true && !_background.HasWork;

    private void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            _wake.Release();
        }
    }

    private void Append(SiloEvent @event)
    {
        if (_journal.Append(@event) is { } ignored)
        {
            Report("ignored", null, null, $"{@event.GetType().Name}: {ignored}");
        }
    }

    private void TakeDeadlines()
    {
        DateTimeOffset now = _time.GetUtcNow();
        foreach (SiloDeadline deadline in SiloMachine.Deadlines(_journal.State).Where(deadline => deadline.At <= now).ToList())
        {
            Append(new SiloDeadlineReached(now, deadline.Job, deadline.Rid));
        }

        foreach (Sha256Digest sid in SiloMachine.Expired(_journal.State, now).ToList())
        {
            Append(new EpochExpired(now, sid));
        }
    }

    private void Report(string phase, RunId? job, int? round, string detail) =>
        _report(new { silo = _home.Invitation.SiloId.Value, phase, job = job?.Value, round, detail, at = _time.GetUtcNow() });

    private void ReportBudget(RunId? job, int? round, BudgetNews news) =>
        _report(new { silo = _home.Invitation.SiloId.Value, phase = "budget", job = job?.Value, round, detail = news.Text, budget = news, at = _time.GetUtcNow() });

    private void ReportTrainer(RunId job, int round, JsonElement line) =>
        _report(new { silo = _home.Invitation.SiloId.Value, phase = "trainer", job = job.Value, round, trainer = line.Clone(), at = _time.GetUtcNow() });
}
