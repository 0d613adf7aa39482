// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { base64, isDigest, isIdentifier, type Bytes } from './bytes';
import { Failure } from './failure';
import { canonicalWithout, parseCanonical, type Json, type JsonObject } from './json';
import { pae, type KeyRing } from './keys';
import { hashLeaf } from './merkle';
import { wrongWith, type ActorKind, type EntryContent } from './schema';
import { Shape } from './shape';
import { MaxEntryBytes } from './tiles';

/** The DSSE payload type under which an entry without its `dsse` member is signed. */
const PayloadType = 'application/vnd.fedcloud.audit+json';

const SchemaVersion = 1;
const SignatureBytes = 64;
const Kinds: readonly string[] = ['silo', 'coordinator', 'admin'] satisfies readonly ActorKind[];

/** An entry of the log, strictly read: canonical, of a known type, with exactly the members of its type (audit-log, section 7). */
export interface LogEntry extends EntryContent {
  readonly type: string;
  readonly time: string;
  /** The time in milliseconds. */
  readonly at: number;
  readonly actor: string;
  readonly keyId: string;
  /** What numbers the actor's entries: kind and id, the same across its keys. */
  readonly actorKey: string;
  readonly federation: string;
  readonly seq: number;
}

/** What an entry's bytes alone say; what depends on the entries before it comes after. */
export interface ReadEntry {
  readonly leaf: Bytes;
  readonly entry: LogEntry | null;
  readonly failure: Failure | null;
  /** Whether the key that it names is known and signed it. */
  readonly isSigned: boolean;
}

/** Reads an entry, hashes its leaf, and verifies its signature with the key that it names. */
export async function readEntry(bytes: Uint8Array, keys: KeyRing): Promise<ReadEntry> {
  const leaf = hashLeaf(bytes);
  try {
    const { entry, signed, signature } = parseEntry(bytes);
    const isSigned = (await keys.find(entry.keyId)?.verify(pae(PayloadType, signed), signature)) ?? false;
    return { leaf: await leaf, entry, failure: null, isSigned };
  } catch (error) {
    if (error instanceof Failure) {
      return { leaf: await leaf, entry: null, failure: error, isSigned: false };
    }

    throw error;
  }
}

/**
 * Reads an entry. Its signature is not checked here.
 * @throws {Failure} entry_too_large, json_not_canonical, body_malformed, entry_type_unknown, entry_malformed or entry_signer.
 */
export function parseEntry(bytes: Uint8Array): { readonly entry: LogEntry; readonly signed: Bytes; readonly signature: Bytes } {
  if (bytes.length < 1 || bytes.length > MaxEntryBytes) {
    throw new Failure('entry_too_large', `expected 1 to ${MaxEntryBytes} bytes, found ${bytes.length}`);
  }

  const json = parseCanonical(bytes, 'entry');
  const shape = Shape.of(json, 'entry', ['v', 'type', 'time', 'actor', 'federation', 'job', 'round', 'subjects', 'fields', 'seq'], ['dsse']);
  const actor = Shape.of(shape.get('actor'), 'actor', ['kind', 'id', 'key_id']);
  const kind = actor.text('kind');
  const entry: LogEntry = {
    type: shape.text('type'),
    time: shape.text('time'),
    at: instantOf(shape.text('time')) ?? NaN,
    kind: kind as ActorKind,
    actor: actor.text('id'),
    keyId: actor.digest('key_id'),
    actorKey: `${kind} ${actor.text('id')}`,
    federation: shape.identifier('federation'),
    job: shape.orNull('job', shape.identifier),
    round: shape.orNull('round', shape.int32),
    subjects: subjectsOf(shape.map('subjects')),
    fields: fieldsOf(shape.map('fields')),
    seq: shape.integer('seq'),
  };
  if (shape.int32('v') !== SchemaVersion) {
    throw malformed(`expected schema version ${SchemaVersion}, found ${shape.int32('v')}`);
  }

  if (Number.isNaN(entry.at) || entry.seq < 1 || (entry.round ?? 0) < 0) {
    throw malformed('expected a time in UTC and seconds, a number from 1 and a round that is not negative');
  }

  const signature = signatureOf(shape.get('dsse'), entry.keyId);
  if (!Kinds.includes(kind) || (kind === 'coordinator' ? entry.actor !== 'coordinator' : !isIdentifier(entry.actor))) {
    throw malformed('expected a silo, its administrator or the coordinator as actor, found another');
  }

  const wrong = wrongWith(entry.type, entry);
  if (wrong !== null) {
    throw new Failure(...wrong);
  }

  return { entry, signed: canonicalWithout(json as JsonObject, 'dsse'), signature };
}

/** The instant of a time in the one form that entries have, in milliseconds; null for another text. */
export function instantOf(text: string): number | null {
  const at = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(text) && !text.startsWith('0000') ? Date.parse(text) : NaN;

  // Some engines read the 30th of February as a day of March.
  return !Number.isNaN(at) && formatTime(at) === text ? at : null;
}

export function formatTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function signatureOf(value: Json, keyId: string): Bytes {
  const dsse = value === null ? null : Shape.of(value, 'dsse', ['payload_type', 'keyid', 'sig']);
  const signature = dsse === null ? null : base64(dsse.text('sig'));
  if (dsse?.text('payload_type') !== PayloadType || dsse.digest('keyid') !== keyId || signature?.length !== SignatureBytes) {
    throw malformed('expected 64 bytes of signature under the actor’s key and the payload type of entries');
  }

  return signature;
}

function subjectsOf(members: JsonObject): ReadonlyMap<string, string> {
  for (const value of members.values()) {
    if (!isDigest(value)) {
      throw new Failure('body_malformed', 'entry: a subject is not a SHA-256 digest');
    }
  }

  return members as ReadonlyMap<string, string>;
}

function fieldsOf(members: JsonObject): JsonObject {
  for (const value of members.values()) {
    if (value === null || typeof value === 'object') {
      throw new Failure('body_malformed', 'entry: a field is not an integer, a string or a boolean');
    }
  }

  return members;
}

function malformed(found: string): Failure {
  return new Failure('entry_malformed', found);
}
