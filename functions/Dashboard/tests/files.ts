// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { readFileSync } from 'node:fs';
import { base64, type Bytes } from '../src/verify/bytes';

// npm runs the tests in functions/Dashboard.
const Vectors = '../../tests/vectors/';

/** A file of the frozen vectors, which the tests of the C# verifier read too. */
export function vector(name: string): Bytes {
  return new Uint8Array(readFileSync(Vectors + name));
}

export function vectors<T>(name: string): T {
  return JSON.parse(new TextDecoder().decode(vector(name))) as T;
}

export function fromHex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function fromBase64(text: string): Bytes {
  const bytes = base64(text);
  if (bytes === null) {
    throw new TypeError(`not base64: ${text}`);
  }

  return bytes;
}
