// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Federations;

/// <summary>A roster that waits for its members' signatures.</summary>
/// <param name="Roster">The roster.</param>
/// <param name="Signers">The fingerprints of the identity keys that have signed.</param>
public sealed record RosterProposal(Roster Roster, ImmutableSortedSet<string> Signers);

/// <summary>A silo that asked to become a member.</summary>
/// <param name="Join">Its verified join.</param>
/// <param name="Identity">The SHA-256 of the join's PAE.</param>
public sealed record JoinedSilo(JoinBody Join, Sha256Digest Identity);

/// <summary>The membership of a federation, as the coordinator sees it. The roster quorum decides; this only carries its decisions out.</summary>
public sealed record FederationState
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The fingerprint of the coordinator's message key CK.</summary>
    public required Sha256Digest CoordinatorSpkiSha256 { get; init; }

    /// <summary>The verifier key that the log's key LK has, or is to get with the next roster.</summary>
    public required string LogVkey { get; init; }

    /// <summary>Whether the log key before this one was lost or stolen, so that it signs no more.</summary>
    public bool IsLogKeyLost { get; init; }

    /// <summary>Silos with an open invitation.</summary>
    public ImmutableSortedSet<SiloId> Invited { get; init; } = [];

    /// <summary>Members, and silos of a proposal in flight, that the operator wants removed.</summary>
    public ImmutableSortedSet<SiloId> Leaving { get; init; } = [];

    /// <summary>Silos whose joins were verified, members or not yet.</summary>
    public ImmutableSortedDictionary<SiloId, JoinedSilo> Joined { get; init; } = ImmutableSortedDictionary<SiloId, JoinedSilo>.Empty;

    /// <summary>The roster in force; null before version 1.</summary>
    public Roster? Roster { get; init; }

    /// <summary>The next roster, while signatures are missing.</summary>
    public RosterProposal? Proposal { get; init; }

    /// <summary>The versions of the wrapping key that were ever in use, oldest first.</summary>
    public ImmutableArray<WrappingKey> WrappingKeys { get; init; } = [];
}

/// <summary>Something that happened to a federation.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(SiloInvited), "silo_invited")]
[JsonDerivedType(typeof(JoinVerified), "join_verified")]
[JsonDerivedType(typeof(RosterSigned), "roster_signed")]
[JsonDerivedType(typeof(RevocationRequested), "revocation_requested")]
[JsonDerivedType(typeof(LogKeyRequested), "log_key_requested")]
[JsonDerivedType(typeof(WrappingKeyFound), "wrapping_key_found")]
[JsonDerivedType(typeof(WrappingKeyChecked), "wrapping_key_checked")]
public abstract record FederationEvent;

/// <summary>The operator invited a silo.</summary>
/// <param name="Silo">The silo.</param>
public sealed record SiloInvited(SiloId Silo) : FederationEvent;

/// <summary>A silo redeemed its invitation with a join whose signatures verified.</summary>
/// <param name="Join">The join.</param>
/// <param name="Identity">The SHA-256 of its PAE.</param>
public sealed record JoinVerified(JoinBody Join, Sha256Digest Identity) : FederationEvent;

/// <summary>A member signed a roster.</summary>
/// <param name="RosterSha256">The roster's digest.</param>
/// <param name="Signer">The fingerprint of the identity key whose signature verified.</param>
public sealed record RosterSigned(Sha256Digest RosterSha256, Sha256Digest Signer) : FederationEvent;

/// <summary>The operator asks the members to remove a silo.</summary>
/// <param name="Silo">The silo.</param>
public sealed record RevocationRequested(SiloId Silo) : FederationEvent;

/// <summary>The operator asks the members to give the log another key.</summary>
/// <param name="LogVkey">Its verifier key.</param>
/// <param name="IsLost">Whether the key before was lost or stolen.</param>
public sealed record LogKeyRequested(string LogVkey, bool IsLost) : FederationEvent;

/// <summary>The vault's newest version of the wrapping key.</summary>
/// <param name="At">When it was found.</param>
/// <param name="Kid">Its full identifier with version.</param>
/// <param name="Spki">The SHA-256 of its public key, DER.</param>
/// <param name="IsReplacement">Whether the version before was lost or stolen, so that it has no time of grace.</param>
public sealed record WrappingKeyFound(DateTimeOffset At, string Kid, Sha256Digest Spki, bool IsReplacement = false) : FederationEvent;

/// <summary>A look at the clock: the time of grace of a version may be over.</summary>
/// <param name="At">When.</param>
/// <param name="Grace">The time of grace.</param>
public sealed record WrappingKeyChecked(DateTimeOffset At, TimeSpan Grace) : FederationEvent;

/// <summary>Something that a federation asks its host to do; repeating it is harmless.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "effect")]
[JsonDerivedType(typeof(ProposeRoster), "propose_roster")]
[JsonDerivedType(typeof(PublishRoster), "publish_roster")]
[JsonDerivedType(typeof(AnnounceWrappingKey), "announce_wrapping_key")]
[JsonDerivedType(typeof(RetireWrappingKey), "retire_wrapping_key")]
public abstract record FederationEffect;

/// <summary>Ask these silos to sign the roster.</summary>
/// <param name="To">The silos.</param>
/// <param name="Roster">The roster.</param>
public sealed record ProposeRoster(ImmutableArray<SiloId> To, Roster Roster) : FederationEffect;

/// <summary>Publish the roster with its signatures, and tell members, new and old, and every run.</summary>
/// <param name="To">The silos.</param>
/// <param name="Roster">The roster.</param>
/// <param name="IsLogKeyLost">Where it gives the log another key: whether the one before was lost or stolen.</param>
public sealed record PublishRoster(ImmutableArray<SiloId> To, Roster Roster, bool IsLogKeyLost = false) : FederationEffect;

/// <summary>Log a version of the wrapping key, and tell the members.</summary>
/// <param name="To">The silos.</param>
/// <param name="Key">The version.</param>
/// <param name="Previous">The SHA-256 of the public key of the version before it; null for the first.</param>
/// <param name="IsReplacement">Whether that version was lost or stolen.</param>
public sealed record AnnounceWrappingKey(ImmutableArray<SiloId> To, WrappingKey Key, Sha256Digest? Previous, bool IsReplacement) : FederationEffect;

/// <summary>Log that a version of the wrapping key unwraps no more, and disable it.</summary>
/// <param name="Key">The version.</param>
public sealed record RetireWrappingKey(WrappingKey Key) : FederationEffect;

/// <summary>What a step of a federation leads to.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effects">What the host is asked to do.</param>
/// <param name="Ignored">Why the event had no effect, as a code of the vocabulary; null when it had one.</param>
public sealed record FederationStep(FederationState State, ImmutableArray<FederationEffect> Effects, ErrorCode? Ignored = null);
