// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What an epoch is made of; its hash is the epoch's identity, sid, which every silo recomputes (secure-aggregation, section 4).</summary>
/// <remarks>Groups (section 13) are not part of this version: parameters with a member <c>group</c> are refused as malformed.</remarks>
public sealed record EpochParams
{
    /// <summary>Always <see cref="Fcsa1.Suite"/>.</summary>
    public required string Suite { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The epoch's number, rising.</summary>
    public required long Epoch { get; init; }

    /// <summary>The roster whose indexes are used.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The roster's size.</summary>
    public required int N { get; init; }

    /// <summary>The threshold, from the roster's size.</summary>
    public required int T { get; init; }

    /// <summary>The epoch's slots, B.</summary>
    public required int Slots { get; init; }

    /// <summary>The parameters of an epoch, checked.</summary>
    /// <exception cref="FedCloudException"><c>secagg_roster_size</c>, <c>secagg_parameters_invalid</c>.</exception>
    public static EpochParams Create(FederationId federation, long epoch, Sha256Digest roster, int n, int slots = Fcsa1.DefaultSlots)
    {
        EpochParams parameters = new()
        {
            Suite = Fcsa1.Suite,
            Federation = federation,
            Epoch = epoch,
            RosterSha256 = roster,
            N = n,
            T = CohortBounds.Of(n).Threshold,
            Slots = slots,
        };
        parameters.RequireValid();
        return parameters;
    }

    /// <summary>Reads parameters strictly.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c>, <c>body_malformed</c>, <c>suite_unknown</c>, <c>secagg_roster_size</c>, <c>secagg_parameters_invalid</c>.</exception>
    public static EpochParams Parse(ReadOnlySpan<byte> bytes)
    {
        EpochParams parameters = Jcs.Parse(bytes, SecureAggregationJson.Default.EpochParams, "epoch parameters");
        parameters.RequireValid();
        return parameters;
    }

    /// <summary>The canonical bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, SecureAggregationJson.Default.EpochParams);

    /// <summary>The epoch's identity.</summary>
    public Sha256Digest Sid() => Derivations.Sid(ToJcs());

    /// <summary>Checks suite, roster size, threshold, slots and number.</summary>
    /// <exception cref="FedCloudException"><c>suite_unknown</c>, <c>secagg_roster_size</c>, <c>secagg_parameters_invalid</c>.</exception>
    public void RequireValid()
    {
        if (!string.Equals(Suite, Fcsa1.Suite, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.SuiteUnknown, $"expected the suite {Fcsa1.Suite}, found another");
        }

        int threshold = CohortBounds.Of(N).Threshold;
        if (T != threshold)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected the threshold {threshold} for {N} silos, found {T}");
        }

        if (Slots is < 1 or > Fcsa1.MaxSlots || Epoch is < 0 or > Fcsa1.MaxInteger)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected 1 to {Fcsa1.MaxSlots} slots and an epoch number below 2^53, found {Slots} slots in epoch {Epoch}");
        }
    }
}
