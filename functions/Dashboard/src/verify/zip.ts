// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { printable, utf8, type Bytes } from './bytes';
import { Unusable } from './failure';
import { kindOf, MaxBytes, type Kind } from './layout';
import { sha256Hex } from './merkle';

/** The largest zip that a browser verifies, in bytes: it is in memory as a whole, since its seal is over all of it. */
export const MaxZipBytes = 512 * 1024 * 1024;

const MaxFiles = 1_000_000;

// All that the files unpack to: what a log of half a gigabyte packed can be, and a bound on the time.
const MaxUnpackedBytes = 8 * 1024 ** 3;

// Deflate's best is 1032 to 1 (RFC 1951: 258 bytes in 2 bits, less block overhead); more is a lie in the directory.
const MaxRatio = 1032;

// PKWARE APPNOTE 4.3: the records, without their names and comments.
const LocalBytes = 30;
const DirectoryBytes = 46;
const EndBytes = 22;
const End64Bytes = 56;
const Locator64Bytes = 20;
const LocalMark = 0x04034b50;
const DirectoryMark = 0x02014b50;
const EndMark = 0x06054b50;
const End64Mark = 0x06064b50;
const Locator64Mark = 0x07064b50;
const Stored = 0;
const Deflated = 8;
const Encrypted = 0x0001;

const SealLabel = 'sha256 ';
const SealDigits = 64;

interface Entry {
  readonly path: string;
  readonly kind: Kind;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly length: number;
  readonly offset: number;
  /** Where the entry behind it begins: no two share bytes. */
  end: number;
}

/**
 * An evidence bundle in a zip, read in place. Names are not taken as paths of a machine, so a name that leaves its folder is only
 * an unknown name; what a file unpacks to is bounded by its kind, and by the ratio that deflate can reach.
 */
