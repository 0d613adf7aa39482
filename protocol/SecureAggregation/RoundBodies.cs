// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization.Metadata;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>R1: a round begins in a slot. Signed by the coordinator.</summary>
public sealed record RoundStartBody : ISecureAggregationBody<RoundStartBody>
{
    /// <inheritdoc/>
    public static string Name => "round_start";

    /// <inheritdoc/>
    public static JsonTypeInfo<RoundStartBody> Json => SecureAggregationJson.Default.RoundStartBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The slot, from 0.</summary>
    public required int Slot { get; init; }

    /// <summary>The run; equal to the configuration's member <c>job</c>.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required long Round { get; init; }

    /// <summary>The round's identity, which every silo recomputes.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The model version that the round starts from.</summary>
    public required Sha256Digest ModelSha256 { get; init; }

    /// <summary>The run's configuration.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>Ring coordinates, padding, metrics and weight included.</summary>
    public required long D { get; init; }

    /// <summary>The ring's width in bits.</summary>
    public required int K { get; init; }

    /// <summary>When masked vectors are due, in Unix seconds.</summary>
    public required long Deadline { get; init; }

    /// <summary>The hash of the share acknowledgements.</summary>
    public required Sha256Digest AckSha256 { get; init; }

    /// <inheritdoc/>
    public string? Fault() => Slot is >= 0 and < Fcsa1.MaxSlots && Round >= 0 && Deadline >= 0 && D is >= 1 and < Fcsa1.CoordinateLimit && K is 16 or 24 or 32
        ? null
        : "slot, round, d, k and deadline in their ranges";
}

/// <summary>R2: a masked vector is uploaded. Signed by the silo.</summary>
public sealed record MaskedBody : ISecureAggregationBody<MaskedBody>
{
    /// <inheritdoc/>
    public static string Name => "masked";

    /// <inheritdoc/>
    public static JsonTypeInfo<MaskedBody> Json => SecureAggregationJson.Default.MaskedBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The SHA-256 of the masked vector's bytes.</summary>
    public required Sha256Digest YSha256 { get; init; }

    /// <summary>The masked vector's length in bytes, d·k/8.</summary>
    public required long YLen { get; init; }

    /// <summary>The head of the privacy ledger; 64 zeros if and only if the plan has no privacy.</summary>
    public required Sha256Digest LedgerHead { get; init; }

    /// <summary>The hash of the journal line before the one that records this body.</summary>
    public required Sha256Digest JournalHead { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx) ?? (YLen >= 2 ? null : "a vector of at least one word");
}

/// <summary>A silo whose masked vector counts.</summary>
/// <param name="Idx">Its roster index.</param>
/// <param name="YSha256">The SHA-256 of its masked vector.</param>
public sealed record U3Member(int Idx, Sha256Digest YSha256);

/// <summary>R3: the silos whose vectors are summed. Signed by the coordinator.</summary>
public sealed record U3ListBody : ISecureAggregationBody<U3ListBody>
{
    /// <inheritdoc/>
    public static string Name => "u3_list";

    /// <inheritdoc/>
    public static JsonTypeInfo<U3ListBody> Json => SecureAggregationJson.Default.U3ListBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The members, ascending by index.</summary>
    public required ImmutableArray<U3Member> Members { get; init; }

    /// <summary>The hash of the list.</summary>
    public required Sha256Digest U3Sha256 { get; init; }

    /// <inheritdoc/>
    public string? Fault() => Members.All(member => member is not null && BodyFault.IsIdx(member.Idx)) && BodyFault.IsAscending(Members.Select(member => member.Idx)) ? null : "members strictly ascending by index";
}

/// <summary>R4: the one U3 that the silo agrees to open. Signed by the silo.</summary>
public sealed record ConsistencyBody : ISecureAggregationBody<ConsistencyBody>
{
    /// <inheritdoc/>
    public static string Name => "consistency";

    /// <inheritdoc/>
    public static JsonTypeInfo<ConsistencyBody> Json => SecureAggregationJson.Default.ConsistencyBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The hash of U3.</summary>
    public required Sha256Digest U3Sha256 { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx);
}

/// <summary>R6: a silo's shares that open the sum over U3. Signed by the silo, encrypted to the aggregator's key.</summary>
public sealed record UnmaskBody : ISecureAggregationBody<UnmaskBody>
{
    /// <inheritdoc/>
    public static string Name => "unmask";

    /// <inheritdoc/>
    public static JsonTypeInfo<UnmaskBody> Json => SecureAggregationJson.Default.UnmaskBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The responder's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The hash of U3.</summary>
    public required Sha256Digest U3Sha256 { get; init; }

    /// <summary>For each silo of U2 outside U3, the share of its pairwise key.</summary>
    public required ImmutableSortedDictionary<int, RevealedShare> S { get; init; }

    /// <summary>For each silo of U3, the share of its self-mask seed.</summary>
    public required ImmutableSortedDictionary<int, RevealedShare> B { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx)
        ?? (S.Keys.Concat(B.Keys).All(BodyFault.IsIdx) && !S.Keys.Any(B.ContainsKey) ? null : "disjoint sets of indexes: a peer has one share, never both");
}

/// <summary>R7: the sum is opened. Signed by the coordinator.</summary>
public sealed record ResultBody : ISecureAggregationBody<ResultBody>
{
    /// <inheritdoc/>
    public static string Name => "result";

    /// <inheritdoc/>
    public static JsonTypeInfo<ResultBody> Json => SecureAggregationJson.Default.ResultBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The hash of U3.</summary>
    public required Sha256Digest U3Sha256 { get; init; }

    /// <summary>The hash of the revealed secrets.</summary>
    public required Sha256Digest SeedsSha256 { get; init; }

    /// <summary>The SHA-256 of the ring sum's bytes.</summary>
    public required Sha256Digest AggregateSha256 { get; init; }

    /// <summary>The new model version.</summary>
    public required Sha256Digest NewModelSha256 { get; init; }

    /// <inheritdoc/>
    public string? Fault() => null;
}

/// <summary>This slot is burned: no Unmask was sent for the round and none will be. Signed by the silo.</summary>
public sealed record BurnedBody : ISecureAggregationBody<BurnedBody>
{
    /// <inheritdoc/>
    public static string Name => "burned";

    /// <inheritdoc/>
    public static JsonTypeInfo<BurnedBody> Json => SecureAggregationJson.Default.BurnedBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round's number.</summary>
    public required long Round { get; init; }

    /// <summary>The round.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx) ?? (Round >= 0 ? null : "a round that is not negative");
}

/// <summary>From this round on the job continues from this model. Signed by a member of the roster.</summary>
public sealed record RollbackBody : ISecureAggregationBody<RollbackBody>
{
    /// <inheritdoc/>
    public static string Name => "rollback";

    /// <inheritdoc/>
    public static JsonTypeInfo<RollbackBody> Json => SecureAggregationJson.Default.RollbackBody;

    /// <inheritdoc/>
    public string Type { get; init; } = Name;

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The first round from the model.</summary>
    public required long Round { get; init; }

    /// <summary>The model version.</summary>
    public required Sha256Digest ModelSha256 { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <inheritdoc/>
    public string? Fault() => BodyFault.Idx(Idx) ?? (Round >= 0 ? null : "a round that is not negative");
}
