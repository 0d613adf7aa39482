// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;

namespace FedCloud.Coordinator;

/// <summary>The coordinator as any number of processes on one storage: each does what it is asked for, and keeps nothing that matters.</summary>
/// <remarks>
/// Documents are replaced under their ETags, and whoever loses reads and decides again. What needs one at a time takes a lease. An
/// orchestration follows each actor: it asks for the <see cref="Outlook"/>, has the effects carried out that are due, and sleeps until
/// it is woken or a deadline has come. Nothing depends on a wake that arrives: <see cref="WatchAsync"/> wakes everybody now and then.
/// </remarks>
public sealed class SharedCoordinator : IDisposable
{
    // Whoever may send can send junk; it must not fill the log.
    private const int LettersAnEntry = 64;

    private static readonly TimeSpan LogLongest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(30);

    private readonly IBlobStore _store;
    private readonly TimeProvider _time;
    private readonly CoordinatorOptions _options;
    private readonly IOrchestrations _orchestrations;
    private readonly StoredRuns _runs;
    private readonly StoredEpochs _epochs;
    private readonly SemaphoreSlim _starting = new(1, 1);
    private bool _isStarted;

    /// <summary>Makes it.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="mailboxes">The mailboxes.</param>
    /// <param name="vault">The keys.</param>
    /// <param name="time">The clock.</param>
    /// <param name="options">The settings.</param>
    /// <param name="events">Hears of what happens.</param>
    /// <param name="orchestrations">Sets actors going.</param>
    public SharedCoordinator(IBlobStore store, IMailboxes mailboxes, IKeyVault vault, TimeProvider time, CoordinatorOptions options, ICoordinatorEvents events, IOrchestrations orchestrations)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(events);
        _store = store;
        _time = time;
        _options = options with { IsShared = true, InBackground = false };
        _orchestrations = orchestrations;
        _runs = new StoredRuns(store, time, (job, cancellation) => orchestrations.WakeAsync(ActorName.Run(job), cancellation), events.EffectFailed);
        _epochs = new StoredEpochs(store, time, cancellation => orchestrations.WakeAsync(ActorName.Epochs, cancellation), events.EpochEffectFailed);
        Work = new CoordinatorWork(store, mailboxes, vault, time, _options, events, _runs, _epochs);
        _runs.Use(Work.RunEffects);
        _epochs.Use(Work.EpochEffects, Work.Opening);
    }

    /// <summary>What it does.</summary>
    public CoordinatorWork Work { get; }

    /// <summary>Makes what must be there before anything else, once in each process.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _starting.WaitAsync(cancellation);
        try
        {
            if (!_isStarted)
            {
                FederationState founding = await Work.PrepareAsync(cancellation);
                await Work.TakeUpAsync(founding, roster => Work.TellAsync(roster, CancellationToken.None), cancellation);
                _isStarted = true;
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Takes a message from the coordinator's mailbox. Durable when this returns.</summary>
    /// <returns>Null when the message is done with; else why it is to be put aside.</returns>
    public async Task<ErrorCode?> TakeAsync(MessageId id, byte[] body, CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        ErrorCode? refused = await Work.TakeAsync(id, body, cancellation);
        await WakeLogAsync(cancellation);
        return refused;
    }

    /// <summary>Takes a message from the coordinator's mailbox, and notes how long it had waited there.</summary>
    /// <returns>Null when the message is done with; else why it is to be put aside.</returns>
    public Task<ErrorCode?> TakeAsync(MessageId id, byte[] body, DateTimeOffset sent, CancellationToken cancellation)
    {
        Work.Waited(sent);
        return TakeAsync(id, body, cancellation);
    }

    /// <summary>Looks at an actor: takes a deadline that has passed, and says what is next.</summary>
    public async Task<Outlook> AdvanceAsync(ActorName actor, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(actor);
        await StartAsync(cancellation);
        Outlook outlook = actor switch
        {
            { Kind: ActorKind.Run, Job: { } job } => await _runs.LookAsync(job, cancellation),
            { Kind: ActorKind.Epochs } => await _epochs.LookAsync(cancellation),
            _ => await WriteLogAsync(cancellation),
        };
        await WakeLogAsync(cancellation);
        return outlook;
    }

    /// <summary>Carries out an effect, if it is still pending.</summary>
    public async Task CarryOutAsync(ActorName actor, long effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(actor);
        await StartAsync(cancellation);
        await (actor.Job is { } job ? _runs.CarryOutAsync(job, effect, cancellation) : _epochs.CarryOutAsync(effect, cancellation));
        await WakeLogAsync(cancellation);
    }

    /// <summary>Computes a part of an effect beforehand, if it is still pending.</summary>
    public async Task CarryOutPartAsync(ActorName actor, long effect, int part, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(actor);
        await StartAsync(cancellation);
        await _runs.CarryOutPartAsync(actor.Job ?? throw new ArgumentException("only runs have effects with parts", nameof(actor)), effect, part, cancellation);
    }

    /// <summary>Wakes everybody whom a lost wake may have left asleep, and does what trouble of the storage left undone earlier.</summary>
    public async Task WatchAsync(CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        await Work.Members.CarryOutAsync(cancellation);
        await Work.Keys.CheckAsync(cancellation);
        await _orchestrations.WakeAsync(ActorName.Log, cancellation);
        await _orchestrations.WakeAsync(ActorName.Epochs, cancellation);
        foreach (RunId job in await _runs.ActiveAsync(cancellation))
        {
            await _orchestrations.WakeAsync(ActorName.Run(job), cancellation);
        }
    }

    /// <summary>Takes up what has become of the coordinator's keys: the vault says that one has a new version.</summary>
    public async Task CheckKeysAsync(CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        await Work.Keys.CheckAsync(cancellation);
        await WakeLogAsync(cancellation);
    }

    /// <summary>Deletes what has outlived the audit window, and notes when keys end.</summary>
    /// <returns>How many blobs were deleted.</returns>
    public async Task<int> SweepAsync(CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        await Work.NoteKeysAsync(cancellation);
        FederationState federation = await Work.FederationAsync(cancellation);
        return await new AuditWindow(_store, _time, _options.AuditWindow).SweepAsync(federation.Joined.Keys, cancellation);
    }

    /// <summary>Records messages that were put aside: that they were there, and why; never what they say.</summary>
    /// <param name="letters">The messages, each with its reason: a code of the vocabulary. Another text, or none, counts as too many deliveries.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task RecordDeadLettersAsync(IEnumerable<(byte[] Body, string? Reason)> letters, CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        ImmutableArray<(byte[] Body, string? Reason)> all = [.. letters];
        CoordinatorMetrics.PutAside(CoordinatorMetrics.CoordinatorMailbox, all.Length);
        ImmutableArray<EntryDraft> entries =
        [
            .. all.GroupBy(letter => letter.Reason is { } reason && ErrorCodes.All.TryGetValue(reason, out ErrorCode? code) ? code : ErrorCodes.DeliveryLimit)
                .SelectMany(same => same.Chunk(LettersAnEntry).Select(some => FederationEntries.PutAside(some.Select(letter => Sha256Digest.Of(letter.Body)), same.Key))),
        ];
        await Work.Log.Desk.TakeAsync(source: null, 0, entries, cancellation);
        await WakeLogAsync(cancellation);
    }

    /// <summary>Records an administrative action. Delivered twice, it is recorded twice: platforms promise no more.</summary>
    public async Task RecordAccessAsync(AdministrativeAction action, CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        await Work.Log.RecordAccessAsync(action, cancellation);
        await WakeLogAsync(cancellation);
    }

    /// <summary>After a request that may have sent entries to the log.</summary>
    public Task WakeLogAsync(CancellationToken cancellation) => Work.Log.TakeRing() ? _orchestrations.WakeAsync(ActorName.Log, cancellation) : Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        Work.Dispose();
        _starting.Dispose();
    }

    private async Task<Outlook> WriteLogAsync(CancellationToken cancellation)
    {
        await Work.Log.WriteAsync(_options.LogIdle, LogLongest, cancellation);
        return new Outlook { Deadline = _time.GetUtcNow() + LogPause };
    }
}
