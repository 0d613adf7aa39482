// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Epochs;

/// <summary>Four silos with all their secrets, and the coordinator's epochs over a store in memory.</summary>
internal sealed class EpochFederation : IAsyncDisposable
{
    public const int Slots = 2;

    private static readonly FederationId Name = new("test-federation");
    public static readonly FileKeyVault Vault = new(Path.Combine(Directory.CreateTempSubdirectory("epoch-keys").FullName, "keys"));

    private readonly Random _random = new(7);
    private readonly Dictionary<int, List<Frame>> _mail = [];

    private EpochFederation(int n)
    {
        Silos = [.. Enumerable.Range(1, n).Select(idx => new SiloId(string.Create(CultureInfo.InvariantCulture, $"silo-{idx}")))];
        Identities = Silos.ToImmutableSortedDictionary(IndexOf, _ => NewKey());
        Admins = Silos.ToImmutableSortedDictionary(IndexOf, _ => NewKey());
        Witnesses = Silos.ToImmutableSortedDictionary(IndexOf, _ => NewKey());
        Coordinator = NewKey();
        Log = NewKey();
        ImmutableArray<DsseEnvelope> joins = [.. Silos.Select(JoinOf)];
        Roster = new Roster
        {
            Federation = Name,
            Version = 1,
            N = n,
            Members = [.. joins.Select((join, i) => JoinBody.Verify(join).ToMember(i + 1))],
            CoordinatorSpkiSha256 = [VerificationKey.Of(Coordinator).Fingerprint],
            LogVkey = VerificationKey.Of(Log).VKey("log"),
            Policy = ImmutableSortedDictionary<string, string>.Empty,
        };
        State = new FederationState
        {
            Federation = Name,
            CoordinatorSpkiSha256 = Roster.CoordinatorSpkiSha256[0],
            LogVkey = Roster.LogVkey,
            Roster = Roster,
            Joined = joins.Select(JoinBody.Verify).ToImmutableSortedDictionary(join => join.SiloId, join => new JoinedSilo(join, Sha256Digest.Zero)),
        };
        Bundle = new RosterBundle { Roster = new DsseEnvelope { PayloadType = Roster.PayloadType, Payload = Roster.ToJcs(), Signatures = [] }, Joins = joins };
        Parameters = EpochParams.Create(Name, 1, Roster.Digest(), n, Slots);
        Secrets = Silos.ToImmutableSortedDictionary(IndexOf, silo => EpochSecrets.Generate(IndexOf(silo), Slots, Fill));
        Archive = new EpochArchive(new SecureShelf(Store));
    }

    public ImmutableArray<SiloId> Silos { get; }

    public ImmutableSortedDictionary<int, ECDsa> Identities { get; }

    public ImmutableSortedDictionary<int, ECDsa> Admins { get; }

    public ImmutableSortedDictionary<int, ECDsa> Witnesses { get; }

    public ECDsa Coordinator { get; }

    public ECDsa Log { get; }

    public Roster Roster { get; }

    public RosterBundle Bundle { get; }

    public FederationState State { get; }

    public EpochParams Parameters { get; }

    public ImmutableSortedDictionary<int, EpochSecrets> Secrets { get; }

    public MemoryBlobStore Store { get; } = new(TimeProvider.System);

    public EpochArchive Archive { get; }

    public EpochActor Actor { get; private set; } = null!;

    public EpochDesk Desk { get; private set; } = null!;

    public SiloPost Post { get; private set; } = null!;

    public AuditDesk Audit { get; private set; } = null!;

    public List<SlotGrant> Granted { get; } = [];

    public RosterView View => new() { Sha256 = Roster.Digest(), Version = Roster.Version, Members = Silos.ToImmutableSortedDictionary(silo => silo, IndexOf) };

    public ImmutableSortedDictionary<int, VerificationKey> Keys => Identities.ToImmutableSortedDictionary(key => key.Key, key => VerificationKey.Of(key.Value));

    /// <summary>A federation whose first epoch is called: a round waits for a slot.</summary>
    public static async Task<EpochFederation> CalledAsync(int n = 4)
    {
        EpochFederation federation = new(n);
        await federation.StartAsync();
        await federation.Actor.ApplyAsync(new EpochRosterChanged(DateTimeOffset.UnixEpoch, federation.View), default);
        await federation.Actor.ApplyAsync(new SlotRequested(DateTimeOffset.UtcNow, new SlotRequest(new RunId("run-1"), 1, 1, Quorum: 3)), default);
        await federation.WorkAsync();
        return federation;
    }

