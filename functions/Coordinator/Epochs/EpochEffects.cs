// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Epochs;

/// <summary>Carries out the effects of epochs, each idempotently. What belongs to an epoch that is given up meanwhile is not sent any more.</summary>
/// <param name="archive">Reads epochs back.</param>
/// <param name="post">Sends to silos.</param>
/// <param name="desk">Takes the entries of effects.</param>
/// <param name="time">The clock.</param>
/// <param name="grant">Tells a run which slot its round has.</param>
public sealed class EpochEffects(EpochArchive archive, SiloPost post, AuditDesk desk, TimeProvider time, Func<SlotGrant, CancellationToken, Task> grant)
{
    // The source of the log's entries.
    private const string Epochs = "epochs";

    /// <summary>Carries out one effect. Its entries for the log are journaled before.</summary>
    /// <param name="state">The epochs.</param>
    /// <param name="id">The effect's number.</param>
    /// <param name="effect">What is to be done.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The event that reports its result; null for effects that have none.</returns>
    public async Task<EpochEvent?> CarryOutAsync(EpochsState state, long id, EpochEffect effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(state);
        switch (effect)
        {
            case CallEpoch call:
                await CallAsync(state, call, cancellation);
                return null;
            case SendList list:
                return await SendListAsync(state, id, list, cancellation);
            case DeliverShares deliver:
                await DeliverAsync(state, deliver, cancellation);
                return null;
            case OpenSlots open:
                await desk.TakeAsync(Epochs, id, EpochEntries.Ready(open), cancellation);
                return null;
            case AbandonEpoch abandoned:
                await desk.TakeAsync(Epochs, id, EpochEntries.Abandoned(abandoned), cancellation);
                return null;
            case GrantSlot granted:
                await grant(granted.Grant, cancellation);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect?.GetType().Name, "an unknown effect");
        }
    }

    private async Task CallAsync(EpochsState state, CallEpoch call, CancellationToken cancellation)
    {
        if (state.Next is not { } next || next.Number != call.Body.Epoch)
        {
            return;
        }

        await archive.Shelf.Store.PutOnceAsync(SecureShelf.Parameters(next.Sid), EpochMachine.ParametersOf(state, next.Number).ToJcs(), cancellation);
        DsseEnvelope signed = await post.SignAsync(EpochBody.PayloadType, Jcs.Serialize(call.Body, EpochBodyJson.Default.EpochCallBody), cancellation);
        await post.SendAsync(SilosOf(state, call.To), SecureFrame.EpochCall, run: null, round: null, [signed], [], cancellation);
    }

    private async Task<ListSent?> SendListAsync(EpochsState state, long id, SendList list, CancellationToken cancellation)
    {
        if (state.Next?.Sid != list.Sid)
        {
            return null;
        }

        List<DsseEnvelope> advertisements = [];
        foreach ((int idx, Sha256Digest identity) in list.U1)
        {
            advertisements.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Advertise(list.Sid, idx, identity), cancellation));
        }

        Parcel parcel = new() { Envelopes = [.. advertisements] };
        await archive.Shelf.PutAsync(SecureShelf.List(list.Sid), parcel, cancellation);
        EpochMembers members = await archive.MembersAsync(list.Sid, cancellation);
        await desk.TakeAsync(Epochs, id, EpochEntries.Opened(list, members.L1, members.Parameters.Slots), cancellation);
        await post.SendAsync(SilosOf(state, list.U1.Keys), SecureFrame.AdvertiseList, run: null, round: null, [], parcel, cancellation);
        return new ListSent(time.GetUtcNow(), list.Sid, members.L1);
    }

    private async Task DeliverAsync(EpochsState state, DeliverShares deliver, CancellationToken cancellation)
    {
        if (state.Next?.Sid != deliver.Sid)
        {
            return;
        }

        List<DsseEnvelope> bodies = [];
        Dictionary<int, Parcel> dealt = [];
        foreach ((int dealer, Sha256Digest identity) in deliver.U2)
        {
            bodies.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Shares(deliver.Sid, dealer, identity), cancellation));
            dealt[dealer] = await archive.Shelf.ParcelAsync(SecureShelf.SharesParcel(deliver.Sid, dealer, identity), cancellation);
        }

        await archive.Shelf.PutAsync(SecureShelf.Delivered(deliver.Sid), new Parcel { Envelopes = [.. bodies] }, cancellation);
        foreach (int receiver in deliver.U2.Keys)
        {
            await post.SendAsync(SilosOf(state, [receiver]), SecureFrame.ShareDelivery, run: null, round: null, [], ParcelFor(receiver, bodies, dealt), cancellation);
        }
    }

    private static Parcel ParcelFor(int receiver, IEnumerable<DsseEnvelope> bodies, Dictionary<int, Parcel> dealt)
    {
        ImmutableSortedDictionary<string, byte[]>.Builder parts = ImmutableSortedDictionary.CreateBuilder<string, byte[]>(StringComparer.Ordinal);
        foreach ((int dealer, Parcel parcel) in dealt)
        {
            parts[Parcel.Slice(dealer)] = parcel.Parts[Parcel.Slice(receiver)];
            if (dealer != receiver)
            {
                parts[Parcel.Ciphertext(dealer)] = parcel.Parts[Parcel.Ciphertext(receiver)];
            }
        }

        return new Parcel { Envelopes = [.. bodies], Parts = parts.ToImmutable() };
    }

    private static IEnumerable<SiloId> SilosOf(EpochsState state, IEnumerable<int> indexes) =>
        state.Roster is { } roster ? roster.Members.Where(member => indexes.Contains(member.Value)).Select(member => member.Key) : [];
}
