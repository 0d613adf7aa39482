// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Runs;

/// <summary>Carries out the effects of runs, each idempotently.</summary>
public sealed class RunEffects
{
    private readonly IBlobStore _store;
    private readonly IWrappingKeys _keys;
    private readonly SiloPost _post;
    private readonly AuditDesk _desk;
    private readonly TimeProvider _time;
    private readonly BaseModelShapes _shapes;
    private readonly UpdateReader _updates;
    private readonly RoundAggregation _aggregation;
    private readonly SumAggregation _sums;
    private readonly SecureRunEffects _secure;
    private readonly string _scratch;

    /// <summary>Makes the executor.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="keys">The wrapping key.</param>
    /// <param name="post">Sends to silos.</param>
    /// <param name="desk">Takes the entries of effects.</param>
    /// <param name="time">The clock.</param>
    /// <param name="options">Where temporary files lie, and how many threads a sum may take.</param>
    /// <param name="archive">What is stored of epochs and rounds under secure aggregation.</param>
    /// <param name="request">Asks the epochs for a slot.</param>
    public RunEffects(
        IBlobStore store, IWrappingKeys keys, SiloPost post, AuditDesk desk, TimeProvider time, CoordinatorOptions options, EpochArchive archive, Func<SlotRequest, CancellationToken, Task> request)
    {
        ArgumentNullException.ThrowIfNull(options);
        _store = store;
        _keys = keys;
        _post = post;
        _desk = desk;
        _time = time;
        _scratch = options.Scratch;
        _shapes = new BaseModelShapes(store);
        _updates = new UpdateReader(store, keys);
        _aggregation = new RoundAggregation(store, _updates, _scratch);
        _sums = new SumAggregation(archive, new UnmaskReader(store, keys), _aggregation, time, _scratch, options.SumWorkers);
        _secure = new SecureRunEffects(archive, post, keys, new MaskedIngest(store, keys, _scratch), time, request);
    }

    /// <summary>Whether an effect may be carried out beside others of which the same is said: checks of single updates are, and what is kept of single silos.</summary>
    public static bool IsIndependent(RunEffect effect) => effect is VerifyUpdate or IngestMasked or KeepFigures;

    /// <summary>How many parts of an effect can be computed beforehand: ranges of the coordinates, where there are many.</summary>
    public static int PartsOf(RunState state, RunEffect effect)
    {
        ArgumentNullException.ThrowIfNull(state);
        return effect switch
        {
            AggregateRound aggregate => PartShelf.Count(state.UpdateCoordinates?.Of(ExchangedFactorExtensions.FromWire(aggregate.Exchanged) ?? ExchangedFactor.Both) ?? 0, RoundAggregation.RangeCoordinates),
            OpenSum { Opening.Slot: { } slot } => PartShelf.Count(slot.D, SecureSum.PartCoordinates),
            _ => 0,
        };
    }

