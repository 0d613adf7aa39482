// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Enrolment;

/// <summary>The names that appear in the signed bodies of enrolment (keys-and-identity, section 3).</summary>
public static class EnrolmentBody
{
    /// <summary>The DSSE payload type of the join and of the proposal.</summary>
    public const string PayloadType = "application/vnd.fedcloud.enrolment+json";

    /// <summary>The DSSE payload type of <see cref="KekCurrentBody"/>.</summary>
    public const string KeysPayloadType = "application/vnd.fedcloud.keys+json";

    /// <summary>Silo to coordinator: asks to become a member.</summary>
    public const string Join = "join";

    /// <summary>The type of a frame that announces a roster in force, which carries no body: the roster's own signatures are its authority.</summary>
    public const string Roster = "roster";

    /// <summary>Coordinator to silos: asks for signatures over a roster.</summary>
    public const string Proposal = "roster_proposal";

    /// <summary>Coordinator to silos: the wrapping key in use.</summary>
    public const string KekCurrent = "kek_current";

    /// <summary>The hash that proves knowledge of an invitation's code without showing it to the storage.</summary>
    /// <param name="code">The code in the invitation.</param>
    /// <param name="join">The SHA-256 of the PAE of the join that redeems it.</param>
    public static Sha256Digest CodeProof(string code, Sha256Digest join) =>
        // HMAC-SHA256 (RFC 2104) under the code, which is 32 random bytes in hex; message: label ‖ 00 ‖ the join's identity.
        Sha256Digest.FromBytes(HMACSHA256.HashData(Encoding.ASCII.GetBytes(code), (byte[])[.. "fedcloud/enrolment/v1/code"u8, 0, .. join.ToBytes()]));
}

/// <summary>Asks to become a member. Signed by the silo's identity key and by its administrator's key.</summary>
public sealed record JoinBody
{
    /// <summary>Always <see cref="EnrolmentBody.Join"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The identity key, DER SubjectPublicKeyInfo in base64.</summary>
    public required string IkSpki { get; init; }

    /// <summary>The witness key as a verifier key.</summary>
    public required string WitnessVkey { get; init; }

    /// <summary>The administrator key, DER SubjectPublicKeyInfo in base64.</summary>
    public required string AdminSpki { get; init; }

    /// <summary>The SHA-256 of the silo's data card; 64 zeros when it has none.</summary>
    public required Sha256Digest DataCardSha256 { get; init; }

    /// <summary>Verifies both signatures and reads the body.</summary>
    /// <exception cref="FedCloudException"><c>join_refused</c>, <c>key_malformed</c>, <c>body_malformed</c>.</exception>
    public static JoinBody Verify(DsseEnvelope envelope)
    {
        ArgumentNullException.ThrowIfNull(envelope);

        // The keys come from the body itself: the signatures prove possession, the roster quorum decides who they are.
        JoinBody join = Jcs.Parse(envelope.Payload, EnrolmentJson.Default.JoinBody, "join");
        VerificationKey identity = VerificationKey.FromBase64(join.IkSpki);
        VerificationKey admin = VerificationKey.FromBase64(join.AdminSpki);
        VerificationKey witness = VerificationKey.FromVKey(join.WitnessVkey);
        bool distinct = new HashSet<Sha256Digest> { identity.Fingerprint, admin.Fingerprint, witness.Fingerprint }.Count == 3;
        bool signed = string.Equals(envelope.PayloadType, EnrolmentBody.PayloadType, StringComparison.Ordinal)
            && envelope.IsSignedBy(identity)
            && envelope.IsSignedBy(admin);
        return signed && distinct && string.Equals(join.Type, EnrolmentBody.Join, StringComparison.Ordinal)
            ? join
            : throw new FedCloudException(ErrorCodes.JoinRefused, "expected signatures of three distinct keys' owner, identity and administrator, found another form");
    }

    /// <summary>The member that this join asks to become.</summary>
    public RosterMember ToMember(int idx) => new()
    {
        Idx = idx,
        SiloId = SiloId,
        IkSpkiSha256 = VerificationKey.FromBase64(IkSpki).Fingerprint,
        WitnessVkey = WitnessVkey,
        AdminSpkiSha256 = VerificationKey.FromBase64(AdminSpki).Fingerprint,
    };
}

/// <summary>Asks the members to sign a roster, which travels beside it with the joins. Signed by the coordinator's key.</summary>
public sealed record RosterProposalBody
{
    /// <summary>Always <see cref="EnrolmentBody.Proposal"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The roster's version.</summary>
    public required int Version { get; init; }

    /// <summary>The SHA-256 of the roster's bytes.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The SHA-256 of the PAE of each member's join, in the order of the members.</summary>
    public required ImmutableArray<Sha256Digest> Joins { get; init; }
}

/// <summary>Names the key that silos wrap data keys for. Signed by the coordinator's key.</summary>
public sealed record KekCurrentBody
{
    /// <summary>Always <see cref="EnrolmentBody.KekCurrent"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The key's full identifier with version.</summary>
    public required string Kid { get; init; }

    /// <summary>The RSA public key, DER SubjectPublicKeyInfo in base64.</summary>
    public required string Spki { get; init; }
}

/// <summary>Strict JSON of the enrolment bodies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(JoinBody))]
[JsonSerializable(typeof(RosterProposalBody))]
[JsonSerializable(typeof(KekCurrentBody))]
public sealed partial class EnrolmentJson : JsonSerializerContext;
