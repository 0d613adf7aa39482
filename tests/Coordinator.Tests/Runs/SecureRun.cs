// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Tests.Epochs;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Runs;

/// <summary>A run of four real silos under secure aggregation, over a store in memory.</summary>
internal sealed class SecureRun : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("secure-run").FullName;

    private SecureRun(EpochFederation federation) => Federation = federation;

    public EpochFederation Federation { get; }

    public RunConfig Config { get; } = MakeConfig();

    public RunActor Actor { get; private set; } = null!;

    public RunState State => Actor.State;

    public RoundState Round => State.Round!;

    public RoundDesk Desk => new(Federation.Archive, (job, _) => Task.FromResult(job == State.Config.Job ? State : null));

    /// <summary>A run whose first round is started.</summary>
    public static async Task<SecureRun> StartedAsync()
    {
        SecureRun run = new(await EpochFederation.ReadyAsync());
        await run.StartAsync();
        await run.WorkAsync();
        foreach (SiloId silo in run.Federation.Silos)
        {
            await run.Actor.ApplyAsync(id: null, new PlanAnswered(DateTimeOffset.UtcNow, silo, Approved: true, string.Empty), default);
        }

        await run.WorkAsync();
        Assert.Null(run.State.Reason);
        return run;
    }

    /// <summary>A run whose first round's list is out: these silos uploaded, the others declined.</summary>
    public static async Task<SecureRun> ListedAsync(params int[] silos)
    {
        SecureRun run = await StartedAsync();
        foreach (int idx in silos)
        {
            await run.SendAsync(await run.MaskedAsync(idx));
        }

        foreach (SiloId silo in run.Federation.Silos.Where(silo => !silos.Contains(EpochFederation.IndexOf(silo))))
        {
            await run.Actor.ApplyAsync(id: null, new RoundDeclined(DateTimeOffset.UtcNow, silo, run.Round.Rid, "trainer_failed"), default);
        }

        await run.WorkAsync();
        return run;
    }

    /// <summary>A run whose first round's agreement is out.</summary>
    public static async Task<SecureRun> AgreedAsync(params int[] silos)
    {
        SecureRun run = await ListedAsync(silos);
        foreach (int idx in silos)
        {
            await run.SendAsync(await run.ConsistencyAsync(idx));
        }

        await run.WorkAsync();
        return run;
    }

    /// <summary>The coordinator's process starts, for the first time or again.</summary>
    public async Task StartAsync()
    {
        ModelShelf models = new(Federation.Store, Config.Federation);
        foreach (BaseModelFile file in TinyBase.Manifest.Files)
        {
            await models.PutBaseFileAsync(Config.BaseModel, file.Name, Path.Combine(TinyBase.Folder, file.Name), default);
        }

        await models.PutBaseManifestAsync(Config.BaseModel, TinyBase.Manifest.ToJcs(), _folder, default);
        RunEffects effects = new(
            Federation.Store, new VaultWrappingKeys(EpochFederation.Vault, Federation.Post), Federation.Post, Federation.Audit, TimeProvider.System,
            new CoordinatorOptions { Federation = Config.Federation, Scratch = _folder }, Federation.Archive, (request, cancellation) => Federation.Actor.ApplyAsync(new SlotRequested(DateTimeOffset.UtcNow, request), cancellation));
        RunDocument opened = RunDocument.Open(RunMachine.Submit(Config, Federation.View, DateTimeOffset.UtcNow));
        Actor = await RunActor.StartAsync(Federation.Store, Config.Job, opened, effects, TimeProvider.System, static (_, error) => throw error, default);
    }

    /// <summary>Carries out everything that is pending, and tells the run of its slots.</summary>
    public async Task WorkAsync()
    {
        while (await Actor.TurnAsync(default) || await Federation.Actor.TurnAsync(default) || Federation.Granted.Count > 0)
        {
            foreach (SlotGrant grant in Federation.Granted)
            {
                await Actor.ApplyAsync(id: null, new SlotGranted(DateTimeOffset.UtcNow, grant), default);
            }

            Federation.Granted.Clear();
        }
    }

    /// <summary>The coordinator takes a frame.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<string?> SendAsync(Frame frame)
    {
        RoundMessage message = Assert.IsType<RoundMessage>(Assert.Single(SiloIntake.Verify(frame, Federation.State, DateTimeOffset.UnixEpoch)), exactMatch: false);
        return await Desk.TakeAsync(message, DateTimeOffset.UtcNow, default) is { } fits
            ? await Actor.ApplyAsync(fits.Id, fits.Event, default)
            : "the message belongs to no round in progress";
    }

    /// <summary>The newest frame of a type that waits for a silo.</summary>
    public async Task<Frame> FrameAsync(int idx, string type) => (await Federation.MailAsync(idx)).Last(frame => string.Equals(frame.Type, type, StringComparison.Ordinal));

    public async Task<RoundScope> ScopeAsync() => RoundScope.Create(
        await Federation.Archive.MembersAsync(Round.Start.Slot!.Sid, default),
        Round.Start.Cohort, Round.Start.Slot.Slot, Round.Round, Round.Start.ModelSha256, Round.Start.ConfigSha256, Round.Start.Slot.D, Ring.OfBits(Round.Start.Slot.K));

    /// <summary>Masks, encrypts and uploads a vector whose model coordinates are all the silo's index.</summary>
    public async Task<Frame> MaskedAsync(int idx, Func<MaskedBody, MaskedBody>? change = null)
    {
        RoundScope scope = await ScopeAsync();
        RingLayout layout = PlannedRing.LayoutOf(Config, 4, scope.D - 1);
        byte[] vector = new byte[scope.VectorBytes];
        for (int j = 0; j < scope.D; j++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(vector.AsSpan(4 * j), (uint)(j < scope.D - 1 ? idx << 16 : layout.Limit));
        }

        using RoundMasks masks = RoundMasks.OfSilo(scope, Federation.Secrets[idx]);
        masks.Apply(vector, 0);
        MaskedBody body = new() { Rid = scope.Rid, Idx = idx, YSha256 = Sha256Digest.Of(vector), YLen = vector.Length, LedgerHead = Sha256Digest.Zero, JournalHead = Sha256Digest.Of([(byte)idx]) };
        FrameBlob upload = await UploadAsync(idx, "masked", UploadName.Masked(Config.Job, Round.Round, Round.Rid, 0), vector);
        return Federation.FrameOf(change?.Invoke(body) ?? body, idx) with { Run = Config.Job, Blobs = [upload] };
    }

    public async Task<U3Agreement> AgreementAsync(int idx)
    {
        Frame frame = await FrameAsync(idx, SecureFrame.U3List);
        Parcel parcel = await Federation.ParcelAsync(frame);
        return U3Agreement.Open(await ScopeAsync(), SecureAggregationBody.Parse<U3ListBody>(frame.Envelopes[0].Payload), parcel.Envelopes, Federation.Keys, Config.Participation.Quorum, hasPrivacy: false);
    }

    public async Task<Frame> ConsistencyAsync(int idx) => Federation.FrameOf((await AgreementAsync(idx)).Consistency(idx), idx) with { Run = Config.Job };

    /// <summary>Encrypts and uploads a silo's shares.</summary>
    public async Task<Frame> UnmaskAsync(int idx, Func<UnmaskBody, UnmaskBody>? change = null)
    {
        U3Agreement agreement = await AgreementAsync(idx);
        agreement.RequireConsistency((await Federation.ParcelAsync(await FrameAsync(idx, SecureFrame.Agreement))).Envelopes, Federation.Keys);
        using HeldShares held = await Federation.HeldAsync(idx);
        UnmaskBody body = held.Unmask(await ScopeAsync(), agreement);
        byte[] plaintext = JsonSerializer.SerializeToUtf8Bytes(SecureAggregationBody.Sign(change?.Invoke(body) ?? body, Federation.Identities[idx]), FrameJson.Default.DsseEnvelope);
        FrameBlob upload = await UploadAsync(idx, "unmask", UploadName.Unmask(Config.Job, Round.Round, Round.Rid, 0), plaintext);
        return EpochFederation.FrameOf() with { Type = SecureFrame.Unmask, Run = Config.Job, Round = Round.Round, Blobs = [upload] };
    }

    public static async Task<VerificationKey> CoordinatorKeyAsync() =>
        VerificationKey.FromSpki((await EpochFederation.Vault.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, default)).Spki);

    public async ValueTask DisposeAsync()
    {
        await Actor.DisposeAsync();
        await Federation.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<FrameBlob> UploadAsync(int idx, string role, string path, byte[] plaintext)
    {
        KeyVersion key = await EpochFederation.Vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, default);
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        using MemoryStream input = new(plaintext);
        using MemoryStream envelope = new();
        await UpdateEnvelope.EncryptAsync(input, plaintext.Length, Sha256Digest.Of(plaintext), Round.Rid, idx, key.Kid, rsa, envelope, default);
        BlobName name = new(StorageNames.Up(Federation.Silos[idx - 1]), path);
        await Federation.Store.PutIfAbsentAsync(name, BlobContent.Of(envelope.ToArray()), default);
        return new FrameBlob { Role = role, Container = name.Container, Name = name.Path, Length = envelope.Length, Sha256 = Sha256Digest.Of(envelope.ToArray()) };
    }

    private static RunConfig MakeConfig()
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = TinyBase.Manifest.Digest().Hex };
        PlanEntry Field(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: false));
        PlanMapping plan = new(0,
        [
            Field("rounds", "2"),
            new PlanEntry(0, "aggregation", new PlanMapping(0, [Field("mode", "secure")])),
            new PlanEntry(0, "participation", new PlanMapping(0, [Field("quorum", "3"), Field("min_silos", "3"), Field("straggler_grace", "600")])),
            new PlanEntry(0, "lora", new PlanMapping(0, [Field("rank", "2"), new PlanEntry(0, "target_modules", new PlanSequence(0, [new PlanScalar(0, "q_proj", Quoted: false), new PlanScalar(0, "v_proj", Quoted: false)]))])),
        ]);
        return PlanReader.Require(PlanReader.Read(plan, filledIn));
    }
}
