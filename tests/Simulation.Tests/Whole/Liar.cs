// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Somebody with the coordinator's key, its storage, and everything that honest silos ever sent it.</summary>
internal sealed class Liar : IAsyncDisposable
{
    private const int Turns = 12;
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    private readonly List<Frame> _toCoordinator = [];
    private readonly Dictionary<SiloId, List<(Frame Frame, Parcel? Parcel)>> _toSilos = [];
    private readonly Dictionary<SiloId, int> _uploads = [];
    private readonly SiloPost _post;

    public Liar(int silos = 4, int quorum = 3, int epochSlots = 4)
    {
        Federation = new WholeFederation(3, Calm, silos, WholeScheduleTests.SecureConfig(rounds: 3, quorum, "ffa_lora", grace: 550)) { EpochSlots = epochSlots };
        Federation.Store.Written += Hear;
        _post = new SiloPost(Federation.Store, new BlobMailboxes(Federation.Store, Federation.Time), Federation.Vault, Federation.Config.Federation, Federation.Time, _ => { });
    }

    public WholeFederation Federation { get; }

    public ImmutableArray<SimulatedSilo> Silos => Federation.Silos;

    /// <summary>The honest federation works until every silo has sent a frame of this type so often; then the coordinator is the liar.</summary>
    public async Task TakeOverAsync(string type, int times = 1)
    {
        await Federation.RunUntilAsync(() => Silos.All(silo => Sent(silo, type).Count() >= times));
        await Federation.StopAsync();
        foreach (SimulatedSilo silo in Silos)
        {
            Honest(silo);
        }
    }

    /// <summary>The frames of a type that a silo sent.</summary>
    public IEnumerable<Frame> Sent(SimulatedSilo silo, string type) =>
        _toCoordinator.Where(frame => string.Equals(frame.Type, type, StringComparison.Ordinal) && Owner(frame) == silo.Id);

    /// <summary>The newest signed body of a type that a silo sent, as it signed it.</summary>
    public DsseEnvelope Signed<T>(SimulatedSilo silo)
        where T : class, ISecureAggregationBody<T> => Envelopes<T>(silo).Last();

    /// <summary>All signed bodies of a type that a silo sent.</summary>
    public IEnumerable<DsseEnvelope> Envelopes<T>(SimulatedSilo silo)
        where T : class, ISecureAggregationBody<T> => Sent(silo, T.Name).Select(frame => frame.Envelopes[0]);

    /// <summary>The newest body of a type that a silo sent.</summary>
    public T Body<T>(SimulatedSilo silo)
        where T : class, ISecureAggregationBody<T> => SecureAggregationBody.Parse<T>(Signed<T>(silo).Payload);

    /// <summary>What the coordinator sent a silo last of a type.</summary>
    public (Frame Frame, Parcel Parcel) Received(SimulatedSilo silo, string type)
    {
        (Frame frame, Parcel? parcel) = _toSilos[silo.Id].Last(sent => string.Equals(sent.Frame.Type, type, StringComparison.Ordinal));
        return (frame, parcel ?? new Parcel());
    }

    public Task<DsseEnvelope> SignAsync<T>(T body)
        where T : class, ISecureAggregationBody<T> => _post.SignAsync(body, CancellationToken.None);

    public Task<DsseEnvelope> SignAsync(string payloadType, byte[] body) => _post.SignAsync(payloadType, body, CancellationToken.None);

    /// <summary>Sends a frame with a parcel, and lets the silo work.</summary>
    public async Task SendAsync(SimulatedSilo silo, string type, ImmutableArray<DsseEnvelope> envelopes, ImmutableArray<DsseEnvelope> parcel)
    {
        await _post.SendAsync([silo.Id], type, Federation.Config.Job, 1, envelopes, new Parcel { Envelopes = parcel }, CancellationToken.None);
        await WorkAsync(silo);
    }

    /// <summary>Sends a frame without a parcel, and lets the silo work.</summary>
    public async Task SendAsync(SimulatedSilo silo, string type, DsseEnvelope envelope)
    {
        await _post.SendAsync([silo.Id], type, Federation.Config.Job, 1, [envelope], ImmutableArray<FrameBlob>.Empty, CancellationToken.None);
        await WorkAsync(silo);
    }

