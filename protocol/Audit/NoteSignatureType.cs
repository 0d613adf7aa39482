// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>The signature types that can be verified, with the bytes that C2SP signed-note gives them.</summary>
public enum NoteSignatureType
{
    /// <summary>Ed25519 over the note's text: foreign logs.</summary>
    Ed25519 = 0x01,

    /// <summary>ECDSA P-256 with SHA-256 over the note's text, ASN.1 DER: this project's logs and witnesses (audit-log, section 4).</summary>
    EcdsaP256 = 0x02,

    /// <summary>A witness's timestamped Ed25519 cosignature (C2SP tlog-cosignature, version 1): foreign witnesses.</summary>
    CosignatureV1 = 0x04,
}
