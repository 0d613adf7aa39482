// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Federations;

/// <summary>The federation on a host: its document, and the effects that follow. Decides nothing.</summary>
public sealed class FederationActor : IDisposable
{
    private readonly IBlobStore _store;
    private readonly SiloPost _post;
    private readonly AuditDesk _desk;
    private readonly IKeyVault _vault;
    private readonly ICoordinatorEvents _events;
    private readonly HeldDocument<FederationDocument> _document;
    private readonly Func<RosterView, Task> _rosterChanged;

    private FederationActor(IBlobStore store, SiloPost post, AuditDesk desk, IKeyVault vault, ICoordinatorEvents events, HeldDocument<FederationDocument> document, Func<RosterView, Task> rosterChanged)
    {
        _vault = vault;
        _events = events;
        _store = store;
        _post = post;
        _desk = desk;
        _document = document;
        _rosterChanged = rosterChanged;
    }

    /// <summary>The federation as it stands.</summary>
    public FederationState State => _document.Current.State;

    /// <summary>The roster as runs need it; null before version 1.</summary>
    public RosterView? Roster => State.Roster is { } roster ? View(roster) : null;

    /// <summary>Takes up the stored federation, or founds it.</summary>
    public static async Task<FederationActor> StartAsync(
        IBlobStore store, SiloPost post, AuditDesk desk, IKeyVault vault, ICoordinatorEvents events, FederationState founding, Func<RosterView, Task> rosterChanged, CancellationToken cancellation)
    {
        StoredDocument<FederationDocument> stored = new(store, StorageNames.Federation, DocumentJson.Default.FederationDocument);
        HeldDocument<FederationDocument> document = await stored.HoldAsync(() => new FederationDocument { State = founding }, cancellation);
        FederationActor actor = new(store, post, desk, vault, events, document, rosterChanged);
        await actor.CarryOutAsync(cancellation);
        return actor;
    }

    /// <summary>Reads the federation anew: another process may have changed it.</summary>
    public Task ReloadAsync(CancellationToken cancellation) => _document.ReloadAsync(cancellation);

    /// <summary>Takes an event and carries out what follows.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<ErrorCode?> ApplyAsync(FederationEvent @event, CancellationToken cancellation)
    {
        ErrorCode? ignored = null;
        await _document.ReplaceAsync(document => document.Apply(@event, out ignored), cancellation);
        await CarryOutAsync(cancellation);
        return ignored;
    }