    /// <summary>Shows a silo a list of these silos, with the vectors that they announced last.</summary>
    public Task ShowAsync(SimulatedSilo silo, params int[] members) => ShowAsync(
        silo,
        [.. members.Select(i => Body<MaskedBody>(Silos[i]))],
        [.. members.Select(i => Signed<MaskedBody>(Silos[i]))]);

    /// <summary>Shows a silo a list, with announcements.</summary>
    public async Task ShowAsync(SimulatedSilo silo, MaskedBody[] members, DsseEnvelope[] envelopes) =>
        await SendAsync(silo, SecureFrame.U3List, [await SignAsync(ListOf(silo, members))], [.. envelopes]);

    /// <summary>A list of the round that the silo masked last.</summary>
    public U3ListBody ListOf(SimulatedSilo silo, params MaskedBody[] members)
    {
        Sha256Digest rid = Body<MaskedBody>(silo).Rid;
        ImmutableArray<U3Member> listed = [.. members.Select(body => new U3Member(body.Idx, body.YSha256))];
        return new U3ListBody { Rid = rid, Members = listed, U3Sha256 = Derivations.U3Hash(rid, listed) };
    }

    /// <summary>Sends the newest start again, changed, with a rid that fits, and then changed once more.</summary>
    public async Task StartAsync(
        SimulatedSilo silo, Func<RoundStartBody, RoundStartBody> change, ImmutableArray<DsseEnvelope>? acks = null, Func<RoundStartBody, RoundStartBody>? then = null)
    {
        (Frame frame, Parcel parcel) = Received(silo, SecureFrame.RoundStart);
        RoundStartBody start = change(SecureAggregationBody.Parse<RoundStartBody>(frame.Envelopes[1].Payload));
        ShareAckBody ack = SecureAggregationBody.Parse<ShareAckBody>((acks ?? parcel.Envelopes)[0].Payload);
        start = start with { Rid = Derivations.Rid(start.Sid, start.Slot, start.Round, start.ModelSha256, start.ConfigSha256, start.D, Ring.OfBits(start.K), ack.U2Sha256) };
        await SendAsync(silo, SecureFrame.RoundStart, [frame.Envelopes[0], await SignAsync(then?.Invoke(start) ?? start), .. frame.Envelopes[2..]], acks ?? parcel.Envelopes);
    }

    /// <summary>The starts that a silo received, each once.</summary>
    public IEnumerable<RoundStartBody> Starts(SimulatedSilo silo) => _toSilos.GetValueOrDefault(silo.Id, [])
        .Where(sent => string.Equals(sent.Frame.Type, SecureFrame.RoundStart, StringComparison.Ordinal))
        .Select(sent => SecureAggregationBody.Parse<RoundStartBody>(sent.Frame.Envelopes[1].Payload))
        .DistinctBy(start => start.Rid);

    /// <summary>Tells a silo of a roster in the storage.</summary>
    public async Task SendRosterAsync(SimulatedSilo silo, string path, byte[] bundle)
    {
        FrameBlob blob = new() { Role = EnrolmentBody.Roster, Container = RosterBundle.Container, Name = path, Length = bundle.Length, Sha256 = Sha256Digest.Of(bundle) };
        await _post.SendAsync([silo.Id], EnrolmentBody.Roster, null, null, [], [blob], CancellationToken.None);
        await WorkAsync(silo);
    }

    /// <summary>The newest start that a silo received.</summary>
    public RoundStartBody Start(SimulatedSilo silo) => SecureAggregationBody.Parse<RoundStartBody>(Received(silo, SecureFrame.RoundStart).Frame.Envelopes[1].Payload);

    /// <summary>The reasons for which a silo took no part, oldest first.</summary>
    public IEnumerable<string> Declines(SimulatedSilo silo) =>
        Sent(silo, PlainBody.Decline).Select(frame => JsonSerializer.Deserialize(frame.Envelopes[0].Payload, PlainBodyJson.Default.PlainDeclineBody)!.Reason);

