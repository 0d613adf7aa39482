// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Everything that a coordinator stores of a round and an auditor needs to recompute its sum (secure-aggregation, sections 10 and 11).</summary>
public sealed record RoundEvidence
{
    /// <summary>The epoch, recomputed from the roster.</summary>
    public required EpochParams Epoch { get; init; }

    /// <summary>E1 of all of U1, ascending.</summary>
    public required ImmutableArray<DsseEnvelope> Advertisements { get; init; }

    /// <summary>E5 of all of U2.</summary>
    public required ImmutableArray<DsseEnvelope> Acks { get; init; }

    /// <summary>R1.</summary>
    public required DsseEnvelope Start { get; init; }

    /// <summary>R2 of all of U3.</summary>
    public required ImmutableArray<DsseEnvelope> Masked { get; init; }

    /// <summary>R3.</summary>
    public required DsseEnvelope U3List { get; init; }

    /// <summary>R4, at least t.</summary>
    public required ImmutableArray<DsseEnvelope> Consistencies { get; init; }

    /// <summary>b_u for each silo of U3.</summary>
    public required ImmutableSortedDictionary<int, byte[]> SelfSeeds { get; init; }

    /// <summary>s_v for each silo of U2 without U3.</summary>
    public required ImmutableSortedDictionary<int, byte[]> PairwiseKeys { get; init; }

    /// <summary>R7.</summary>
    public required DsseEnvelope Result { get; init; }

    /// <summary>Reads evidence strictly: canonical, and each body with the one signature that counts.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c> or <c>body_malformed</c>.</exception>
    public static RoundEvidence Parse(ReadOnlySpan<byte> bytes)
    {
        RoundEvidence evidence = Jcs.Parse(bytes, RoundEvidenceJson.Default.RoundEvidence, "round evidence");
        bool whole = evidence.Envelopes.All(envelope => envelope is { Signatures: [{ KeyId: not null, Sig: not null }], Payload: not null })
            && evidence.SelfSeeds.Values.Concat(evidence.PairwiseKeys.Values).All(secret => secret is { Length: Fcsa1.KeyBytes })
            && evidence.ToJcs().AsSpan().SequenceEqual(bytes);
        return whole ? evidence : throw new FedCloudException(ErrorCodes.BodyMalformed, "round evidence: expected bodies with one signature each and secrets of 32 bytes, as they are written here, found others");
    }

    /// <summary>The canonical bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, RoundEvidenceJson.Default.RoundEvidence);

    /// <summary>Checks every signature and every hash, recomputes z from the masked vectors, and compares it with the result.</summary>
    /// <param name="keys">Who may sign.</param>
    /// <param name="terms">What the plan says.</param>
    /// <param name="vectors">The masked vector of each silo of U3, at its start; the caller disposes them.</param>
    /// <param name="output">Receives z; what was written counts only when this returns.</param>
    /// <returns>The result, whose seeds_sha256 and aggregate_sha256 were recomputed. The new model's hash is the caller's to recompute from z.</returns>
    /// <exception cref="FedCloudException">The code of the first check that fails; <c>result_mismatch</c> where only the result is wrong.</exception>
    public ResultBody Verify(RosterKeys keys, RoundTerms terms, IReadOnlyDictionary<int, Stream> vectors, Stream output)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(terms);
        EpochMembers members = EpochMembers.Open(Epoch, Advertisements, keys.IdentityKeys);
        ImmutableArray<int> u2 = [.. Acks.Select(ack => Signer.Open<ShareAckBody>(ack, keys.IdentityKeys, body => body.Idx).Idx).Order()];
        RoundStartBody start = OpenCoordinators<RoundStartBody>(Start, keys);
        if (ShareAcks.Require(members, u2, Acks, keys.IdentityKeys) != start.AckSha256)
        {
            throw new FedCloudException(ErrorCodes.AckInvalid, "the start names other acknowledgements than those given");
        }

        RoundScope scope = RoundScope.Open(start, members, u2, terms.ConfigSha256, terms.D, terms.Ring);
        U3Agreement agreement = U3Agreement.Open(scope, OpenCoordinators<U3ListBody>(U3List, keys), Masked, keys.IdentityKeys, terms.Quorum, terms.HasPrivacy);
        agreement.RequireConsistency(Consistencies, keys.IdentityKeys);
        using RevealedSecrets secrets = RevealedSecrets.Open(scope, agreement, SelfSeeds, PairwiseKeys);
        ResultBody result = OpenCoordinators<ResultBody>(Result, keys);
        Sha256Digest aggregate = RoundAggregate.Compute(scope, agreement, secrets, vectors, output);
        return result.Rid == scope.Rid && result.U3Sha256 == agreement.U3Sha256 && result.SeedsSha256 == secrets.SeedsSha256() && result.AggregateSha256 == aggregate
            ? result
            : throw new FedCloudException(ErrorCodes.ResultMismatch, $"expected the aggregate {aggregate.Hex[..16]}… of this list and these secrets, found {result.AggregateSha256.Hex[..16]}… or another list or secrets");
    }

    private IEnumerable<DsseEnvelope?> Envelopes => [.. Advertisements, .. Acks, Start, .. Masked, U3List, .. Consistencies, Result];

    private static T OpenCoordinators<T>(DsseEnvelope envelope, RosterKeys keys)
        where T : class, ISecureAggregationBody<T> => keys.CoordinatorKeys.FirstOrDefault(envelope.IsSignedBy) is { } key
            ? SecureAggregationBody.Open<T>(envelope, key)
            : throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{T.Name}: no signature of a coordinator key of the roster");
}

/// <summary>Strict JSON of round evidence.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RoundEvidence))]
public sealed partial class RoundEvidenceJson : JsonSerializerContext;
