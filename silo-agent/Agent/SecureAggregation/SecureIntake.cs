// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Membership;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Turns frames of secure aggregation into verified facts. What only a coordinator that breaks the protocol can have sent becomes an alarm.</summary>
/// <param name="store">The storage, which holds the claim checks.</param>
/// <param name="home">The home folder.</param>
/// <param name="vault">The epochs' secrets.</param>
/// <param name="files">What was verified before.</param>
/// <param name="member">The rosters.</param>
/// <param name="models">The plans.</param>
/// <param name="policy">The verified policy.</param>
/// <param name="coordinator">The coordinator's key.</param>
public sealed class SecureIntake(
    IBlobStore store, SiloHome home, EpochVault vault, EpochFiles files, Member member, ModelCache models, SiloPolicy policy, VerificationKey coordinator)
{
    private readonly string _down = "down-" + home.Invitation.SiloId.Value;

    /// <summary>Whether a frame is one of secure aggregation.</summary>
    public static bool Takes(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        return frame.Type is SecureFrame.EpochCall or SecureFrame.AdvertiseList or SecureFrame.ShareDelivery or SecureFrame.RoundStart or SecureFrame.U3List or SecureFrame.Agreement or SecureFrame.Result;
    }

    /// <summary>The wrapping key that a start names; null for other frames.</summary>
    public KekCurrentBody? WrappingKey(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        return frame.Envelopes.FirstOrDefault(envelope => string.Equals(envelope.PayloadType, EnrolmentBody.KeysPayloadType, StringComparison.Ordinal)) is { } named
            ? Coordinators(named, EnrolmentBody.KeysPayloadType, EnrolmentJson.Default.KekCurrentBody)
            : null;
    }

    /// <summary>Verifies a frame.</summary>
    /// <param name="frame">The frame, which has no authority of its own.</param>
    /// <param name="state">The silo.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The event; null where the frame is about nothing that the silo holds.</returns>
    /// <exception cref="FedCloudException">The frame is malformed, or not by the coordinator; <c>roster_unknown</c>; <c>storage_*</c>.</exception>
    public Task<SiloEvent?> VerifyAsync(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(state);
        return frame.Type switch
        {
            SecureFrame.EpochCall => CallAsync(frame, now),
            SecureFrame.AdvertiseList => ListAsync(frame, state, now, cancellation),
            SecureFrame.ShareDelivery => DeliveryAsync(frame, state, now, cancellation),
            SecureFrame.RoundStart => StartAsync(frame, state, now, cancellation),
            SecureFrame.U3List => U3Async(frame, state, now, cancellation),
            SecureFrame.Agreement => AgreementAsync(frame, state, now, cancellation),
            _ => ResultAsync(frame, now),
        };
    }

    private Task<SiloEvent?> CallAsync(Frame frame, DateTimeOffset now)
    {
        DsseEnvelope signed = One(frame);
        return OpenedAsync(signed, EpochBody.PayloadType, EpochBody.Call, EpochBodyJson.Default.EpochCallBody, now, call =>
        {
            if (!string.Equals(call.Type, EpochBody.Call, StringComparison.Ordinal) || call.Federation != home.Invitation.Federation)
            {
                throw new FedCloudException(ErrorCodes.BodyMalformed, "expected the call of an epoch of this federation, found another body");
            }

            (Roster roster, int idx) = CurrentRoster(call.RosterSha256);
            return Task.FromResult<SiloEvent?>(Checked(null, [signed.Identity], now, () =>
                new EpochCalled(now, EpochParams.Create(call.Federation, call.Epoch, call.RosterSha256, roster.N, call.Slots), idx)));
        });
    }

    private async Task<SiloEvent?> ListAsync(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        (byte[] bytes, Parcel list) = await ParcelAsync(frame, cancellation);
        if (FindEpoch<AdvertiseBody>(state, list.Envelopes, body => body.Sid) is not { Advertise: not null } epoch)
        {
            return null;
        }

        return Checked(null, [Sha256Digest.Of(bytes)], now, () =>
        {
            EpochMembers members = files.OpenList(epoch, list);
            if (epoch.L1 is null)
            {
                files.KeepList(epoch, bytes);
            }

            return new ListReceived(now, epoch.Sid, members.L1);
        });
    }

    private async Task<SiloEvent?> DeliveryAsync(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        (byte[] bytes, Parcel parcel) = await ParcelAsync(frame, cancellation);
        if (FindEpoch<SharesBody>(state, parcel.Envelopes, body => body.Sid) is not { Phase: SiloEpochPhase.Shared or SiloEpochPhase.Acknowledged } epoch)
        {
            return null;
        }

        return Checked(null, [Sha256Digest.Of(bytes)], now, () => Receive(epoch, parcel, now));
    }

    private SiloEvent Receive(SiloEpoch epoch, Parcel parcel, DateTimeOffset now)
    {
        ImmutableArray<(int Dealer, DsseEnvelope Signed)> dealt = [.. parcel.Envelopes.Select(shares => (SecureAggregationBody.Parse<SharesBody>(shares.Payload).Idx, shares))];
        if (dealt.DistinctBy(shares => shares.Dealer).Count() < dealt.Length)
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, "expected the shares of each dealer once, found some twice");
        }

        ImmutableSortedDictionary<int, ShareDelivery> deliveries = dealt.ToImmutableSortedDictionary(shares => shares.Dealer, shares => DeliveryOf(parcel, shares.Signed, shares.Dealer));
        EpochMembers members = files.Members(epoch);
        if (epoch.Acknowledgement is { } acknowledged)
        {
            Sha256Digest again = Derivations.CohortHash(epoch.Sid, deliveries.Keys);
            return new SharesAccepted(now, epoch.Sid, [.. deliveries.Keys], acknowledged with { U2Sha256 = again });
        }

        using EpochSecrets secrets = vault.Read(epoch.Sid);
        using ShareBundle own = vault.ReadOwnShares(epoch.Sid);
        switch (HeldShares.Receive(members, secrets, own, deliveries, files.Keys(epoch).Identity))
        {
            case ShareReceipt.Accepted accepted:
                using (accepted.Shares)
                {
                    vault.PutHeld(epoch.Sid, accepted.Shares);
                    return new SharesAccepted(now, epoch.Sid, accepted.Shares.U2, accepted.Ack);
                }

            case ShareReceipt.Refused refused:
                return new SharesRefused(now, epoch.Sid, refused.Complaint);
            default:
                throw new InvalidOperationException("shares are accepted or refused");
        }
    }

    private static ShareDelivery DeliveryOf(Parcel parcel, DsseEnvelope shares, int dealer) =>
        new(shares, parcel.Parts.GetValueOrDefault(Parcel.Ciphertext(dealer), []), parcel.Parts.GetValueOrDefault(Parcel.Slice(dealer), []));

    private Task<SiloEvent?> StartAsync(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        DsseEnvelope signed = Secure(frame);
        return WithVersionAsync(frame, now, previous => OpenedAsync<RoundStartBody>(signed, now, async start =>
        {
            (_, Parcel parcel) = await ParcelAsync(frame, cancellation);
            SiloEpoch? epoch = SiloMachine.FindEpoch(state, start.Sid);
            SiloRun? run = state.Runs.GetValueOrDefault(start.Job);
            return Checked(start.Job, [signed.Identity], now, () => Start(start, previous, parcel, epoch, run, state, now));
        }));
    }

    private StartReceived Start(RoundStartBody start, CommittedVersion? previous, Parcel parcel, SiloEpoch? epoch, SiloRun? run, SiloState state, DateTimeOffset now)
    {
        if (start.Round > int.MaxValue)
        {
            throw new FedCloudException(ErrorCodes.RoundStartInvalid, $"expected a round below 2^31, found {start.Round}");
        }

        if (epoch is { Phase: SiloEpochPhase.Acknowledged })
        {
            RequireScope(start, parcel, epoch);
        }

        int version = run is null ? 0 : SiloMachine.CurrentModel(run, start.Job, (int)start.Round, previous).Version;
        RunConfig? plan = run is { Phase: SiloRunPhase.Approved } ? models.Plan(start.Job) : null;
        int idx = epoch?.Idx ?? member.Roster?.Find(home.Invitation.SiloId)?.Idx ?? throw new FedCloudException(ErrorCodes.RosterUnknown, "this silo is in no roster yet");
        RoundOpening opening = new()
        {
            Job = start.Job,
            Round = (int)start.Round,
            ConfigSha256 = start.ConfigSha256,
            ModelVersion = version,
            ModelSha256 = start.ModelSha256,
            Exchanged = (plan?.FactorsOf(version) ?? ExchangedFactor.B).ToWire(),
            UpdateLen = 0,
            Cohort = epoch is null ? [idx] : epoch.Cohort,
            Deadline = start.Deadline,
            Slot = new RoundSlot
            {
                Sid = start.Sid,
                RosterSha256 = epoch?.Parameters.RosterSha256 ?? Sha256Digest.Zero,
                Silos = epoch?.Parameters.N ?? 0,
                Slot = start.Slot,
                D = start.D,
                K = start.K,
                AckSha256 = start.AckSha256,
            },
        };
        bool mayRepeat = plan is not null && policy.MayRepeat(plan);
        string? refusal = policy.IsOpen(now) ? null : ErrorCodes.PolicyRefused.Name;
        return new StartReceived(now, opening, start.Rid, idx, previous, refusal, Burned(parcel, state, start), mayRepeat);
    }

    // Part 1 of section 5.3, as far as it does not need the model: identity of the round, acknowledgements.
    private void RequireScope(RoundStartBody start, Parcel parcel, SiloEpoch epoch)
    {
        EpochMembers members = files.Members(epoch);
        _ = RoundScope.Open(start, members, epoch.Cohort, start.ConfigSha256, start.D, Ring.OfBits(start.K));
        Sha256Digest acks = ShareAcks.Require(members, epoch.Cohort, parcel.Envelopes.Where(envelope => IsA(envelope, ShareAckBody.Name)), files.Keys(epoch).Identity);
        if (acks != start.AckSha256)
        {
            throw new FedCloudException(ErrorCodes.AckInvalid, "the start names other acknowledgements than those given");
        }
    }

    // Who burned the rounds that this silo masked from the model before; indexes are those of each round's own roster.
    private ImmutableSortedDictionary<string, ImmutableArray<int>> Burned(Parcel parcel, SiloState state, RoundStartBody start)
    {
        ImmutableArray<DsseEnvelope> bodies = [.. parcel.Envelopes.Where(envelope => IsA(envelope, BurnedBody.Name))];
        ImmutableSortedDictionary<string, ImmutableArray<int>> burned = ImmutableSortedDictionary.Create<string, ImmutableArray<int>>(StringComparer.Ordinal);
        foreach (MaskedFrom earlier in state.MaskedFrom.GetValueOrDefault(start.ModelSha256.Hex, []))
        {
            if (member.KeysOf(earlier.RosterSha256) is { } keys)
            {
                burned = burned.SetItem(earlier.Rid.Hex, [.. bodies.Select(body => BurnedBy(body, earlier, keys)).OfType<int>().Distinct().Order()]);
            }
        }

        return burned;
    }

    private static int? BurnedBy(DsseEnvelope envelope, MaskedFrom earlier, MemberKeys keys)
    {
        BurnedBody body = SecureAggregationBody.Parse<BurnedBody>(envelope.Payload);
        bool counts = body.Rid == earlier.Rid && body.Job == earlier.Job && body.Round == earlier.Round
            && keys.Identity.TryGetValue(body.Idx, out VerificationKey? key) && envelope.IsSignedBy(key);
        return counts ? body.Idx : null;
    }

    private Task<SiloEvent?> U3Async(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        DsseEnvelope signed = One(frame);
        return OpenedAsync<U3ListBody>(signed, now, async list =>
        {
            if (SiloMachine.FindSlot(state, list.Rid) is not { } found)
            {
                return null;
            }

            (_, Parcel parcel) = await ParcelAsync(frame, cancellation);
            RunId job = found.Record.Start.Job;
            return Checked(job, [list.Rid, signed.Identity], now, () =>
            {
                U3Agreement agreement = files.OpenU3(found.Epoch, found.Record, list, parcel.Envelopes);
                if (found.Record.U3Sha256 is null)
                {
                    files.KeepU3(found.Epoch, found.Slot, list, parcel.Envelopes);
                }

                return new U3Shown(now, job, list.Rid, agreement.U3Sha256, signed.Identity);
            });
        });
    }

    private async Task<SiloEvent?> AgreementAsync(Frame frame, SiloState state, DateTimeOffset now, CancellationToken cancellation)
    {
        (byte[] bytes, Parcel parcel) = await ParcelAsync(frame, cancellation);
        Sha256Digest rid = parcel.Envelopes is [{ } first, ..] ? SecureAggregationBody.Parse<ConsistencyBody>(first.Payload).Rid : Sha256Digest.Zero;
        if (SiloMachine.FindSlot(state, rid) is not { Record.Phase: SiloSlotPhase.Consistent or SiloSlotPhase.Revealed } found)
        {
            return null;
        }

        RunId job = found.Record.Start.Job;
        return Checked(job, [rid, Sha256Digest.Of(bytes)], now, () =>
        {
            U3Agreement agreed = files.Agreed(found.Epoch, found.Slot, found.Record);
            agreed.RequireConsistency(parcel.Envelopes, files.Keys(found.Epoch).Identity);
            return new AgreementShown(now, job, rid, agreed.U3Sha256);
        });
    }

    private Task<SiloEvent?> ResultAsync(Frame frame, DateTimeOffset now) => WithVersionAsync(frame, now, version => OpenedAsync<ResultBody>(Secure(frame), now, result =>
        version is not null && result.NewModelSha256 == version.Model.Sha256
            ? Task.FromResult<SiloEvent?>(new VersionReceived(now, version))
            : throw new FedCloudException(ErrorCodes.BodyMalformed, "expected a result and the version that it made, found others")));

    // The version that a start or a result names beside its own body.
    private Task<SiloEvent?> WithVersionAsync(Frame frame, DateTimeOffset now, Func<CommittedVersion?, Task<SiloEvent?>> take) =>
        frame.Envelopes.FirstOrDefault(envelope => string.Equals(envelope.PayloadType, RunBody.PayloadType, StringComparison.Ordinal)) is not { } named
            ? take(null)
            : OpenedAsync(named, RunBody.PayloadType, RunBody.Version, RunBodyJson.Default.VersionBody, now, body => string.Equals(body.Type, RunBody.Version, StringComparison.Ordinal)
                ? take(new CommittedVersion(body.Job, body.Round, new ModelReference(body.ModelVersion, body.ModelSha256)))
                : throw new FedCloudException(ErrorCodes.BodyMalformed, "expected a version, found another body"));

    private Task<SiloEvent?> OpenedAsync<T>(DsseEnvelope signed, DateTimeOffset now, Func<T, Task<SiloEvent?>> take)
        where T : class, ISecureAggregationBody<T> => OpenedAsync(signed, Fcsa1.PayloadType, T.Name, payload => SecureAggregationBody.Parse<T>(payload), now, take);

    private Task<SiloEvent?> OpenedAsync<T>(
        DsseEnvelope signed, string payloadType, string name, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, DateTimeOffset now, Func<T, Task<SiloEvent?>> take)
        where T : class => OpenedAsync(signed, payloadType, name, payload => Jcs.Parse(payload, type, name), now, take);

    // Anybody can send a body with a wrong signature, or one of the coordinator's in a frame of another type: neither shows anything.
    private async Task<SiloEvent?> OpenedAsync<T>(DsseEnvelope signed, string payloadType, string name, Func<byte[], T> parse, DateTimeOffset now, Func<T, Task<SiloEvent?>> take)
    {
        signed.RequireSignedBy(coordinator, payloadType, name);
        T body;
        try
        {
            body = parse(signed.Payload);
        }
        catch (FedCloudException error) when (IsA(signed, name))
        {
            return new Misbehaved(now, null, error.Code.Name, [signed.Identity]);
        }

        return await take(body);
    }

    // A body that fails its checks after it came from the coordinator is evidence: it is kept by its hashes, and nothing follows from it.
    private static SiloEvent Checked(RunId? job, ImmutableArray<Sha256Digest> evidence, DateTimeOffset now, Func<SiloEvent> check)
    {
        try
        {
            return check();
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code) && error.Code != ErrorCodes.RosterUnknown)
        {
            return new Misbehaved(now, job, error.Code.Name, evidence);
        }
    }

    private async Task<(byte[] Bytes, Parcel Parcel)> ParcelAsync(Frame frame, CancellationToken cancellation)
    {
        FrameBlob claim = frame.Blobs.FirstOrDefault(blob => string.Equals(blob.Role, Parcel.Role, StringComparison.Ordinal))
            ?? throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a claim check on a parcel, found none");
        if (!string.Equals(claim.Container, _down, StringComparison.Ordinal) || claim.Length > Parcel.MaxBytes)
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a parcel for this silo, found another claim check");
        }

        (byte[] bytes, _) = await store.ReadAsync(new BlobName(claim.Container, claim.Name), checked((int)claim.Length), cancellation)
            ?? throw new FedCloudException(ErrorCodes.ClaimMissing, $"{claim.Container}/{claim.Name}: expected a parcel, found none");
        return Sha256Digest.Of(bytes) == claim.Sha256
            ? (bytes, Parcel.FromJson(bytes))
            : throw new FedCloudException(ErrorCodes.MessageMalformed, "the parcel has another digest than the frame names");
    }

    // Which epoch a parcel is about; the check of its bodies comes after.
    private static SiloEpoch? FindEpoch<T>(SiloState state, ImmutableArray<DsseEnvelope> envelopes, Func<T, Sha256Digest> sid)
        where T : class, ISecureAggregationBody<T> => envelopes is [{ } first, ..]
            ? SiloMachine.FindEpoch(state, sid(SecureAggregationBody.Parse<T>(first.Payload)))
            : null;

    private (Roster Roster, int Idx) CurrentRoster(Sha256Digest roster) =>
        member.Roster is { } current && current.Digest() == roster && current.Find(home.Invitation.SiloId) is { } self
            ? (current, self.Idx)
            : throw new FedCloudException(ErrorCodes.RosterUnknown, "the message names a roster that this silo has not verified, or is not in");

    private T Coordinators<T>(DsseEnvelope envelope, string payloadType, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        envelope.RequireSignedBy(coordinator, payloadType, "coordinator's body");
        return Jcs.Parse(envelope.Payload, type, "coordinator's body");
    }

    private static DsseEnvelope One(Frame frame) => frame.Envelopes is [{ } one]
        ? one
        : throw new FedCloudException(ErrorCodes.MessageMalformed, $"expected one signed body, found {frame.Envelopes.Length}");

    private static DsseEnvelope Secure(Frame frame) => frame.Envelopes.FirstOrDefault(IsSecure)
        ?? throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a body of secure aggregation, found none");

    private static bool IsSecure(DsseEnvelope envelope) => string.Equals(envelope.PayloadType, Fcsa1.PayloadType, StringComparison.Ordinal);

    private static bool IsA(DsseEnvelope envelope, string type) => string.Equals(envelope.BodyType, type, StringComparison.Ordinal);
}
