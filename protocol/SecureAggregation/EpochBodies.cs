// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization.Metadata;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>E1: a silo's public keys and seed commitments of an epoch. Signed by the silo.</summary>
public sealed record AdvertiseBody : ISecureAggregationBody<AdvertiseBody>
{
    /// <inheritdoc/>
    public static string Name => "advertise";

    /// <inheritdoc/>
    public static JsonTypeInfo<AdvertiseBody> Json => SecureAggregationJson.Default.AdvertiseBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The key for share encryption.</summary>
    public required P256Point CPk { get; init; }

    /// <summary>The keys of the pairwise masks, one a slot.</summary>
    public required ImmutableArray<P256Point> SPk { get; init; }

    /// <summary>The commitments to the self-mask seeds, one a slot.</summary>
    public required ImmutableArray<Sha256Digest> BCom { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx) ?? (SPk.Length is >= 1 and <= Fcsa1.MaxSlots && SPk.Length == BCom.Length && SPk.All(key => key is not null) ? null : "one key and one commitment for each of 1 to 64 slots");
}

/// <summary>E3: hashes of the share ciphertexts and of the commitment slices. Signed by the silo.</summary>
public sealed record SharesBody : ISecureAggregationBody<SharesBody>
{
    /// <inheritdoc/>
    public static string Name => "shares";

    /// <inheritdoc/>
    public static JsonTypeInfo<SharesBody> Json => SecureAggregationJson.Default.SharesBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The dealer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The list of advertisements that the shares answer.</summary>
    public required Sha256Digest L1 { get; init; }

    /// <summary>For each other member of U1, the SHA-256 of the ciphertext for it.</summary>
    public required ImmutableSortedDictionary<int, Sha256Digest> Ct { get; init; }

    /// <summary>For each member of U1, the dealer included, the SHA-256 of its commitment slice.</summary>
    public required ImmutableSortedDictionary<int, Sha256Digest> Com { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx)
        ?? (Com.Keys.All(BodyFault.IsIdx) && Com.ContainsKey(Idx) && Com.Remove(Idx).Keys.SequenceEqual(Ct.Keys) ? null : "slices for U1, and ciphertexts for U1 without the dealer");
}

/// <summary>E5: the cohort that the silo accepted. Signed by the silo.</summary>
public sealed record ShareAckBody : ISecureAggregationBody<ShareAckBody>
{
    /// <inheritdoc/>
    public static string Name => "share_ack";

    /// <inheritdoc/>
    public static JsonTypeInfo<ShareAckBody> Json => SecureAggregationJson.Default.ShareAckBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The list of advertisements.</summary>
    public required Sha256Digest L1 { get; init; }

    /// <summary>The hash of U2.</summary>
    public required Sha256Digest U2Sha256 { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx);
}

/// <summary>Instead of E5: shares that a silo cannot accept. Signed by the silo; stops the epoch.</summary>
public sealed record ComplaintBody : ISecureAggregationBody<ComplaintBody>
{
    /// <inheritdoc/>
    public static string Name => "complaint";

    /// <inheritdoc/>
    public static JsonTypeInfo<ComplaintBody> Json => SecureAggregationJson.Default.ComplaintBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The dealer that is complained about.</summary>
    public required int Against { get; init; }

    /// <summary>Why, as a code of the error vocabulary.</summary>
    public required string Reason { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx) ?? BodyFault.Idx(Against) ?? BodyFault.Code(Reason);
}
