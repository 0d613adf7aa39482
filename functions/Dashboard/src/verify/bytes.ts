// Copyright (c) FedCloud contributors. Licensed under the MIT License.

/** Bytes of an ordinary buffer: what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

const StrictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const Encoder = new TextEncoder();
const Hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

// The bits that the last digit has too many are zero, so that some bytes have one text only.
const Base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;

/** The text, or null where the bytes are not UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return StrictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) {
      return null;
    }

    throw error;
  }
}

export function bytesOf(text: string): Bytes {
  return Encoder.encode(text);
}

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += Hex[byte];
  }

  return text;
}

export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

/** Decodes the one canonical base64 text of some bytes (RFC 4648, section 4); null for any other. */
export function base64(text: string): Bytes | null {
  if (!Base64Text.test(text)) {
    return null;
  }

  const chars = atob(text);
  const bytes = new Uint8Array(chars.length);
  for (let i = 0; i < chars.length; i++) {
    bytes[i] = chars.charCodeAt(i);
  }

  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) {
    return false;
  }

  for (let i = 0; i < one.length; i++) {
    if (one[i] !== other[i]) {
      return false;
    }
  }

  return true;
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }

  return whole;
}

/** Reads a decimal number without leading zeros; null for another text, and for what a number cannot hold exactly. */
export function decimal(text: string): number | null {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

/** Text of a stranger in a message: shortened, and printable ASCII only. */
export function printable(text: string): string {
  return text.slice(0, 120).replace(/[^!-~]/g, '?');
}

/** Silos, runs and federations are named by one rule (keys-and-identity, Z5). */
export function isIdentifier(text: unknown): text is string {
  return typeof text === 'string' && text.length >= 3 && text.length <= 40 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text);
}