    /// <summary>Computes a part of an effect beforehand.</summary>
    /// <param name="state">The run.</param>
    /// <param name="id">The effect's number in the run.</param>
    /// <param name="effect">What is to be done.</param>
    /// <param name="part">The part, from 0.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task CarryOutPartAsync(RunState state, long id, RunEffect effect, int part, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(state);
        RunConfig config = state.Config;
        AdapterLayout layout = await _shapes.LayoutAsync(config, cancellation);
        PartShelf parts = new(_store, config.Job, id);
        switch (effect)
        {
            case AggregateRound aggregate:
                await _aggregation.RunPartAsync(config, layout, aggregate, part, parts, cancellation);
                break;
            case OpenSum open:
                await _sums.RunPartAsync(config, layout, open, part, parts, cancellation);
                break;
        }
    }

    /// <summary>Carries out one effect. Its entries for the log are journaled before.</summary>
    /// <param name="state">The run.</param>
    /// <param name="id">The effect's number in the run.</param>
    /// <param name="effect">What is to be done.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The event that reports its result; null for effects that have none.</returns>
    public async Task<RunEvent?> CarryOutAsync(RunState state, long id, RunEffect effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(state);
        RunConfig config = state.Config;
        string job = $"run/{config.Job.Value}";
        await (RunEntries.Once(effect) is { } once
            ? _desk.TakeAsync($"{job}/{effect.GetType().Name}", once, RunEntries.Of(state, effect), cancellation)
            : _desk.TakeAsync(job, id, RunEntries.Of(state, effect), cancellation));
        switch (effect)
        {
            case PrepareInitialModel:
                return await PrepareAsync(config, cancellation);
            case SendOffer send:
                await SendAsync(send.To, RunBody.Offer, config.Job, null, RunBody.PayloadType, Jcs.Serialize(send.Body, RunBodyJson.Default.PlanOfferBody), [], cancellation);
                return null;
            case SendStart send:
                await SendStartAsync(config, send, cancellation);
                return null;
            case SendResult send:
                await SendAsync(send.To, PlainBody.Result, config.Job, send.Body.Round, PlainBody.PayloadType, Jcs.Serialize(send.Body, PlainBodyJson.Default.PlainResultBody), [], cancellation);
                return null;
            case SendAbandoned send:
                await SendAsync(send.To, PlainBody.Abandoned, config.Job, send.Body.Round, PlainBody.PayloadType, Jcs.Serialize(send.Body, PlainBodyJson.Default.PlainAbandonedBody), [], cancellation);
                return null;
            case SendEnded send:
                await SendAsync(send.To, RunBody.Ended, config.Job, null, RunBody.PayloadType, Jcs.Serialize(send.Body, RunBodyJson.Default.RunEndedBody), [], cancellation);
                return null;
            case AskAgain ask:
                await SendAsync([ask.To], RunBody.UploadAgain, config.Job, ask.Body.Round, RunBody.PayloadType, Jcs.Serialize(ask.Body, RunBodyJson.Default.UploadAgainBody), [await _keys.StatementAsync(cancellation)], cancellation);
                return null;
            case VerifyUpdate verify:
                return await VerifyAsync(config, verify, cancellation);
            case AggregateRound aggregate:
                return await WithPartsAsync(state, id, effect, async parts => await _aggregation.RunAsync(config, await _shapes.LayoutAsync(config, cancellation), aggregate, parts, _time, cancellation), cancellation);
            case PublishVersion publish:
                return await PublishAsync(state, publish, cancellation);
            case MoveChannel move:
                return await MoveAsync(config, move, cancellation);
            case RecordRound record:
                await _store.PutOnceAsync(StorageNames.RoundRecord(config.Job, record.Record.Round), JsonSerializer.SerializeToUtf8Bytes(record.Record, DocumentJson.Default.RoundRecord), cancellation);
                return null;
            case KeepFigures keep:
                // Sent again in another attempt, the same figures have another signature: the first is kept.
                await _store.PutIfAbsentAsync(StorageNames.Figures(config.Job, keep.Round, keep.Silo, keep.Signed.Identity), BlobContent.Of(keep.Signed.ToJcs()), cancellation);
                return null;
            case OpenSum open:
                return await WithPartsAsync(state, id, effect, async parts => await _sums.RunAsync(config, await _shapes.LayoutAsync(config, cancellation), open, parts, cancellation), cancellation);
            default:
                return await _secure.CarryOutAsync(config.Job, effect, cancellation);
        }
    }

    private async Task<RunEvent> WithPartsAsync(RunState state, long id, RunEffect effect, Func<PartShelf, Task<RunEvent>> run, CancellationToken cancellation)
    {
        PartShelf parts = new(_store, state.Config.Job, id);
        RunEvent result = await run(parts);
        await parts.ClearAsync(PartsOf(state, effect), cancellation);
        return result;
    }

    private async Task SendStartAsync(RunConfig config, SendStart send, CancellationToken cancellation)
    {
        List<DsseEnvelope> beside = [await _keys.StatementAsync(cancellation)];
        if (send.Previous is { } previous)
        {
            beside.Add(await _post.SignAsync(PlainBody.PayloadType, Jcs.Serialize(previous, PlainBodyJson.Default.PlainResultBody), cancellation));
        }

        await SendAsync(send.To, PlainBody.Start, config.Job, send.Body.Round, PlainBody.PayloadType, Jcs.Serialize(send.Body, PlainBodyJson.Default.PlainStartBody), [.. beside], cancellation);
    }

    private async Task SendAsync(
        ImmutableArray<SiloId> to, string type, RunId job, int? round, string payloadType, byte[] body, ImmutableArray<DsseEnvelope> beside, CancellationToken cancellation)
    {
        DsseEnvelope signed = await _post.SignAsync(payloadType, body, cancellation);
        await _post.SendAsync(to, type, job, round, [signed, .. beside], [], cancellation);
    }

    private async Task<RunEvent> PrepareAsync(RunConfig config, CancellationToken cancellation)
    {
        try
        {
            AdapterLayout layout = await _shapes.LayoutAsync(config, cancellation);
            await _shapes.RequirePositionsAsync(config, cancellation);
            using TemporaryFolder folder = new(_scratch);
            string path = folder.File("version.safetensors");
            ModelVersionFile.WriteInitial(path, config, layout);
            Sha256Digest sha256 = await BlobFiles.DigestAsync(path, cancellation);
            await _store.PutOnceAsync(StorageNames.Config(config.Job), config.ToJcs(), cancellation);
            await BlobFiles.PutOnceAsync(_store, StorageNames.Version(config.Federation, config.Adapter, config.Job, 0), path, cancellation);
            await PutManifestAsync(config, new ModelReference(0, sha256), 0, null, null, [], cancellation);
            FactorSizes lengths = FactorSizes.From(layout.UpdateLength);
            FactorSizes coordinates = FactorSizes.From(layout.UpdateCoordinates);
            return new InitialModelReady(_time.GetUtcNow(), sha256, lengths, coordinates);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return new InitialModelFailed(_time.GetUtcNow(), error.Code.Name);
        }
    }

    private async Task<RunEvent> VerifyAsync(RunConfig config, VerifyUpdate verify, CancellationToken cancellation)
    {
        ExchangedFactor exchanged = ExchangedFactorExtensions.FromWire(verify.Exchanged) ?? throw new InvalidOperationException("a round names its factors");
        try
        {
            AdapterLayout layout = await _shapes.LayoutAsync(config, cancellation);
            await _updates.ReadAsync(config.Job, verify.Round, verify.Rid, verify.Silo, verify.Idx, verify.Update, layout, exchanged, static (_, _) => { }, cancellation);
            return new UpdateVerified(_time.GetUtcNow(), verify.Silo, verify.Rid, verify.Update);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return new UpdateRejected(_time.GetUtcNow(), verify.Silo, verify.Rid, verify.Update, error.Code.Name);
        }
    }

    private async Task<RunEvent> PublishAsync(RunState state, PublishVersion publish, CancellationToken cancellation)
    {
        RunConfig config = state.Config;
        using TemporaryFolder folder = new(_scratch);
        string path = folder.File("version.safetensors");
        await BlobFiles.DownloadAsync(_store, StorageNames.Candidate(config.Job, publish.Round, publish.Version.Sha256), path, publish.Version.Sha256, cancellation);
        await BlobFiles.PutOnceAsync(_store, StorageNames.Version(config.Federation, config.Adapter, config.Job, publish.Version.Version), path, cancellation);
        await PutManifestAsync(config, publish.Version, publish.Round, publish.Previous.Sha256, publish.AggregateSha256, publish.Contributors, cancellation);
        return new VersionPublished(_time.GetUtcNow(), publish.Version.Version);
    }

    private Task PutManifestAsync(
        RunConfig config, ModelReference version, int round, Sha256Digest? previous, Sha256Digest? aggregate, ImmutableArray<SiloId> contributors, CancellationToken cancellation)
    {
        VersionManifest manifest = new()
        {
            Version = version.Version,
            Sha256 = version.Sha256,
            Job = config.Job,
            Round = round,
            ConfigSha256 = config.Digest,
            BaseModel = config.BaseModel,
            Previous = previous,
            AggregateSha256 = aggregate,
            Contributors = contributors,
        };
        BlobName name = StorageNames.VersionManifest(config.Federation, config.Adapter, config.Job, version.Version);
        return _store.PutOnceAsync(name, JsonSerializer.SerializeToUtf8Bytes(manifest, DocumentJson.Default.VersionManifest), cancellation);
    }

    private async Task<RunEvent> MoveAsync(RunConfig config, MoveChannel move, CancellationToken cancellation)
    {
        const int MaxBytes = 4096;
        BlobName name = StorageNames.Channel(config.Federation, config.Adapter);
        BlobContent content = BlobContent.Of(JsonSerializer.SerializeToUtf8Bytes(new ChannelPointer(config.Job, move.Version.Version, move.Version.Sha256), DocumentJson.Default.ChannelPointer));
        (byte[] Bytes, string ETag)? current = await _store.ReadAsync(name, MaxBytes, cancellation);

        // Carried out again after the run went on, this must not bring an older version back.
        bool isBehind = current is { } read && JsonSerializer.Deserialize(read.Bytes, DocumentJson.Default.ChannelPointer) is { } pointer && pointer.Job == config.Job && pointer.Version >= move.Version.Version;
        PutOutcome? outcome = isBehind ? null
            : current is { } found ? await _store.ReplaceIfMatchAsync(name, content, found.ETag, cancellation)
            : await _store.PutIfAbsentAsync(name, content, cancellation);
        return outcome is null or PutOutcome.Written
            ? new ChannelMoved(_time.GetUtcNow(), move.Version.Version)
            : throw new FedCloudException(ErrorCodes.StorageFailed, $"{name} was changed by another writer");
    }
}
