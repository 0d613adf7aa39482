// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Membership;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>What was verified of an epoch and its rounds, taken from the silo's own files again when it is needed.</summary>
/// <param name="vault">The epochs' files.</param>
/// <param name="member">The rosters.</param>
/// <param name="models">The plans.</param>
public sealed class EpochFiles(EpochVault vault, Member member, ModelCache models)
{
    private const string ListName = "advertise-list";
    private const string SharesName = "dealt-shares";

    /// <summary>The keys of an epoch's roster.</summary>
    /// <exception cref="FedCloudException"><c>roster_unknown</c>.</exception>
    public MemberKeys Keys(SiloEpoch epoch)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        return member.KeysOf(epoch.Parameters.RosterSha256) ?? throw new FedCloudException(ErrorCodes.RosterUnknown, "the epoch is of a roster that this silo has not verified");
    }

    /// <summary>Checks a list of E1.</summary>
    /// <exception cref="FedCloudException"><c>advertise_list_invalid</c>, <c>signature_invalid</c>, or a code of a body.</exception>
    public EpochMembers OpenList(SiloEpoch epoch, Parcel list)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        ArgumentNullException.ThrowIfNull(list);
        MemberKeys keys = Keys(epoch);
        return EpochMembers.Open(epoch.Parameters, list.Envelopes, keys.Identity, epoch.Advertise, keys.Others);
    }

    /// <summary>Keeps a checked list.</summary>
    public void KeepList(SiloEpoch epoch, byte[] list) => vault.PutPublic(epoch.Sid, ListName, list);

    /// <summary>U1 of the list that the silo answers.</summary>
    public EpochMembers Members(SiloEpoch epoch) => OpenList(epoch, Parcel.FromJson(Read(epoch, ListName)));

    /// <summary>Keeps E3 as it will be sent.</summary>
    public void KeepShares(SiloEpoch epoch, byte[] shares) => vault.PutPublic(epoch.Sid, SharesName, shares);

    /// <summary>E3 as it is sent.</summary>
    public byte[] Shares(SiloEpoch epoch) => Read(epoch, SharesName);

    /// <summary>The scope of a round in a slot; what the plan says about the vector is the caller's to check while it trains.</summary>
    /// <exception cref="FedCloudException"><c>round_start_invalid</c>.</exception>
    public RoundScope Scope(SiloEpoch epoch, SiloSlot slot)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        ArgumentNullException.ThrowIfNull(slot);
        RoundStartBody start = slot.Start.ToStart(slot.Rid);
        return RoundScope.Open(start, Members(epoch), epoch.Cohort, start.ConfigSha256, start.D, Ring.OfBits(start.K));
    }

    /// <summary>Checks a list of masked vectors with its members' announcements.</summary>
    /// <exception cref="FedCloudException"><c>u3_list_invalid</c>, <c>masked_invalid</c>, <c>signature_invalid</c>, or a code of a body.</exception>
    public U3Agreement OpenU3(SiloEpoch epoch, SiloSlot slot, U3ListBody list, ImmutableArray<DsseEnvelope> masked)
    {
        ArgumentNullException.ThrowIfNull(slot);
        RunConfig plan = models.Plan(slot.Start.Job);
        return U3Agreement.Open(Scope(epoch, slot), list, masked, Keys(epoch).Identity, plan.Participation.Quorum, plan.Privacy.IsClaimed, slot.Masked);
    }

    /// <summary>Keeps a checked list of masked vectors.</summary>
    public void KeepU3(SiloEpoch epoch, int slot, U3ListBody list, ImmutableArray<DsseEnvelope> masked) => vault.PutPublic(
        epoch.Sid,
        U3Name(slot),
        new Parcel { Envelopes = masked, Parts = ImmutableSortedDictionary.Create<string, byte[]>(StringComparer.Ordinal).Add(U3ListBody.Name, SecureAggregationBody.Encode(list)) }.ToJson());

    /// <summary>The list that the silo agreed to open.</summary>
    public U3Agreement Agreed(SiloEpoch epoch, int number, SiloSlot slot)
    {
        Parcel kept = Parcel.FromJson(Read(epoch, U3Name(number)));
        U3Agreement agreement = OpenU3(epoch, slot, SecureAggregationBody.Parse<U3ListBody>(kept.Parts[U3ListBody.Name]), kept.Envelopes);
        return agreement.U3Sha256 == slot.U3Sha256
            ? agreement
            : throw new FedCloudException(ErrorCodes.EpochSecretsBroken, "expected the list that this silo agreed to, found another");
    }

    private byte[] Read(SiloEpoch epoch, string name) => vault.GetPublic(epoch.Sid, name)
        ?? throw new FedCloudException(ErrorCodes.EpochSecretsBroken, $"expected {name} of epoch {epoch.Parameters.Epoch} in the silo's home, found none");

    private static string U3Name(int slot) => FormattableString.Invariant($"u3-list-{slot}");
}
