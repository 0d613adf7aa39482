// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A JSON text is not in the canonical form that was signed.</summary>
    public static ErrorCode JsonNotCanonical { get; } = new(
        "json_not_canonical",
        ExitCode.VerificationFailed,
        "a signed JSON text differs from its own canonical form (RFC 8785), or breaks its limits",
        "do not use it; ask the sender for the original bytes");

    /// <summary>A body has unknown, missing or mistyped members.</summary>
    public static ErrorCode BodyMalformed { get; } = new(
        "body_malformed",
        ExitCode.VerificationFailed,
        "a message body has an unknown, missing or mistyped member",
        "check that both sides run the same version");

    /// <summary>A signature does not verify.</summary>
    public static ErrorCode SignatureInvalid { get; } = new(
        "signature_invalid",
        ExitCode.VerificationFailed,
        "a signature does not verify with the key that the roster or the policy names",
        "do not use the message; check who holds the key");

    /// <summary>A public key is not a usable P-256 key.</summary>
    public static ErrorCode KeyMalformed { get; } = new(
        "key_malformed",
        ExitCode.Unusable,
        "a public key is not an uncompressed P-256 SubjectPublicKeyInfo",
        "export the key again");

    /// <summary>A message comes from another version of the protocol.</summary>
    public static ErrorCode MessageVersion { get; } = new(
        "message_version",
        ExitCode.Unusable,
        "a message carries a version that this program does not read",
        "update the side with the older version");

    /// <summary>A message frame is not readable.</summary>
    public static ErrorCode MessageMalformed { get; } = new(
        "message_malformed",
        ExitCode.Unusable,
        "a message frame has an unknown, missing or mistyped member",
        "check who sends to this mailbox");

    /// <summary>A message names a blob that is not there any more.</summary>
    public static ErrorCode ClaimMissing { get; } = new(
        "claim_missing",
        ExitCode.Failed,
        "a message names a blob that is not there any more",
        "nothing; the coordinator sends it again if the round still needs it");

    /// <summary>A message is larger than the limit.</summary>
    public static ErrorCode MessageTooLarge { get; } = new(
        "message_too_large",
        ExitCode.Unusable,
        "a message is above 240 KiB",
        "send large content by claim check");

    /// <summary>A blob or container name breaks the naming rule.</summary>
    public static ErrorCode BlobNameMalformed { get; } = new(
        "blob_name_malformed",
        ExitCode.Unusable,
        "a blob name has characters, segments or a length that the naming rule forbids",
        "do not use the message that names it");

    /// <summary>An update envelope is not readable.</summary>
    public static ErrorCode EnvelopeMalformed { get; } = new(
        "envelope_malformed",
        ExitCode.VerificationFailed,
        "an update envelope's header is unreadable or does not fit the round",
        "wait for the silo to send it again");

    /// <summary>An update envelope is shorter or longer than announced.</summary>
    public static ErrorCode EnvelopeLength { get; } = new(
        "envelope_length",
        ExitCode.VerificationFailed,
        "an update envelope is shorter or longer than its header says",
        "wait for the silo to send it again");

    /// <summary>An update envelope was changed.</summary>
    public static ErrorCode EnvelopeTampered { get; } = new(
        "envelope_tampered",
        ExitCode.VerificationFailed,
        "a chunk of an update envelope fails its authentication, or the content has another digest",
        "check who can write to the storage, then wait for the silo to send it again");

    /// <summary>An envelope is wrapped for a key version that is not in use any more.</summary>
    public static ErrorCode KeyRetired { get; } = new(
        "key_retired",
        ExitCode.Refused,
        "an envelope is wrapped for a key version that no longer unwraps",
        "the silo encrypts again with the newest version");

    /// <summary>A roster breaks a rule of the roster chain.</summary>
    public static ErrorCode RosterInvalid { get; } = new(
        "roster_invalid",
        ExitCode.VerificationFailed,
        "a roster breaks a rule of the roster chain",
        "do not sign it; ask the operator what changed");

    /// <summary>A message came before the roster that it names.</summary>
    public static ErrorCode RosterUnknown { get; } = new(
        "roster_unknown",
        ExitCode.VerificationFailed,
        "a message names a roster that this silo has not verified",
        "nothing: the message is delivered again, and the roster may have come by then");

    /// <summary>A roster lacks signatures.</summary>
    public static ErrorCode RosterSignaturesMissing { get; } = new(
        "roster_signatures_missing",
        ExitCode.VerificationFailed,
        "a roster carries fewer member signatures than its change needs",
        "wait until the other members have signed");

    /// <summary>A key appears in two roles.</summary>
    public static ErrorCode RosterKeyReused { get; } = new(
        "roster_key_reused",
        ExitCode.VerificationFailed,
        "one key appears twice in a roster or its history",
        "make a key for each role and join again");

    /// <summary>A member's fingerprints are not confirmed over another channel.</summary>
    public static ErrorCode RosterNotConfirmed { get; } = new(
        "roster_not_confirmed",
        ExitCode.Refused,
        "a roster names a member whose fingerprints this silo's policy does not confirm",
        "compare the fingerprints over another channel, then add them to the policy");

    /// <summary>A join lacks a valid signature of the silo or of its administrator.</summary>
    public static ErrorCode JoinRefused { get; } = new(
        "join_refused",
        ExitCode.VerificationFailed,
        "a request to join lacks an invitation or a signature of the silo's identity or administrator key",
        "run 'fedcloud-silo init' with a fresh invitation");

    /// <summary>A silo's data card does not have the form of one.</summary>
    public static ErrorCode DataCardMalformed { get; } = new(
        "data_card_malformed",
        ExitCode.Unusable,
        "a data card is no JSON of the documented form, or a field has an impossible value",
        "correct the named field; docs/silo-policy.md describes data cards");
}
