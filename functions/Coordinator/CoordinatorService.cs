// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator;

/// <summary>What a coordinator runs on.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>A folder for temporary files.</summary>
    public required string Scratch { get; init; }

    /// <summary>How long the mailbox is left alone when nobody rings. Default 500 ms.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Slots of an epoch under secure aggregation, from 1 to 64: with more, epochs come more rarely and their messages are larger. Default 16.</summary>
    public int EpochSlots { get; init; } = Fcsa1.DefaultSlots;

    /// <summary>How long silos may take for a step of an epoch, in whole seconds, before it goes on without them. Default 30 s.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long masked vectors and revealed secrets are kept for auditors. Default 90 days.</summary>
    public TimeSpan AuditWindow { get; init; } = SecureAggregation.AuditWindow.Default;

    /// <summary>Whether runs go on by themselves; else the host calls <see cref="CoordinatorService.TurnAsync"/>. Default true.</summary>
    public bool InBackground { get; init; } = true;
}

/// <summary>The coordinator's work, host-free: mailbox to events, documents, effects.</summary>
public sealed partial class CoordinatorService : IAsyncDisposable
{
    /// <summary>The name of the log key LK.</summary>
    public const string LogKey = "audit-log";

    private const int BatchSize = 32;

    private readonly IBlobStore _store;
    private readonly IKeyVault _vault;
    private readonly TimeProvider _time;
    private readonly CoordinatorOptions _options;
    private readonly ICoordinatorEvents _events;
    private readonly SiloPost _post;
    private readonly EpochArchive _archive;
    private readonly RunEffects _effects;
    private readonly RoundDesk _rounds;
    private readonly RoundShelf _records;
    private readonly BlobMailbox _mailbox;
    private readonly CoordinatorLog _log;
    private readonly SemaphoreSlim _bell = new(0);
    private readonly SemaphoreSlim _submitting = new(1, 1);
    private readonly ConcurrentDictionary<RunId, RunActor> _runs = [];
    private readonly ConcurrentQueue<RosterView> _rosters = new();
    private FederationDesk? _members;
    private EpochActor? _epochs;
    private EpochDesk? _epochDesk;

    /// <summary>Makes a coordinator.</summary>
    public CoordinatorService(IBlobStore store, IKeyVault vault, TimeProvider time, CoordinatorOptions options, ICoordinatorEvents events)
    {
        _store = store;
        _vault = vault;
        _time = time;
        _options = options;
        _events = events;
        _post = new SiloPost(store, vault, options.Federation, time, events.RingSilo);
        _log = new CoordinatorLog(store, vault, time, options, events);
        _archive = new EpochArchive(new SecureShelf(store));
        _effects = new RunEffects(store, vault, _post, _log.Desk, time, options.Scratch, _archive, (request, cancellation) => Epochs.ApplyAsync(new SlotRequested(time.GetUtcNow(), request), cancellation));
        _rounds = new RoundDesk(_archive, () => _runs.Values.Select(run => run.State));
        _records = new RoundShelf(store);
        _mailbox = new BlobMailbox(store, StorageNames.MailCoordinator, time);
    }

    /// <summary>The federation as it stands.</summary>
    public FederationState Federation => Members.State;

    /// <summary>Invitations, joins, removals, and the keys of the federation.</summary>
    public FederationDesk Members => _members ?? throw new InvalidOperationException("the coordinator is not started");

    /// <summary>The runs as they stand.</summary>
    public IEnumerable<RunState> Runs => _runs.Values.Select(run => run.State).OrderBy(run => run.SubmittedAt);

    /// <summary>The epochs of secure aggregation.</summary>
    public EpochActor Epochs => _epochs ?? throw new InvalidOperationException("the coordinator is not started");

    /// <summary>The coordinator's message key.</summary>
    public VerificationKey? MessageKey { get; private set; }

    /// <summary>Makes containers and keys, and takes up everything that is stored.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        foreach (string container in StorageNames.Shared)
        {
            await _store.EnsureContainerAsync(container, cancellation);
        }