    /// <summary>A federation whose first list is out.</summary>
    public static async Task<EpochFederation> ListedAsync(int n = 4)
    {
        EpochFederation federation = await CalledAsync(n);
        foreach (int idx in federation.Identities.Keys)
        {
            await federation.SendAsync(federation.Advertise(idx));
        }

        await federation.WorkAsync();
        return federation;
    }

    /// <summary>A federation whose shares are delivered.</summary>
    public static async Task<EpochFederation> DeliveredAsync(int n = 4)
    {
        EpochFederation federation = await ListedAsync(n);
        foreach (int idx in federation.Identities.Keys)
        {
            await federation.SendAsync(await federation.SharesAsync(idx));
        }

        await federation.WorkAsync();
        return federation;
    }

    /// <summary>A federation whose first epoch is in use.</summary>
    public static async Task<EpochFederation> ReadyAsync(int n = 4)
    {
        EpochFederation federation = await DeliveredAsync(n);
        foreach (int idx in federation.Identities.Keys)
        {
            await federation.SendAsync(federation.Ack(idx));
        }

        await federation.WorkAsync();
        return federation;
    }

    public static int IndexOf(SiloId silo) => int.Parse(silo.Value[5..], CultureInfo.InvariantCulture);

    /// <summary>The coordinator's process starts, for the first time or again.</summary>
    public async Task StartAsync()
    {
        foreach (string container in (IEnumerable<string>)[.. StorageNames.Shared, .. Silos.SelectMany(StorageNames.Of)])
        {
            await Store.EnsureContainerAsync(container, default);
        }

        await Store.PutIfAbsentAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(1)), BlobContent.Of(Bundle.ToJson()), default);
        Audit = new AuditDesk(Store, new BlobMailbox(Store, StorageNames.MailAudit, TimeProvider.System), Vault, Name, TimeProvider.System, static () => { });
        Post = new SiloPost(Store, new BlobMailboxes(Store, TimeProvider.System), Vault, Name, TimeProvider.System, static _ => { });
        await Audit.StartAsync(static () => Task.FromResult(LogState.Empty("test-log")), default);
        EpochEffects effects = new(Archive, Post, Audit, TimeProvider.System, (grant, _) =>
        {
            Granted.Add(grant);
            return Task.CompletedTask;
        });
        Actor = await EpochActor.StartAsync(Store, new EpochsState { Federation = Name, Slots = Slots, StepTimeout = 30 }, effects, TimeProvider.System, static error => throw error, default);
        Desk = new EpochDesk(Archive, Actor, TimeProvider.System, new SharedTurn(Store, name: null, TimeProvider.System));
    }

    /// <summary>Carries out everything that is pending.</summary>
    public async Task WorkAsync()
    {
        while (await Actor.TurnAsync(default))
        {
        }
    }

    /// <summary>The coordinator takes a frame.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<string?> SendAsync(Frame frame) =>
        await Desk.TakeAsync(Assert.IsType<EpochMessage>(Assert.Single(SiloIntake.Verify(frame, State, DateTimeOffset.UnixEpoch)), exactMatch: false), Roster, default);

    public Frame Advertise(int idx) => FrameOf(Secrets[idx].Advertise(Parameters), idx);

    /// <summary>The shares that a silo accepted from everybody.</summary>
    public async Task<HeldShares> HeldAsync(int idx)
    {
        EpochMembers members = await Archive.MembersAsync(Parameters.Sid(), default);
        ImmutableSortedDictionary<int, ShareDelivery> deliveries = Identities.Keys.ToImmutableSortedDictionary(dealer => dealer, dealer =>
        {
            DealtShares dealt = DealtShares.Deal(members, Secrets[dealer]);
            return new ShareDelivery(SecureAggregationBody.Sign(dealt.Body, Identities[dealer]), dealt.Ciphertexts.GetValueOrDefault(idx, []), dealt.Commitments[idx].Slice.ToArray());
        });
        return Assert.IsType<ShareReceipt.Accepted>(HeldShares.Receive(members, Secrets[idx], DealtShares.Deal(members, Secrets[idx]).Own, deliveries, Keys)).Shares;
    }

    /// <summary>Uploads a silo's shares.</summary>
    public async Task<Frame> SharesAsync(int idx, Func<Parcel, Parcel>? change = null)
    {
        DealtShares dealt = DealtShares.Deal(await Archive.MembersAsync(Parameters.Sid(), default), Secrets[idx]);
        ImmutableSortedDictionary<string, byte[]> parts = ImmutableSortedDictionary.Create<string, byte[]>(StringComparer.Ordinal)
            .AddRange(dealt.Ciphertexts.Select(part => KeyValuePair.Create(Parcel.Ciphertext(part.Key), part.Value)))
            .AddRange(dealt.Commitments.Select(part => KeyValuePair.Create(Parcel.Slice(part.Key), part.Value.Slice.ToArray())));
        Parcel parcel = new() { Parts = parts };
        byte[] bytes = (change?.Invoke(parcel) ?? parcel).ToJson();
        BlobName name = new(StorageNames.Up(Silos[idx - 1]), UploadName.Shares(Parameters.Sid()));
        await Store.PutIfAbsentAsync(name, BlobContent.Of(bytes), default);
        FrameBlob upload = new() { Role = "shares", Container = name.Container, Name = name.Path, Length = bytes.Length, Sha256 = Sha256Digest.Of(bytes) };
        return FrameOf(dealt.Body, idx) with { Blobs = [upload] };
    }

    public Frame Ack(int idx) => FrameOf(AckOf(idx), idx);

    public ShareAckBody AckOf(int idx) => new()
    {
        Sid = Parameters.Sid(),
        Idx = idx,
        L1 = Archive.MembersAsync(Parameters.Sid(), default).Result.L1,
        U2Sha256 = Derivations.CohortHash(Parameters.Sid(), Identities.Keys),
    };

    /// <summary>A body in a frame.</summary>
    /// <param name="body">The body.</param>
    /// <param name="signer">Whose identity key signs.</param>
    public Frame FrameOf<T>(T body, int signer)
        where T : class, ISecureAggregationBody<T> => FrameOf(SecureAggregationBody.Sign(body, Identities[signer]));

    public static Frame FrameOf(params DsseEnvelope[] envelopes) => new()
    {
        V = Frame.CurrentVersion,
        Id = MessageId.Of(0, new byte[MessageId.RandomBytes]),
        To = "coordinator",
        Run = null,
        Round = null,
        Type = "body",
        Trace = null,
        Envelopes = [.. envelopes],
        Blobs = [],
    };

    /// <summary>All frames that a silo got so far, oldest first.</summary>
    public async Task<IReadOnlyList<Frame>> MailAsync(int idx)
    {
        _mail.TryAdd(idx, []);
        _mail[idx].AddRange((await new BlobMailbox(Store, StorageNames.Mail(Silos[idx - 1]), TimeProvider.System).ReceiveAsync(64, default)).Select(message => Frame.FromJson(message.Body)));
        return _mail[idx];
    }

    /// <summary>The parcel that a frame points at.</summary>
    public async Task<Parcel> ParcelAsync(Frame frame)
    {
        FrameBlob claim = Assert.Single(frame.Blobs);
        byte[] bytes = (await Store.ReadAsync(new BlobName(claim.Container, claim.Name), Parcel.MaxBytes, default))!.Value.Bytes;
        Assert.Equal((Parcel.Role, claim.Sha256), (claim.Role, Sha256Digest.Of(bytes)));
        return Parcel.FromJson(bytes);
    }

    /// <summary>The entries that the coordinator journaled; without a roster entry they wait.</summary>
    public async Task<ImmutableArray<EntryDraft>> EntriesAsync() => await Store.ReadAsync(StorageNames.Outgoing, 1 << 24, default) is { } read
        ? JsonSerializer.Deserialize(read.Bytes, DocumentJson.Default.OutgoingEntries)!.Deferred
        : [];

    public async ValueTask DisposeAsync() => await Actor.DisposeAsync();

    private void Fill(Span<byte> destination) => _random.NextBytes(destination);

    private DsseEnvelope JoinOf(SiloId silo)
    {
        int idx = IndexOf(silo);
        JoinBody join = new()
        {
            Type = EnrolmentBody.Join,
            Federation = Name,
            SiloId = silo,
            IkSpki = VerificationKey.Of(Identities[idx]).ToBase64(),
            WitnessVkey = VerificationKey.Of(Witnesses[idx]).VKey("witness"),
            AdminSpki = VerificationKey.Of(Admins[idx]).ToBase64(),
            DataCardSha256 = Sha256Digest.Zero,
        };
        byte[] body = Jcs.Serialize(join, EnrolmentJson.Default.JoinBody);
        return DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, Identities[idx]).With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, Admins[idx]));
    }

    private static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);
}