    /// <summary>How many blobs a silo has uploaded.</summary>
    public int Uploads(SimulatedSilo silo) => _uploads.GetValueOrDefault(silo.Id);

    /// <summary>How many frames of a type a silo was sent.</summary>
    public int Count(SimulatedSilo silo, string type) =>
        _toSilos.GetValueOrDefault(silo.Id, []).Count(sent => string.Equals(sent.Frame.Type, type, StringComparison.Ordinal));

    /// <summary>The log's entries up to a size.</summary>
    public IEnumerable<LogEntry> Entries(long size) => TileLayout.Bundles(size)
        .SelectMany(bundle => EntryBundle.Read(Federation.Store.Peek("log", bundle.Path), bundle.Width))
        .Select(entry => LogEntry.Parse(entry));

    /// <summary>Puts bytes into a silo's mailbox, and lets the silo work.</summary>
    public async Task PutAsync(SimulatedSilo silo, Frame frame)
    {
        await Federation.Store.PutIfAbsentAsync(new BlobName(StorageNames.Mail(silo.Id), frame.Id.Value), BlobContent.Of(frame.ToJson()), CancellationToken.None);
        await WorkAsync(silo);
    }

    public async Task WorkAsync(SimulatedSilo silo)
    {
        for (int turn = 0; turn < Turns; turn++)
        {
            await silo.TurnAsync();
            Federation.Advance(TimeSpan.FromMilliseconds(500));
        }
    }

    /// <summary>The codes of the alarms that a silo signed for the log, oldest first.</summary>
    public IEnumerable<string> Alarms(SimulatedSilo silo) => Sent(silo, "log_entry")
        .SelectMany(frame => frame.Envelopes)
        .Select(envelope => JsonSerializer.Deserialize(envelope.Payload, LogEntryJson.Default.LogEntry)!)
        .Where(entry => string.Equals(entry.Type, EntryTypes.Alarm, StringComparison.Ordinal))
        .Select(entry => entry.Fields["code"].Text ?? string.Empty)
        .Distinct();

    /// <summary>The silo accuses the coordinator of exactly this, and has revealed nothing.</summary>
    public void RequireRefused(SimulatedSilo silo, ErrorCode code)
    {
        Xunit.Assert.Equal([code.Name], Alarms(silo));
        RequireNothingRevealed(silo);
    }

    public void RequireNothingRevealed(SimulatedSilo silo) => Xunit.Assert.Empty(Sent(silo, SecureFrame.Unmask));

    public async ValueTask DisposeAsync() => await Federation.DisposeAsync();

    private static void Honest(SimulatedSilo silo) => Xunit.Assert.Empty(silo.Alarms);

    private SiloId? Owner(Frame frame) => frame switch
    {
        { Envelopes: [{ } first, ..] } => Silos.FirstOrDefault(silo => silo.Key is { } key && first.IsSignedBy(key))?.Id,
        { Blobs: [{ } blob, ..] } => Silos.FirstOrDefault(silo => blob.Container == StorageNames.Up(silo.Id))?.Id,
        _ => null,
    };

    private void Hear(BlobName name, byte[] bytes)
    {
        if (Silos.FirstOrDefault(silo => StorageNames.Up(silo.Id) == name.Container) is { } uploader)
        {
            _uploads[uploader.Id] = Uploads(uploader) + 1;
        }

        if (bytes.Length == 0 || !MessageId.IsValid(name.Path))
        {
            return;
        }

        if (name.Container == StorageNames.MailCoordinator)
        {
            _toCoordinator.Add(Frame.FromJson(bytes));
        }
        else if (Silos.FirstOrDefault(silo => StorageNames.Mail(silo.Id) == name.Container) is { } silo)
        {
            Frame frame = Frame.FromJson(bytes);
            Parcel? parcel = frame.Blobs is [{ Role: Parcel.Role } claim] ? Parcel.FromJson(Federation.Store.Peek(claim.Container, claim.Name)) : null;
            (_toSilos.TryGetValue(silo.Id, out List<(Frame, Parcel?)>? sent) ? sent : _toSilos[silo.Id] = []).Add((frame, parcel));
        }
    }
}
