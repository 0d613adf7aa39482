// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { base64, bytesOf, concat, hex, isSame, type Bytes } from './bytes';
import { Failure } from './failure';
import { sha256 } from './merkle';

// SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 up to the 0x04 of the uncompressed point (RFC 5480).
const SpkiHead = Uint8Array.of(0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04);
const PointBytes = 64;
const SignatureBytes = 64;
const EcdsaType = 0x02;
const MaxNameLength = 200;

/** A public ECDSA key on P-256 (FIPS 186-5), known by the SHA-256 of its SubjectPublicKeyInfo. */
export class VerificationKey {
  private constructor(
    readonly fingerprint: string,
    private readonly key: CryptoKey,
  ) {}

  /** Reads a DER SubjectPublicKeyInfo; only the one canonical form of an uncompressed point on the curve is taken. */
  static async fromSpki(der: Bytes): Promise<VerificationKey> {
    if (der.length !== SpkiHead.length + PointBytes || !isSame(der.subarray(0, SpkiHead.length), SpkiHead)) {
      throw new Failure('key_malformed', `expected ${SpkiHead.length + PointBytes} bytes of a P-256 public key, found ${der.length} bytes of another form`);
    }

    const key = await importKey(der);
    if (key === null) {
      throw new Failure('key_malformed', 'expected a point on P-256, found one that is not');
    }

    return new VerificationKey(hex(await sha256(der)), key);
  }

  static async fromBase64(text: string): Promise<VerificationKey> {
    const der = base64(text);
    if (der === null) {
      throw new Failure('key_malformed', 'expected base64 of a P-256 public key, found other text');
    }

    return VerificationKey.fromSpki(der);
  }

  /** Whether the signature, r‖s of 64 bytes, is this key's over the SHA-256 of the message. */
  async verify(message: Bytes, signature: Bytes): Promise<boolean> {
    return signature.length === SignatureBytes && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, this.key, signature, message);
  }
}

/** A verifier key of notes, in text `name+hex(key id)+base64(0x02 ‖ SPKI)` (C2SP signed-note; audit-log, section 4). */
export class NoteKey {
  private constructor(
    readonly vkey: string,
    readonly name: string,
    readonly id: string,
    readonly key: VerificationKey,
  ) {}

  /** @throws {Failure} key_malformed, or note_key_id when only the id is wrong. */
  static async parse(vkey: string): Promise<NoteKey> {
    const [, name, id, text] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(vkey) ?? [];
    const typed = text === undefined ? null : base64(text);
    if (name === undefined || !isKeyName(name) || typed === null || typed.length < 2) {
      throw new Failure('key_malformed', "expected a verifier key 'name+id+key', found other text");
    }

    if (typed[0] !== EcdsaType) {
      throw new Failure('key_malformed', `expected a verifier key of type 2, found ${typed.length - 1} bytes of type ${typed[0]}`);
    }

    // The id of this type hashes the SubjectPublicKeyInfo alone.
    const key = await VerificationKey.fromSpki(typed.slice(1));
    const expected = key.fingerprint.slice(0, 8);
    if (id !== expected) {
      throw new Failure('note_key_id', `expected key id ${expected}, found another`);
    }

    return new NoteKey(vkey, name, expected, key);
  }
}

/** Whether the text may name a key: not empty, no Unicode spaces, no plus sign, no control characters. */
export function isKeyName(text: string): boolean {
  return text.length >= 1 && text.length <= MaxNameLength && !/[\p{White_Space}\p{Cc}+]/u.test(text);
}

/** The public keys of the evidence. A key is known by its hash, so where it came from does not matter; its role is the roster's to say. */
export class KeyRing {
  private readonly keys = new Map<string, VerificationKey>();

  add(key: VerificationKey): void {
    this.keys.set(key.fingerprint, key);
  }

  find(fingerprint: string): VerificationKey | null {
    return this.keys.get(fingerprint) ?? null;
  }
}

/**
 * Turns an ASN.1 DER signature into r‖s. Read strictly: minimal lengths and integers, no bytes left over, both integers positive
 * and of at most 256 bits; null for another form, even of a valid signature.
 */
export function p1363(der: Uint8Array): Bytes | null {
  // Two integers of at most 33 bytes need 70 bytes, so every length is one byte below 0x80.
  if (der[0] !== 0x30 || der[1] !== der.length - 2) {
    return null;
  }

  const [r, afterR] = readInteger(der, 2) ?? [];
  const [s, afterS] = afterR === undefined ? [] : (readInteger(der, afterR) ?? []);
  return r !== undefined && s !== undefined && afterS === der.length ? concat(r, s) : null;
}

/** The pre-authentication encoding of DSSE, version 1: what is signed. */
export function pae(payloadType: string, body: Uint8Array): Bytes {
  return concat(bytesOf(`DSSEv1 ${bytesOf(payloadType).length} ${payloadType} ${body.length} `), body);
}

function readInteger(der: Uint8Array, at: number): [Bytes, number] | null {
  const length = der[at + 1] ?? 0;
  const value = der.slice(at + 2, at + 2 + length);
  const first = value[0] ?? 0;
  if (der[at] !== 0x02 || length < 1 || length > 33 || value.length !== length) {
    return null;
  }

  const isNegative = first >= 0x80;
  const isPadded = length > 1 && first === 0 && (value[1] ?? 0) < 0x80;
  const magnitude = first === 0 ? value.subarray(1) : value;
  if (isNegative || isPadded || magnitude.length === 0 || magnitude.length > 32) {
    return null;
  }

  const scalar = new Uint8Array(32);
  scalar.set(magnitude, 32 - magnitude.length);
  return [scalar, at + 2 + length];
}

// A point that is not on the curve is refused by the import itself.
async function importKey(der: Bytes): Promise<CryptoKey | null> {
  try {
    return await crypto.subtle.importKey('spki', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  } catch (error) {
    if (error instanceof DOMException) {
      return null;
    }

    throw error;
  }
}
