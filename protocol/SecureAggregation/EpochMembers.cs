// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>U1: the silos of an epoch with their advertised keys, verified (secure-aggregation, section 5.1, E2).</summary>
public sealed class EpochMembers
{
    private EpochMembers(EpochParams parameters, ImmutableSortedDictionary<int, AdvertiseBody> u1)
    {
        Parameters = parameters;
        Bounds = CohortBounds.Of(parameters.N);
        Sid = parameters.Sid();
        U1 = u1;
        L1 = Derivations.L1(u1.Values.Select(SecureAggregationBody.Encode));
    }

    /// <summary>The epoch's parameters.</summary>
    public EpochParams Parameters { get; }

    /// <summary>What the roster tolerates.</summary>
    public CohortBounds Bounds { get; }

    /// <summary>The epoch's identity.</summary>
    public Sha256Digest Sid { get; }

    /// <summary>The hash of the list.</summary>
    public Sha256Digest L1 { get; }

    /// <summary>The advertisements by index.</summary>
    public ImmutableSortedDictionary<int, AdvertiseBody> U1 { get; }

    /// <summary>Checks a list of advertisements.</summary>
    /// <param name="parameters">The epoch, from the receiver's own roster.</param>
    /// <param name="advertisements">The signed bodies in the order received.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <param name="own">What this silo advertised, which must be on the list unchanged; null at the coordinator and the auditor.</param>
    /// <param name="otherKeys">Keys of the roster in other roles, which nobody may advertise.</param>
    /// <exception cref="FedCloudException"><c>advertise_list_invalid</c>, <c>signature_invalid</c>, or a code of the body and of the parameters.</exception>
    public static EpochMembers Open(
        EpochParams parameters,
        IReadOnlyList<DsseEnvelope> advertisements,
        IReadOnlyDictionary<int, VerificationKey> identityKeys,
        AdvertiseBody? own = null,
        IEnumerable<VerificationKey>? otherKeys = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(advertisements);
        parameters.RequireValid();
        CohortBounds bounds = CohortBounds.Of(parameters.N);
        if (advertisements.Count < bounds.Threshold || advertisements.Count > parameters.N)
        {
            throw Invalid($"expected {bounds.Threshold} to {parameters.N} silos, found {advertisements.Count}");
        }

        ImmutableArray<AdvertiseBody> bodies = [.. advertisements.Select(envelope => OpenOne(envelope, parameters, identityKeys))];
        if (!BodyFault.IsAscending(bodies.Select(body => body.Idx)))
        {
            throw Invalid("expected silos strictly ascending by index, found another order");
        }

        RequireDistinctKeys(bodies, identityKeys.Values.Concat(otherKeys ?? []));
        EpochMembers members = new(parameters, bodies.ToImmutableSortedDictionary(body => body.Idx, body => body));
        members.RequireOwn(own);
        return members;
    }

    /// <summary>The members of U2 as a checked set: members of U1, ascending, at least t.</summary>
    /// <exception cref="FedCloudException"><c>advertise_list_invalid</c>.</exception>
    public ImmutableArray<int> RequireCohort(IEnumerable<int> u2)
    {
        ImmutableArray<int> cohort = [.. u2];
        return BodyFault.IsAscending(cohort) && cohort.All(U1.ContainsKey) && cohort.Length >= Bounds.Threshold
            ? cohort
            : throw Invalid($"expected a cohort of at least {Bounds.Threshold} members of the epoch, ascending, found {cohort.Length} others");
    }

    // The signer is the index that the body claims: the signature is checked with that member's key before the body counts.
    private static AdvertiseBody OpenOne(DsseEnvelope envelope, EpochParams parameters, IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        AdvertiseBody body = Signer.Open<AdvertiseBody>(envelope, identityKeys, advertise => advertise.Idx);
        if (body.Sid != parameters.Sid() || body.Idx > parameters.N || body.SPk.Length != parameters.Slots)
        {
            throw Invalid($"silo {body.Idx} advertises another epoch or another number of slots");
        }

        return body;
    }

    private static void RequireDistinctKeys(ImmutableArray<AdvertiseBody> bodies, IEnumerable<VerificationKey> rosterKeys)
    {
        HashSet<string> seen = [.. rosterKeys.Select(key => Convert.ToHexStringLower(key.Spki[^P256Point.EncodedBytes..]))];
        foreach (AdvertiseBody body in bodies)
        {
            foreach (P256Point key in (IEnumerable<P256Point>)[body.CPk, .. body.SPk])
            {
                if (!seen.Add(key.Hex))
                {
                    throw Invalid($"silo {body.Idx} advertises a key that is already used");
                }
            }
        }
    }

    private void RequireOwn(AdvertiseBody? own)
    {
        if (own is not null && !(U1.TryGetValue(own.Idx, out AdvertiseBody? listed) && SecureAggregationBody.Encode(listed).AsSpan().SequenceEqual(SecureAggregationBody.Encode(own))))
        {
            throw Invalid("this silo's own entry is missing or changed");
        }
    }

    private static FedCloudException Invalid(string found) => new(ErrorCodes.AdvertiseListInvalid, found);
}
