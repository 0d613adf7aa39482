// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Telemetry;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator;

/// <summary>The coordinator's work without its clockwork: what a message, a request or a pending effect comes to.</summary>
/// <remarks>
/// Two hosts set it going. <see cref="CoordinatorService"/> holds everything in one process; orchestrations in the cloud read what
/// they need from storage that several processes share. The difference is behind <see cref="IRuns"/> and <see cref="IEpochs"/>.
/// </remarks>
public sealed partial class CoordinatorWork : IDisposable
{
    private readonly IBlobStore _store;
    private readonly IKeyVault _vault;
    private readonly TimeProvider _time;
    private readonly CoordinatorOptions _options;
    private readonly ICoordinatorEvents _events;
    private readonly IRuns _runs;
    private readonly IEpochs _epochs;
    private readonly SiloPost _post;
    private readonly RoundDesk _rounds;
    private readonly EpochDesk _epochDesk;
    private readonly RoundShelf _records;
    private FederationDesk? _members;

    /// <summary>Makes it.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="mailboxes">The mailboxes.</param>
    /// <param name="vault">The keys.</param>
    /// <param name="time">The clock.</param>
    /// <param name="options">The settings.</param>
    /// <param name="events">Hears of what happens.</param>
    /// <param name="runs">The runs.</param>
    /// <param name="epochs">The epochs.</param>
    public CoordinatorWork(IBlobStore store, IMailboxes mailboxes, IKeyVault vault, TimeProvider time, CoordinatorOptions options, ICoordinatorEvents events, IRuns runs, IEpochs epochs)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(events);
        _store = store;
        _vault = vault;
        _time = time;
        _options = options;
        _events = events;
        _runs = runs;
        _epochs = epochs;
        _post = new SiloPost(store, mailboxes, vault, options.Federation, time, events.RingSilo);
        Log = new CoordinatorLog(store, mailboxes, vault, time, options, events);
        EpochArchive archive = new(new SecureShelf(store));
        Keys = new WrappingKeyDesk(vault, _post, time, options, () => Members, FederationAsync, events);
        RunEffects = new RunEffects(store, Keys, _post, Log.Desk, time, options, archive, (request, cancellation) => epochs.ApplyAsync(new SlotRequested(time.GetUtcNow(), request), cancellation));
        EpochEffects = new EpochEffects(archive, _post, Log.Desk, time, GrantAsync);
        _rounds = new RoundDesk(archive, async (job, cancellation) => (await runs.FindAsync(job, cancellation))?.State);
        _epochDesk = new EpochDesk(archive, epochs, time, new SharedTurn(store, options.IsShared ? StorageNames.Turn("epochs") : null, time, options.TurnPatience));
        _records = new RoundShelf(store);
    }

    /// <summary>Carries out the effects of runs.</summary>
    public RunEffects RunEffects { get; }

    /// <summary>Carries out the effects of epochs.</summary>
    public EpochEffects EpochEffects { get; }

    /// <summary>The wrapping key.</summary>
    public WrappingKeyDesk Keys { get; }

    /// <summary>The coordinator's part in the log.</summary>
    public CoordinatorLog Log { get; }

    /// <summary>Invitations, joins, removals, and the keys of the federation.</summary>
    public FederationDesk Members => _members ?? throw new InvalidOperationException("the coordinator is not started");

    /// <summary>The coordinator's message key.</summary>
    public VerificationKey? MessageKey { get; private set; }

    /// <summary>The epochs of a federation that has had none.</summary>
    public EpochsState Opening => new() { Federation = _options.Federation, Slots = _options.EpochSlots, StepTimeout = (int)_options.StepTimeout.TotalSeconds };

    /// <summary>Makes containers and keys, and takes up the log.</summary>
    /// <returns>The federation as it would be founded.</returns>
    public async Task<FederationState> PrepareAsync(CancellationToken cancellation)
    {
        foreach (string container in _options.MakesContainers ? StorageNames.Shared : [])
        {
            await _store.EnsureContainerAsync(container, cancellation);
        }

        KeyVersion message = await _vault.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, cancellation);
        KeyVersion log = await _vault.EnsureAsync(CoordinatorService.LogKey, KeyKind.EcP256, cancellation);
        KeyVersion wrapping = await _vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, cancellation);
        NoteEnds(message, log, wrapping);
        MessageKey = VerificationKey.FromSpki(message.Spki);
        await Log.StartAsync(cancellation);
        return new FederationState
        {
            Federation = _options.Federation,
            CoordinatorSpkiSha256 = MessageKey.Fingerprint,
            LogVkey = VerificationKey.FromSpki(log.Spki).VKey(Log.Origin),
        };
    }

    /// <summary>Takes up the federation, or founds it; its effects may reach the runs.</summary>
    /// <param name="founding">The federation as it would be founded.</param>
    /// <param name="rosterChanged">Hears of each roster that comes into force; it may hear of one again.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task TakeUpAsync(FederationState founding, Func<RosterView, Task> rosterChanged, CancellationToken cancellation)
    {
        FederationActor actor = await FederationActor.StartAsync(_store, _post, Log.Desk, _vault, _events, founding, rosterChanged, cancellation);
        _members = new FederationDesk(_store, _vault, _time, actor, Log, new SharedTurn(_store, _options.IsShared ? StorageNames.Turn("federation") : null, _time, _options.TurnPatience), _options.MakesContainers, _options.WrappingKeyGrace);
        await Keys.CheckAsync(cancellation);
        await (_options.Deployment is { } deployment ? Log.RecordDeploymentAsync(deployment, cancellation) : Task.CompletedTask);
    }

    /// <summary>Takes a message from the coordinator's mailbox. Durable when this returns.</summary>
    /// <returns>Null when the message is done with; else why it is to be put aside: it is forged, malformed, of another version, or for a run that is not here.</returns>
    /// <exception cref="FedCloudException">Something failed that has nothing to do with the message: it is to be delivered again.</exception>
    public async Task<ErrorCode?> TakeAsync(MessageId id, byte[] body, CancellationToken cancellation)
    {
        try
        {
            await TakeAsync(Frame.FromJson(body), cancellation);
            return null;
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            _events.MessageRefused(id, error);
            return error.Code;
        }
    }

    /// <summary>Notes when the coordinator's keys end.</summary>
    public async Task NoteKeysAsync(CancellationToken cancellation) => NoteEnds(
        await _vault.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, cancellation),
        await _vault.EnsureAsync(CoordinatorService.LogKey, KeyKind.EcP256, cancellation),
        await _vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, cancellation));

    /// <summary>Notes how long a message had waited in the coordinator's mailbox.</summary>
    /// <param name="sent">Since when, by the mailbox's clock; null where it does not say.</param>
    public void Waited(DateTimeOffset? sent)
    {
        if (sent is { } since)
        {
            CoordinatorMetrics.MessageTaken(CoordinatorMetrics.CoordinatorMailbox, _time.GetUtcNow() - since);
        }
    }

    /// <summary>The federation as it stands.</summary>
    public async Task<FederationState> FederationAsync(CancellationToken cancellation)
    {
        if (_options.IsShared)
        {
            await Members.ReloadAsync(cancellation);
        }

        return Members.State;
    }

    /// <summary>Lets the epochs and the runs that are not over know of a roster; they ignore one that they know.</summary>
    public async Task TellAsync(RosterView roster, CancellationToken cancellation)
    {
        await _epochs.ApplyAsync(new EpochRosterChanged(_time.GetUtcNow(), roster), cancellation);
        foreach (RunId job in await _runs.ActiveAsync(cancellation))
        {
            await _runs.ApplyAsync(job, id: null, new RosterChanged(_time.GetUtcNow(), roster), cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Log.Dispose();
        _epochDesk.Dispose();
        _members?.Dispose();
    }

    private void NoteEnds(params ReadOnlySpan<KeyVersion> keys)
    {
        foreach (KeyVersion key in keys)
        {
            if (key.Expires is { } end)
            {
                CoordinatorMetrics.KeyEnds(key.Name, end - _time.GetUtcNow());
            }
        }
    }

    private async Task TakeAsync(Frame frame, CancellationToken cancellation)
    {
        using Activity? span = CoordinatorTraces.Take(frame.Trace);
        try
        {
            FederationState federation = await FederationAsync(cancellation);
            ImmutableArray<SiloMessage> verified = SiloIntake.Verify(frame, federation, _time.GetUtcNow());

            // Entries first: the charge that travels with a masked vector comes before it in the log.
            await Log.Desk.ForwardAsync(verified.OfType<SiloMessage.Entry>().Select(entry => entry.Logged), cancellation);

            // The first body is what the message is about; others only travel with it.
            Activity? about = span;
            foreach (SiloMessage one in verified)
            {
                CoordinatorTraces.IsAbout(about, one.GetType().Name, run: null);
                await TakeAsync(one, federation, about, cancellation);
                about = null;
            }
        }
        catch (Exception error) when (span.Fails(error))
        {
            throw;
        }
    }

    private async Task TakeAsync(SiloMessage message, FederationState federation, Activity? span, CancellationToken cancellation)
    {
        switch (message)
        {
            case SiloMessage.ForRun forRun:
                CoordinatorTraces.IsAbout(span, forRun.Event.GetType().Name, forRun.Job);
                if (await _runs.ApplyAsync(forRun.Job, forRun.Id, forRun.Event, cancellation) is { } ignored)
                {
                    _events.EventIgnored(forRun.Job, forRun.Event.GetType().Name, ignored);
                }

                break;
            case RoundMessage round:
                if (await _rounds.TakeAsync(round, _time.GetUtcNow(), cancellation) is { } fits)
                {
                    await TakeAsync(fits, federation, span, cancellation);
                }
                else if (round.Run is { } named)
                {
                    _events.EventIgnored(named, round.GetType().Name, "the message belongs to no round in progress");
                }

                break;
            case EpochMessage epoch:
                if (await _epochDesk.TakeAsync(epoch, federation.Roster, cancellation) is { } stale)
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
                await Log.AcceptAsync(line.Body, line.Witness, cancellation);
                break;
        }
    }

    // A run that is over needs no slot.
    private async Task GrantAsync(SlotGrant grant, CancellationToken cancellation)
    {
        if (await _runs.FindAsync(grant.Request.Job, cancellation) is not null)
        {
            await _runs.ApplyAsync(grant.Request.Job, id: null, new SlotGranted(_time.GetUtcNow(), grant), cancellation);
        }
    }
}
