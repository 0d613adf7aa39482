// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { base64, bytesOf, decimal, hex, utf8, type Bytes } from './bytes';
import { Failure } from './failure';
import { isKeyName, p1363, type NoteKey } from './keys';
import { HashBytes, MaxComponents } from './merkle';

/** The largest note, in bytes. A roster has at most 255 witnesses; a line is far below 1 KiB. */
export const MaxNoteBytes = 256 * 1024;

const MaxLines = 320;
const KeyIdBytes = 4;

/** One signature line of a note, verified or not. */
export class NoteLine {
  private readonly outcomes = new Map<string, Promise<boolean>>();

  constructor(
    readonly line: string,
    readonly name: string,
    readonly keyId: string,
    private readonly signature: Bytes,
  ) {}

  /** Whether the line carries the key's name and id. It may still not verify. */
  names(key: NoteKey): boolean {
    return this.keyId === key.id && this.name === key.name;
  }

  /** Whether the signature is the key's over the text of this line's note. Asked again, it is not computed again. */
  verify(key: NoteKey, text: string): Promise<boolean> {
    const known = this.outcomes.get(key.vkey);
    if (known !== undefined) {
      return known;
    }

    const signature = p1363(this.signature);
    const outcome = signature === null ? Promise.resolve(false) : key.key.verify(bytesOf(text), signature);
    this.outcomes.set(key.vkey, outcome);
    return outcome;
  }
}

/** A text with signature lines under it (C2SP signed-note). The text means nothing until {@link verify} has passed. */
export class SignedNote {
  private constructor(
    readonly text: string,
    readonly lines: readonly NoteLine[],
  ) {}

  /** @throws {Failure} note_malformed. */
  static parse(bytes: Uint8Array): SignedNote {
    const note = bytes.length <= MaxNoteBytes ? utf8(bytes) : null;
    if (note === null) {
      throw malformed(`expected at most ${MaxNoteBytes} bytes of UTF-8, found others`);
    }

    // The text may have empty lines of its own; the last one separates the signatures.
    const gap = note.lastIndexOf('\n\n');
    if (gap < 0 || !note.endsWith('\n') || gap + 2 === note.length) {
      throw malformed('expected a text, an empty line and signature lines');
    }

    const lines = note.slice(gap + 2, -1).split('\n');
    if (lines.length > MaxLines) {
      throw malformed(`expected at most ${MaxLines} signature lines, found ${lines.length}`);
    }

    const text = note.slice(0, gap + 1);
    if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) {
      throw malformed('the text has control characters');
    }

    return new SignedNote(text, lines.map(parseLine));
  }

  /**
   * Finds the keys that signed the note, each once.
   * @throws {Failure} note_signature_invalid: a line names a known key and does not verify; note_unsigned: no known key signed.
   */
  async verify(known: readonly NoteKey[]): Promise<readonly NoteKey[]> {
    const signers: NoteKey[] = [];
    for (const key of known) {
      const own = this.lines.filter((line) => line.names(key));
      const outcomes = await Promise.all(own.map((line) => line.verify(key, this.text)));
      if (outcomes.includes(false)) {
        throw new Failure('note_signature_invalid', `a line names key ${key.id}, and its signature does not verify`);
      }

      if (own.length > 0) {
        signers.push(key);
      }
    }

    if (signers.length === 0) {
      throw new Failure('note_unsigned', `none of the ${this.lines.length} signature lines is of a known key`);
    }

    return signers;
  }
}

/** What a log signs: its origin, its size and its root (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
  /** Further lines. This project's logs have none; foreign ones may. */
  readonly extensions: readonly string[];
}

/** @throws {Failure} checkpoint_malformed. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : [];
  const [origin, digits, hash, ...extensions] = lines;
  if (origin === undefined || digits === undefined || hash === undefined || lines.includes('')) {
    throw new Failure('checkpoint_malformed', 'expected at least three lines, none of them empty');
  }

  const size = decimal(digits);
  if (size === null) {
    throw new Failure('checkpoint_malformed', 'expected the size as a decimal number without leading zeros below 2^53');
  }

  const root = base64(hash);
  if (root?.length !== HashBytes) {
    throw new Failure('checkpoint_malformed', 'expected the root as base64 of 32 bytes');
  }

  return { origin, size, root, extensions };
}

/** An entry's place in a signed tree, in one file (C2SP tlog-proof, version 1). */
export interface LogProof {
  readonly index: number;
  readonly hashes: readonly Bytes[];
  readonly note: SignedNote;
  readonly hasExtra: boolean;
}

/** @throws {Failure} proof_malformed or note_malformed. */
export function parseProof(bytes: Uint8Array): LogProof {
  const text = bytes.length <= MaxNoteBytes ? utf8(bytes) : null;
  const gap = text?.indexOf('\n\n') ?? -1;
  const [header, ...lines] = text === null || gap < 0 ? [] : text.slice(0, gap).split('\n');
  if (text === null || header !== 'c2sp.org/tlog-proof@v1') {
    throw new Failure('proof_malformed', 'expected the header of a tlog-proof of version 1, found another text');
  }

  const hasExtra = lines[0]?.startsWith('extra ') ?? false;
  if (hasExtra && base64((lines.shift() ?? '').slice('extra '.length)) === null) {
    throw new Failure('proof_malformed', 'expected the extra data as base64, found another text');
  }

  const line = lines.shift() ?? '';
  const index = line.startsWith('index ') ? decimal(line.slice('index '.length)) : null;
  if (index === null) {
    throw new Failure('proof_malformed', "expected 'index' and a decimal number, found another text");
  }

  const hashes = lines.map((hash) => base64(hash)).filter((hash) => hash?.length === HashBytes) as Bytes[];
  if (hashes.length !== lines.length || hashes.length > MaxComponents) {
    throw new Failure('proof_malformed', `expected at most ${MaxComponents} lines of base64 of 32 bytes, found another text`);
  }

  return { index, hashes, hasExtra, note: SignedNote.parse(bytesOf(text.slice(gap + 2))) };
}

function parseLine(line: string): NoteLine {
  const [, name, text] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const bytes = text === undefined ? null : base64(text);
  if (name === undefined || !isKeyName(name) || bytes === null || bytes.length <= KeyIdBytes) {
    throw malformed("a signature line is not '— name base64'");
  }

  return new NoteLine(line, name, hex(bytes.subarray(0, KeyIdBytes)), bytes.slice(KeyIdBytes));
}

function malformed(found: string): Failure {
  return new Failure('note_malformed', found);
}
