// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator;

/// <summary>The coordinator in one process: everything is held here, and goes on by itself.</summary>
public sealed class CoordinatorService : IAsyncDisposable
{
    /// <summary>The name of the log key LK.</summary>
    public const string LogKey = "audit-log";

    private const int BatchSize = 32;

    private static readonly TimeSpan KeyPeriod = TimeSpan.FromMinutes(1);

    private readonly IBlobStore _store;
    private readonly TimeProvider _time;
    private readonly CoordinatorOptions _options;
    private readonly ICoordinatorEvents _events;
    private readonly IMailbox _mailbox;
    private readonly LocalRuns _runs;
    private readonly LocalEpochs _epochs = new();
    private readonly SemaphoreSlim _bell = new(0);
    private readonly ConcurrentQueue<RosterView> _rosters = new();

    /// <summary>Makes a coordinator.</summary>
    public CoordinatorService(IBlobStore store, IMailboxes mailboxes, IKeyVault vault, TimeProvider time, CoordinatorOptions options, ICoordinatorEvents events)
    {
        ArgumentNullException.ThrowIfNull(mailboxes);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(events);
        _store = store;
        _time = time;
        _options = options;
        _events = events;
        _mailbox = mailboxes.OpenOwn(StorageNames.MailCoordinator);
        _runs = new LocalRuns(store, time, options.InBackground, events.EffectFailed);
        Work = new CoordinatorWork(store, mailboxes, vault, time, options, events, _runs, _epochs);
    }

    /// <summary>What it does.</summary>
    public CoordinatorWork Work { get; }

    /// <summary>The federation as it stands.</summary>
    public FederationState Federation => Members.State;

    /// <summary>Invitations, joins, removals, and the keys of the federation.</summary>
    public FederationDesk Members => Work.Members;

    /// <summary>The runs as they stand.</summary>
    public IEnumerable<RunState> Runs => _runs.All;

    /// <summary>The coordinator's message key.</summary>
    public VerificationKey? MessageKey => Work.MessageKey;

    /// <summary>Makes containers and keys, and takes up everything that is stored.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        FederationState founding = await Work.PrepareAsync(cancellation);
        EpochActor epochs = await EpochActor.StartAsync(_store, Work.Opening, Work.EpochEffects, _time, _events.EpochEffectFailed, cancellation);
        _epochs.TakeUp(epochs);
        await _runs.StartAsync(Work.RunEffects, cancellation);
        await Work.TakeUpAsync(founding, TellRunsAsync, cancellation);
        await CountLettersAsync(cancellation);

        // The queue of rosters does not outlive the process: after a crash between a roster and its runs they hear of it here, and ignore one that they know.
        if (Members.Roster is { } roster)
        {
            _rosters.Enqueue(roster);
            await TellRunsOfRostersAsync(cancellation);
        }

        // Only now: a slot is granted to a run that is here.
        if (_options.InBackground)
        {
            epochs.Begin();
        }
    }

    /// <summary>Serves the mailbox, the log and the audit window until it is stopped, or one of them fails.</summary>
    public async Task ServeAsync(CancellationToken cancellation)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        AuditWindow window = new(_store, _time, _options.AuditWindow);
        Task[] all =
        [
            ServeMailAsync(either.Token),
            Work.Log.ServeAsync(either.Token),
            ServeKeysAsync(either.Token),
            window.ServeAsync(() => Federation.Joined.Keys, _events.SweepFailed, either.Token),
        ];
        await Task.WhenAny(all);
        await either.CancelAsync();
        await Task.WhenAll(all);
    }

    /// <summary>Takes what waits in the mailbox, and does one due thing of each run and of the epochs: for a host that schedules by itself.</summary>
    /// <returns>False when nothing was due.</returns>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        bool worked = await TakeMailAsync(cancellation) > 0;
        worked |= await _runs.TurnAsync(cancellation);
        worked |= await _epochs.Actor.TurnAsync(cancellation);
        return await Work.Log.TurnAsync(cancellation) || worked;
    }

    /// <summary>Says that the mailbox may hold something.</summary>
    public void Ring()
    {
        if (_bell.CurrentCount == 0)
        {
            _bell.Release();
        }
    }

    /// <inheritdoc cref="CoordinatorWork.SubmitAsync"/>
    public Task<RunState> SubmitAsync(RunConfig config, CancellationToken cancellation) => Work.SubmitAsync(config, cancellation);

    /// <inheritdoc cref="CoordinatorWork.CancelAsync"/>
    public Task<string?> CancelAsync(RunId job, CancellationToken cancellation) => Work.CancelAsync(job, cancellation);

    /// <inheritdoc cref="CoordinatorWork.DetailAsync"/>
    public Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation) => Work.DetailAsync(job, cancellation);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _runs.DisposeAsync();
        await _epochs.DisposeAsync();
        _bell.Dispose();
        Work.Dispose();
    }

    private async Task ServeKeysAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            await Task.Delay(KeyPeriod, _time, cancellation);
            await Work.Keys.CheckAsync(cancellation);
        }
    }

    private async Task ServeMailAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            // A message that comes meanwhile rings the bell.
            if (await TakeMailAsync(cancellation) < BatchSize)
            {
                await _bell.WaitAsync(_options.PollInterval, cancellation);
            }
        }
    }

    private async Task<int> TakeMailAsync(CancellationToken cancellation)
    {
        IReadOnlyList<ReceivedMessage> messages = await _mailbox.ReceiveAsync(BatchSize, cancellation);
        List<Task> completed = [];
        foreach (ReceivedMessage message in messages)
        {
            Work.Waited(message.Sent);
            if (await Work.TakeAsync(message.Id, message.Body, cancellation) is { } refused)
            {
                await _mailbox.DeadLetterAsync(message, refused.Name, cancellation);
                await CountLettersAsync(cancellation);
            }
            else
            {
                completed.Add(_mailbox.CompleteAsync(message, cancellation));
            }
        }

        await Task.WhenAll(completed);

        // What trouble of the storage left undone earlier.
        await Members.CarryOutAsync(cancellation);
        await TellRunsOfRostersAsync(cancellation);
        return messages.Count;
    }

    // Nobody takes them away, so their number changes here only.
    private async Task CountLettersAsync(CancellationToken cancellation)
    {
        if (CoordinatorMetrics.CountsDeadLetters)
        {
            CoordinatorMetrics.PutAside(CoordinatorMetrics.CoordinatorMailbox, (await _mailbox.ListDeadLettersAsync(cancellation)).Count);
        }
    }

    private Task TellRunsAsync(RosterView roster)
    {
        _rosters.Enqueue(roster);
        return Task.CompletedTask;
    }

    private async Task TellRunsOfRostersAsync(CancellationToken cancellation)
    {
        while (_rosters.TryPeek(out RosterView? roster))
        {
            await Work.TellAsync(roster, cancellation);
            _rosters.TryDequeue(out _);
        }
    }
}