export class ZipEvidence {
  private constructor(
    private readonly zip: Bytes,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** @throws {Unusable} it is no zip of evidence, or not as it was written. */
  static async open(zip: Bytes): Promise<ZipEvidence> {
    const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
    const comment = commentOf(zip, view);
    await requireSeal(zip, comment);
    const { count, offset, end } = directoryOf(view, zip.length - EndBytes - comment.length);
    return new ZipEvidence(zip, readDirectory(zip, view, count, offset, end));
  }

  *files(): Generator<{ readonly path: string; readonly kind: Kind; readonly length: number }> {
    yield* this.entries.values();
  }

  /** The bytes of a file that is listed. */
  async read(path: string): Promise<Bytes> {
    const entry = this.entries.get(path);
    if (entry === undefined) {
      throw unusable(`${path} is not in the zip`);
    }

    const view = new DataView(this.zip.buffer, this.zip.byteOffset, this.zip.byteLength);
    const start = entry.offset + LocalBytes + view.getUint16(entry.offset + 26, true) + view.getUint16(entry.offset + 28, true);
    if (view.getUint32(entry.offset, true) !== LocalMark || start + entry.packed > entry.end) {
      throw unusable(`${path} cannot be unpacked: its bytes are not where the directory says`);
    }

    const packed = this.zip.subarray(start, start + entry.packed);
    const bytes = entry.method === Stored ? packed.slice() : await inflate(packed, entry.length);
    if (bytes?.length !== entry.length) {
      throw unusable(`${path}: expected to unpack ${entry.length} bytes, found another length`);
    }

    if (crc32(bytes) !== entry.crc) {
      throw unusable(`${path} cannot be unpacked: its checksum is another`);
    }

    return bytes;
  }
}

// The record must end with the file: whatever comes after it belongs to nobody.
function commentOf(zip: Bytes, view: DataView): string {
  for (const length of [0, SealLabel.length + SealDigits]) {
    const at = zip.length - EndBytes - length;
    if (at >= 0 && view.getUint32(at, true) === EndMark && view.getUint16(at + EndBytes - 2, true) === length) {
      return String.fromCharCode(...zip.subarray(at + EndBytes));
    }
  }

  throw unusable('expected a zip, found a file that is none or is damaged');
}

// The digest of a zip in its own comment: every byte counts, also those that no file's content depends on.
async function requireSeal(zip: Bytes, comment: string): Promise<void> {
  const isSealed = comment === '' || (comment.startsWith(SealLabel) && comment.slice(SealLabel.length) === (await sha256Hex(zip.subarray(0, zip.length - SealDigits))));
  if (!isSealed) {
    throw unusable('the zip is not as it was written: its bytes do not give the digest in its comment');
  }
}

function directoryOf(view: DataView, endRecord: number): { readonly count: number; readonly offset: number; readonly end: number } {
  const count = view.getUint16(endRecord + 10, true);
  const offset = view.getUint32(endRecord + 16, true);
  const locator = endRecord - Locator64Bytes;

  // More than 65,534 files need the 64-bit record in front of the end record (APPNOTE 4.3.14 and 4.3.15).
  if (count !== 0xffff || locator < End64Bytes || view.getUint32(locator, true) !== Locator64Mark) {
    return { count, offset, end: endRecord };
  }

  const record = safe(view.getBigUint64(locator + 8, true));
  if (record + End64Bytes > locator || view.getUint32(record, true) !== End64Mark) {
    throw unusable('the directory of the zip is damaged');
  }

  return { count: safe(view.getBigUint64(record + 32, true)), offset: safe(view.getBigUint64(record + 48, true)), end: record };
}

function readDirectory(zip: Bytes, view: DataView, count: number, offset: number, end: number): ReadonlyMap<string, Entry> {
  if (count > MaxFiles) {
    throw unusable(`expected at most ${MaxFiles} files, found ${count}`);
  }

  const entries = new Map<string, Entry>();
  const places: Entry[] = [];
  let at = offset;
  for (let i = 0; i < count; i++) {
    if (at + DirectoryBytes > end || view.getUint32(at, true) !== DirectoryMark) {
      throw unusable('the directory of the zip is damaged');
    }

    const nameBytes = view.getUint16(at + 28, true);
    const next = at + DirectoryBytes + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    const name = next <= end ? utf8(zip.subarray(at + DirectoryBytes, at + DirectoryBytes + nameBytes)) : null;
    if (name === null) {
      throw unusable('the directory of the zip is damaged');
    }

    if (!isFolder(name, view.getUint32(at + 24, true))) {
      const entry = readEntry(name, view, at);
      if (entries.has(name)) {
        throw unusable(`expected each name once, found '${name}' again`);
      }

      entries.set(name, entry);
      places.push(entry);
    }

    at = next;
  }

  if (at !== end) {
    throw unusable('the directory of the zip is damaged');
  }

  requireApart(places, offset);
  return entries;
}

// Folders have entries of their own in many zips; they say nothing.
function isFolder(name: string, length: number): boolean {
  return name.endsWith('/') && length === 0 && !name.includes('..') && !name.startsWith('/');
}

function readEntry(path: string, view: DataView, at: number): Entry {
  const kind = kindOf(path);
  if (kind === null) {
    throw unusable(`expected only files of the evidence layout, found '${printable(path)}'`);
  }

  const method = view.getUint16(at + 10, true);
  const packed = view.getUint32(at + 20, true);
  const length = view.getUint32(at + 24, true);
  const isKnown = (method === Deflated || (method === Stored && packed === length)) && (view.getUint16(at + 8, true) & Encrypted) === 0;
  if (!isKnown || length > MaxBytes[kind] || length > (packed + 1) * MaxRatio) {
    throw unusable(`${path}: expected at most ${MaxBytes[kind]} bytes, stored or packed by deflate and not encrypted, found ${length} out of ${packed}`);
  }

  return { path, kind, method, crc: view.getUint32(at + 16, true), packed, length, offset: view.getUint32(at + 42, true), end: 0 };
}

// Entries that share their bytes would unpack to more than any ratio allows.
function requireApart(entries: readonly Entry[], directory: number): void {
  const ordered = [...entries].sort((one, other) => one.offset - other.offset);
  let unpacked = 0;
  ordered.forEach((entry, i) => {
    entry.end = ordered[i + 1]?.offset ?? directory;
    unpacked += entry.length;
    if (entry.offset + LocalBytes + entry.packed > entry.end) {
      throw unusable(`${entry.path}: its bytes are also those of another file, or lie outside the zip`);
    }
  });
  if (unpacked > MaxUnpackedBytes) {
    throw unusable(`expected at most ${MaxUnpackedBytes} bytes in all files, found ${unpacked}: use fedcloud audit verify`);
  }
}

// Null where the bytes are no deflate stream, or unpack to more than they should.
async function inflate(packed: Bytes, length: number): Promise<Bytes | null> {
  const stream = new DecompressionStream('deflate-raw');
  const writer = stream.writable.getWriter();

  // What is wrong with the input shows where the output is read.
  const written = writer.write(packed).then(() => writer.close()).catch(() => undefined);
  const reader = stream.readable.getReader();
  const bytes = new Uint8Array(length);
  let at = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (at + part.value.length > length) {
        await reader.cancel();
        return null;
      }

      bytes.set(part.value, at);
      at += part.value.length;
    }

    await written;
    return at === length ? bytes : null;
  } catch (error) {
    if (isDamage(error)) {
      return null;
    }

    throw error;
  }
}

// A damaged stream is a TypeError (Compression Streams, section 7); Node.js gives it the code of its zlib.
function isDamage(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_'));
}

const CrcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }

  return value;
});

// CRC-32 of ISO 3309, as APPNOTE 4.4.7 names it.
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (CrcTable[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }

  return (crc ^ 0xffffffff) >>> 0;
}

function safe(value: bigint): number {
  if (value > BigInt(MaxZipBytes)) {
    throw unusable('the directory of the zip is damaged');
  }

  return Number(value);
}

function unusable(found: string): Unusable {
  return new Unusable('evidence_unusable', found);
}