    /// <summary>Carries out what is pending.</summary>
    public async Task CarryOutAsync(CancellationToken cancellation)
    {
        await _document.RefreshAsync(cancellation);
        while (_document.Current.Pending is [{ } pending, ..])
        {
            switch (pending.Effect)
            {
                case ProposeRoster propose:
                    await ProposeAsync(propose, cancellation);
                    break;
                case PublishRoster publish:
                    await PublishAsync(publish, cancellation);
                    break;
                case AnnounceWrappingKey announce:
                    await AnnounceAsync(announce, cancellation);
                    break;
                case RetireWrappingKey { Key: { } key }:
                    await _desk.TakeAsync($"kek-retired/{key.Kid}", 1, [FederationEntries.WrappingKeyRetired(key.Spki)], cancellation);
                    await _vault.TryDisableAsync(key.Kid, _events, cancellation);
                    break;
            }

            await _document.ReplaceAsync(document => document.Complete(pending.Id), cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _document.Dispose();

    private static RosterView View(Roster roster) => new()
    {
        Sha256 = roster.Digest(),
        Version = roster.Version,
        Members = roster.Members.ToImmutableSortedDictionary(member => member.SiloId, member => member.Idx),
    };

    private async Task ProposeAsync(ProposeRoster propose, CancellationToken cancellation)
    {
        byte[] bytes = propose.Roster.ToJcs();
        (ImmutableArray<DsseEnvelope> joins, ImmutableArray<Sha256Digest> identities) = await JoinsAsync(propose.Roster, cancellation);
        RosterProposalBody body = new()
        {
            Type = EnrolmentBody.Proposal,
            Federation = propose.Roster.Federation,
            Version = propose.Roster.Version,
            RosterSha256 = Sha256Digest.Of(bytes),
            Joins = identities,
        };
        DsseEnvelope proposal = await _post.SignAsync(EnrolmentBody.PayloadType, Jcs.Serialize(body, EnrolmentJson.Default.RosterProposalBody), cancellation);
        byte[] bundle = new RosterBundle { Roster = Unsigned(bytes), Joins = joins }.ToJson();
        FrameBlob claim = await PutAsync(RosterBundle.ProposedPath(body.RosterSha256), bundle, cancellation);
        await _post.SendAsync(propose.To, EnrolmentBody.Proposal, run: null, round: null, [proposal], [claim], cancellation);
    }

    private async Task PublishAsync(PublishRoster publish, CancellationToken cancellation)
    {
        byte[] bytes = publish.Roster.ToJcs();
        DsseEnvelope roster = Unsigned(bytes);
        await foreach (BlobItem item in _store.ListAsync(StorageNames.State, $"rosters/{Sha256Digest.Of(bytes).Hex}/", cancellation))
        {
            roster = roster.With(await EnvelopeAsync(new BlobName(StorageNames.State, item.Path), cancellation));
        }

        (ImmutableArray<DsseEnvelope> joins, _) = await JoinsAsync(publish.Roster, cancellation);
        byte[] bundle = new RosterBundle { Roster = roster, Joins = joins }.ToJson();
        FrameBlob claim = await PutAsync(RosterBundle.PublishedPath(publish.Roster.Version), bundle, cancellation);
        await RecordAsync(publish, roster.Signatures.Length, joins, cancellation);
        await _post.SendAsync(publish.To, EnrolmentBody.Roster, run: null, round: null, [], [claim], cancellation);
        await _rosterChanged(View(publish.Roster));
    }

    // In the log first: silos use no version that it lacks.
    private async Task AnnounceAsync(AnnounceWrappingKey announce, CancellationToken cancellation)
    {
        ImmutableArray<EntryDraft> entries =
        [
            FederationEntries.WrappingKey(announce.Key.Spki, announce.Key.Kid),
            .. announce.Previous is { } previous ? [FederationEntries.WrappingKeyChanged(previous, announce.Key.Spki, announce.IsReplacement)] : (ReadOnlySpan<EntryDraft>)[],
        ];
        await _desk.TakeAsync($"kek/{announce.Key.Kid}", 1, entries, cancellation);
        if (!announce.To.IsEmpty)
        {
            await _post.SendAsync(announce.To, EnrolmentBody.KekCurrent, run: null, round: null, [await _post.WrappingKeyAsync(announce.Key.Kid, cancellation)], [], cancellation);
        }
    }

    // A roster is published again for who missed it, and logged once. The bundle before has the joins of those who leave.
    private async Task RecordAsync(PublishRoster publish, int signatures, ImmutableArray<DsseEnvelope> joins, CancellationToken cancellation)
    {
        Roster roster = publish.Roster;
        Roster? previous = null;
        if (await _store.ReadAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(roster.Version - 1)), RosterBundle.MaxBytes, cancellation) is { } read)
        {
            RosterBundle before = RosterBundle.Parse(read.Bytes);
            previous = Protocol.Enrolment.Roster.Parse(before.Roster.Payload);
            joins = [.. before.Joins, .. joins];
        }

        Dictionary<SiloId, (JoinBody Join, Sha256Digest Identity)> bySilo = [];
        foreach (DsseEnvelope envelope in joins)
        {
            JoinBody join = JoinBody.Verify(envelope);
            bySilo[join.SiloId] = (join, envelope.Identity);
        }

        long logSize = await new LogStore(_store).LargestSizeAsync(cancellation);
        await _desk.TakeAsync("roster", roster.Version, FederationEntries.Of(previous, roster, signatures, bySilo, logSize, publish.IsLogKeyLost), cancellation);
    }

    // A taken name holds the same roster, perhaps with fewer of its signatures: those that carried it are among them.
    private async Task<FrameBlob> PutAsync(string path, byte[] bundle, CancellationToken cancellation)
    {
        await _store.PutIfAbsentAsync(new BlobName(RosterBundle.Container, path), BlobContent.Of(bundle), cancellation);
        return new FrameBlob { Role = EnrolmentBody.Roster, Container = RosterBundle.Container, Name = path, Length = bundle.Length, Sha256 = Sha256Digest.Of(bundle) };
    }

    private static DsseEnvelope Unsigned(byte[] roster) => new() { PayloadType = Protocol.Enrolment.Roster.PayloadType, Payload = roster, Signatures = [] };

    private async Task<(ImmutableArray<DsseEnvelope> Envelopes, ImmutableArray<Sha256Digest> Identities)> JoinsAsync(Roster roster, CancellationToken cancellation)
    {
        List<DsseEnvelope> envelopes = [];
        List<Sha256Digest> identities = [];
        foreach (RosterMember member in roster.Members)
        {
            if (State.Joined.TryGetValue(member.SiloId, out JoinedSilo? joined))
            {
                envelopes.Add(await EnvelopeAsync(StorageNames.Join(joined.Identity), cancellation));
                identities.Add(joined.Identity);
            }
        }

        return ([.. envelopes], [.. identities]);
    }

    private async Task<DsseEnvelope> EnvelopeAsync(BlobName name, CancellationToken cancellation)
    {
        (byte[] bytes, _) = await _store.ReadAsync(name, Frame.MaxBytes, cancellation)
            ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected a signed body, found none");
        return JsonSerializer.Deserialize(bytes, FrameJson.Default.DsseEnvelope)
            ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected a signed body, found null");
    }
}