        KeyVersion message = await _vault.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, cancellation);
        KeyVersion log = await _vault.EnsureAsync(LogKey, KeyKind.EcP256, cancellation);
        await _vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, cancellation);
        MessageKey = VerificationKey.FromSpki(message.Spki);
        FederationState founding = new()
        {
            Federation = _options.Federation,
            CoordinatorSpkiSha256 = MessageKey.Fingerprint,
            LogVkey = VerificationKey.FromSpki(log.Spki).VKey(_log.Origin),
        };
        await _log.StartAsync(cancellation);
        EpochsState opening = new() { Federation = _options.Federation, Slots = _options.EpochSlots, StepTimeout = (int)_options.StepTimeout.TotalSeconds };
        EpochEffects epochEffects = new(_archive, _post, _log.Desk, _time, GrantAsync);
        _epochs = await EpochActor.StartAsync(_store, opening, epochEffects, _time, _events.EpochEffectFailed, cancellation);
        _epochDesk = new EpochDesk(_archive, _epochs, _time);
        await foreach (BlobItem item in _store.ListAsync(StorageNames.State, "runs/", cancellation))
        {
            string[] parts = item.Path.Split('/');
            if (parts is ["runs", string id, "document.json"])
            {
                RunId job = RunId.Parse(id);
                _runs[job] = await RunActor.StartAsync(_store, job, opened: null, _effects, _time, _events.EffectFailed, _options.InBackground, cancellation);
            }
        }

        FederationActor actor = await FederationActor.StartAsync(_store, _post, _log.Desk, founding, TellRunsAsync, cancellation);
        _members = new FederationDesk(_store, _vault, _time, actor, _log);

        // The queue of rosters does not outlive the process: after a crash between a roster and its runs they hear of it here, and ignore one that they know.
        if (Members.Roster is { } roster)
        {
            _rosters.Enqueue(roster);
            await TellRunsOfRostersAsync(cancellation);
        }

        // Only now: a slot is granted to a run that is here.
        if (_options.InBackground)
        {
            _epochs.Begin();
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
            _log.ServeAsync(either.Token),
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
        foreach (RunActor run in _runs.Values.OrderBy(run => run.State.Config.Job.Value, StringComparer.Ordinal))
        {
            worked |= await run.TurnAsync(cancellation);
        }

        worked |= await Epochs.TurnAsync(cancellation);
        return await _log.TurnAsync(cancellation) || worked;
    }

    /// <summary>Says that the mailbox may hold something.</summary>
    public void Ring()
    {
        if (_bell.CurrentCount == 0)
        {
            _bell.Release();
        }
    }

    /// <summary>Packs the log, the rosters and the coordinator's public keys, for whoever verifies them.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="sums">Whether what recomputes the sums of its rounds is packed too.</param>
    /// <param name="recipient">The role that it is exported for, which the log then says; null for a look that is no export.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>log_empty</c>, <c>log_lease_lost</c> or <c>storage_*</c>.</exception>
    public Task PackEvidenceAsync(string path, bool sums, string? recipient, CancellationToken cancellation) => _log.PackAsync(path, sums, recipient, cancellation);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (RunActor run in _runs.Values)
        {
            await run.DisposeAsync();
        }

        if (_epochs is { } epochs)
        {
            await epochs.DisposeAsync();
        }

        _bell.Dispose();
        _log.Dispose();
        _submitting.Dispose();
        _members?.Dispose();
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

    private RunActor Find(RunId job) => _runs.TryGetValue(job, out RunActor? run) ? run : throw new FedCloudException(ErrorCodes.RunMissing, $"there is no run {job}");

    private async Task<int> TakeMailAsync(CancellationToken cancellation)
    {
        IReadOnlyList<ReceivedMessage> messages = await _mailbox.ReceiveAsync(BatchSize, cancellation);
        List<Task> completed = [];
        foreach (ReceivedMessage message in messages)
        {
            if (await TakeAsync(message, cancellation))
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

    // False for a message that is not done with.
    private async Task<bool> TakeAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        try
        {
            Frame frame = Frame.FromJson(message.Body);
            ImmutableArray<SiloMessage> verified = SiloIntake.Verify(frame, Federation, _time.GetUtcNow());

            // Entries first: the charge that travels with a masked vector comes before it in the log.
            await _log.Desk.ForwardAsync(verified.OfType<SiloMessage.Entry>().Select(entry => entry.Logged), cancellation);
            foreach (SiloMessage one in verified)
            {
                await TakeAsync(one, cancellation);
            }

            return true;
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            // Forged, malformed, of another version, or for a run that is not here: put aside with its reason.
            _events.MessageRefused(message.Id, error);
            await _mailbox.DeadLetterAsync(message, error.Code.Name, cancellation);
            return false;
        }
    }

    private async Task TakeAsync(SiloMessage message, CancellationToken cancellation)
    {
        switch (message)
        {
            case SiloMessage.ForRun forRun:
                if (await Find(forRun.Job).ApplyAsync(forRun.Id, forRun.Event, cancellation) is { } ignored)
                {
                    _events.EventIgnored(forRun.Job, forRun.Event.GetType().Name, ignored);
                }

                break;
            case RoundMessage round:
                if (await _rounds.TakeAsync(round, _time.GetUtcNow(), cancellation) is { } fits)
                {
                    await TakeAsync(fits, cancellation);
                }
                else if (round.Run is { } named)
                {
                    _events.EventIgnored(named, round.GetType().Name, "the message belongs to no round in progress");
                }

                break;
            case EpochMessage epoch:
                if (_epochDesk is { } desk && await desk.TakeAsync(epoch, Federation.Roster, cancellation) is { } stale)
                {
                    _events.EpochEventIgnored(epoch.GetType().Name, stale);
                }

                break;
            case SiloMessage.Joining joining:
                await Members.JoinAsync(joining, cancellation);
                break;
            case SiloMessage.Signature signature:
                await Members.SignedAsync(signature, cancellation);
                break;
            case SiloMessage.Line line:
                await _log.AcceptAsync(line.Body, line.Witness, cancellation);
                break;
        }
    }

    private Task TellRunsAsync(RosterView roster)
    {
        _rosters.Enqueue(roster);
        return Task.CompletedTask;
    }

    // A run that is over needs no slot.
    private Task GrantAsync(SlotGrant grant, CancellationToken cancellation) =>
        _runs.TryGetValue(grant.Request.Job, out RunActor? run) ? run.ApplyAsync(id: null, new SlotGranted(_time.GetUtcNow(), grant), cancellation) : Task.CompletedTask;

    private async Task TellRunsOfRostersAsync(CancellationToken cancellation)
    {
        while (_rosters.TryPeek(out RosterView? roster))
        {
            await Epochs.ApplyAsync(new EpochRosterChanged(_time.GetUtcNow(), roster), cancellation);
            foreach (RunActor run in _runs.Values)
            {
                await run.ApplyAsync(id: null, new RosterChanged(_time.GetUtcNow(), roster), cancellation);
            }

            _rosters.TryDequeue(out _);
        }
    }
}
