// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;
using FedCloud.Simulation.Tests.Whole;

namespace FedCloud.Coordinator.Tests;

/// <summary>Silos with all their keys, and any number of the coordinator's processes on one storage.</summary>
internal sealed class SharedFederation : ICoordinatorEvents, IOrchestrations, IDisposable
{
    private readonly List<SharedCoordinator> _processes = [];
    private readonly Dictionary<SiloId, Keys> _keys = [];
    private readonly string _scratch = Directory.CreateTempSubdirectory("shared-coordinator").FullName;

    public SharedFederation(TimeProvider? time = null)
    {
        Time = time ?? new SimulatedTime();
        Store = new MemoryBlobStore(Time);
    }

    public static FederationId Name { get; } = new("test-federation");

    public TimeProvider Time { get; }

    public MemoryBlobStore Store { get; }

    /// <summary>Actors that were woken, in their order.</summary>
    public List<ActorName> Woken { get; } = [];

    /// <summary>Whatever was refused.</summary>
    public List<string> Refused { get; } = [];

    /// <summary>What waking does besides; null for nothing.</summary>
    public Func<ActorName, Task>? Waking { get; set; }

    /// <summary>Another process of the coordinator.</summary>
    /// <param name="next">What goes wrong with each of its requests; null for nothing.</param>
    /// <param name="clock">Its clock; null for the storage's.</param>
    /// <param name="patience">How long it waits for others.</param>
    /// <param name="orchestrations">Who sets its actors going; null for nobody.</param>
    public SharedCoordinator Process(Func<RequestFault>? next = null, TimeProvider? clock = null, TimeSpan patience = default, IOrchestrations? orchestrations = null)
    {
        IBlobStore store = new UnreliableStore(Store, next ?? (static () => RequestFault.None));
        TimeProvider time = clock ?? Time;
        CoordinatorOptions options = new() { Federation = Name, Scratch = _scratch, LogIdle = TimeSpan.Zero, TurnPatience = patience };
        SharedCoordinator process = new(store, new BlobMailboxes(store, time), SharedKeys.Vault, time, options, this, orchestrations ?? this);
        _processes.Add(process);
        return process;
    }

