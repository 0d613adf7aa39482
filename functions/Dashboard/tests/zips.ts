// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { bytesOf, concat, type Bytes } from '../src/verify/bytes';
import { sha256Hex } from '../src/verify/merkle';
import { ZipEvidence } from '../src/verify/zip';

export type Files = Map<string, Bytes>;

/** A file of a zip that says something else about itself than is so. */
export interface Lie {
  readonly path: string;
  readonly length?: number;
  readonly packed?: number;
  readonly offset?: number;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
}

export async function unpack(zip: Bytes): Promise<Files> {
  const evidence = await ZipEvidence.open(zip);
  const files: Files = new Map();
  for (const { path } of evidence.files()) {
    files.set(path, await evidence.read(path));
  }

  return files;
}

/** Packs files without compression and without a seal, as somebody else would. */
export function pack(files: ReadonlyMap<string, Bytes>, lie?: Lie): Bytes {
  const parts: Bytes[] = [];
  const directory: Bytes[] = [];
  let at = 0;
  for (const [path, bytes] of files) {
    const name = bytesOf(path);
    const told = path === lie?.path ? lie : undefined;
    const common = numbers([2, 20], [2, told?.flags ?? 0], [2, told?.method ?? 0], [4, 0], [4, told?.crc ?? crcOf(bytes)], [4, told?.packed ?? bytes.length], [4, told?.length ?? bytes.length], [2, name.length], [2, 0]);
    parts.push(numbers([4, 0x04034b50]), common, name, bytes);
    directory.push(numbers([4, 0x02014b50], [2, 20]), common, numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, told?.offset ?? at]), name);
    at += 30 + name.length + bytes.length;
  }

  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([4, 0x06054b50], [4, 0], [2, Math.min(files.size, 0xffff)], [2, Math.min(files.size, 0xffff)], [4, length], [4, at], [2, 0]);
  const end64 =
    files.size < 0xffff
      ? new Uint8Array(0)
      : numbers([4, 0x06064b50], [4, 44], [4, 0], [2, 45], [2, 45], [4, 0], [4, 0], [4, files.size], [4, 0], [4, files.size], [4, 0], [4, length], [4, 0], [4, at], [4, 0], [4, 0x07064b50], [4, 0], [4, at + length], [4, 0], [4, 1]);
  return joined([...parts, ...directory, end64, end]);
}

/** Puts the digest of everything before its digits into the comment. */
export async function seal(zip: Bytes): Promise<Bytes> {
  const open = concat(zip.slice(0, -2), numbers([2, 71]), bytesOf('sha256 '));
  return concat(open, bytesOf(await sha256Hex(open)));
}

// There may be more of them than a call takes.
function joined(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }

  return whole;
}

function numbers(...fields: readonly (readonly [width: number, value: number])[]): Bytes {
  return Uint8Array.from(fields.flatMap(([width, value]) => Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256)));
}

const Table = Array.from({ length: 256 }, (_, byte) => Array.from({ length: 8 }).reduce<number>((value) => (value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1), byte));

function crcOf(bytes: Bytes): number {
  return (bytes.reduce((crc, byte) => (crc >>> 8) ^ (Table[(crc ^ byte) & 255] ?? 0), -1) ^ -1) >>> 0;
}