    /// <summary>A silo asks to join, with the code of its invitation.</summary>
    public Frame Join(SiloId silo, string code)
    {
        Keys keys = _keys.TryGetValue(silo, out Keys? known) ? known : _keys[silo] = new Keys(NewKey(), NewKey(), NewKey());
        JoinBody join = new()
        {
            Type = EnrolmentBody.Join,
            Federation = Name,
            SiloId = silo,
            IkSpki = VerificationKey.Of(keys.Identity).ToBase64(),
            WitnessVkey = VerificationKey.Of(keys.Witness).VKey(silo.Value),
            AdminSpki = VerificationKey.Of(keys.Admin).ToBase64(),
            DataCardSha256 = Sha256Digest.Zero,
        };
        byte[] body = Jcs.Serialize(join, EnrolmentJson.Default.JoinBody);
        DsseEnvelope signed = DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, keys.Identity).With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, keys.Admin));
        FrameBlob proof = new() { Role = "code_proof", Container = "invitations", Name = silo.Value, Length = 32, Sha256 = EnrolmentBody.CodeProof(code, signed.Identity) };
        return FrameOf(EnrolmentBody.Join, signed) with { Blobs = [proof] };
    }

    /// <summary>A silo signs a roster.</summary>
    public Frame Sign(SiloId silo, Roster roster) => FrameOf(EnrolmentBody.Roster, DsseEnvelope.Sign(Roster.PayloadType, roster.ToJcs(), _keys[silo].Identity));

    /// <summary>A silo witnesses a checkpoint of the log.</summary>
    public async Task<Frame> WitnessAsync(SiloId silo, long size)
    {
        LogStore log = new(Store);
        SignedNote note = await log.ArchivedAsync(size, default);
        NoteKey key = NoteKey.Parse(VerificationKey.Of(_keys[silo].Witness).VKey(silo.Value));
        NoteSignature line = WitnessLine.Of(key, _keys[silo].Witness.SignHash(WitnessLine.Digest(note), DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        WitnessLineBody body = new()
        {
            Type = WitnessLineBody.WitnessLine,
            Federation = Name,
            SiloId = silo,
            Size = size,
            Root = Checkpoint.Parse(note.Text).Root.ToDigest(),
            Signature = Convert.ToBase64String(line.Signature.Span),
        };
        return FrameOf(WitnessLineBody.WitnessLine, DsseEnvelope.Sign(WitnessLineBody.PayloadType, Jcs.Serialize(body, WitnessLineJson.Default.WitnessLineBody), _keys[silo].Identity));
    }

    /// <summary>Silos that are invited and have joined; the roster waits for their signatures.</summary>
    public async Task<SiloId[]> JoinedAsync(SharedCoordinator process, int count = 2)
    {
        SiloId[] silos = [.. Enumerable.Range(1, count).Select(number => new SiloId($"silo-{number}"))];
        await process.StartAsync(default);
        List<string> codes = [];
        foreach (SiloId silo in silos)
        {
            codes.Add(await process.Work.Members.InviteAsync(silo, TimeSpan.FromDays(1), default));
        }

        foreach ((int i, SiloId silo) in silos.Index())
        {
            await TakeAsync(process, Join(silo, codes[i]));
        }

        return silos;
    }

    /// <summary>A federation whose first roster is in force.</summary>
    public async Task<SiloId[]> FoundedAsync(SharedCoordinator process, int count = 2)
    {
        SiloId[] silos = await JoinedAsync(process, count);
        Roster roster = process.Work.Members.State.Proposal?.Roster ?? throw new InvalidOperationException("all have joined");
        foreach (SiloId silo in silos)
        {
            await TakeAsync(process, Sign(silo, roster));
        }

        return silos;
    }

    /// <summary>A process takes a message.</summary>
    public static Task<ErrorCode?> TakeAsync(SharedCoordinator process, Frame frame) => process.TakeAsync(frame.Id, frame.ToJson(), default);

    /// <summary>The federation as it is stored.</summary>
    public async Task<FederationState> StoredAsync()
    {
        (byte[] bytes, _) = await Store.ReadAsync(StorageNames.Federation, int.MaxValue, default) ?? throw new InvalidOperationException("the federation is founded");
        return JsonSerializer.Deserialize(bytes, DocumentJson.Default.FederationDocument)!.State;
    }

    /// <summary>The coordinator's entries that no checkpoint holds yet, those that wait for a roster among them.</summary>
    public async Task<OutgoingEntries> OutgoingAsync()
    {
        (byte[] bytes, _) = await Store.ReadAsync(StorageNames.Outgoing, int.MaxValue, default) ?? throw new InvalidOperationException("the desk is started");
        return JsonSerializer.Deserialize(bytes, DocumentJson.Default.OutgoingEntries)!;
    }

    public void Dispose()
    {
        foreach (SharedCoordinator process in _processes)
        {
            process.Dispose();
        }

        foreach (Keys keys in _keys.Values)
        {
            keys.Dispose();
        }

        Directory.Delete(_scratch, recursive: true);
    }

    public Task WakeAsync(ActorName actor, CancellationToken cancellation)
    {
        Woken.Add(actor);
        return Waking?.Invoke(actor) ?? Task.CompletedTask;
    }

    void ICoordinatorEvents.RingSilo(SiloId silo)
    {
    }

    void ICoordinatorEvents.MessageRefused(MessageId id, FedCloudException reason) => Refused.Add(reason.Message);

    void ICoordinatorEvents.EventIgnored(RunId job, string name, string reason)
    {
    }

    void ICoordinatorEvents.EpochEventIgnored(string name, string reason)
    {
    }

    void ICoordinatorEvents.EpochEffectFailed(Exception reason) => Refused.Add(reason.Message);

    void ICoordinatorEvents.KeyFailed(FedCloudException reason) => Refused.Add(reason.Message);

    void ICoordinatorEvents.SweepFailed(FedCloudException reason) => Refused.Add(reason.Message);

    void ICoordinatorEvents.EntryRefused(LogEntry entry, ErrorCode reason) => Refused.Add($"{entry.Type}: {reason.Name}");

    void ICoordinatorEvents.LogGrew(long size)
    {
    }

    void ICoordinatorEvents.LogFailed(FedCloudException reason) => Refused.Add(reason.Message);

    void ICoordinatorEvents.EffectFailed(RunId job, Exception reason) => Refused.Add(reason.Message);

    private Frame FrameOf(string type, DsseEnvelope envelope) => new()
    {
        V = Frame.CurrentVersion,
        Id = MessageId.Of(Time.GetUtcNow().ToUnixTimeMilliseconds(), RandomNumberGenerator.GetBytes(MessageId.RandomBytes)),
        To = "coordinator",
        Run = null,
        Round = null,
        Type = type,
        Trace = null,
        Envelopes = [envelope],
        Blobs = [],
    };

    private static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private sealed record Keys(ECDsa Identity, ECDsa Witness, ECDsa Admin) : IDisposable
    {
        public void Dispose()
        {
            Identity.Dispose();
            Witness.Dispose();
            Admin.Dispose();
        }
    }
}
