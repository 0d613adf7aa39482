// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { decimal, isDigest, isIdentifier } from './bytes';
import { MaxNoteBytes } from './notes';
import { FullWidth, MaxEntryBytes, parseBundlePath, parseTilePath } from './tiles';

/** What a file of an evidence bundle is (docs/audit.md). */
export type Kind = 'tile' | 'bundle' | 'archive' | 'cosigned' | 'head' | 'batch' | 'roster' | 'key' | 'proof' | 'envelope' | 'blob' | 'round' | 'vector';

export const Head = 'log-head/checkpoint';

const MiB = 1 << 20;
const MaxSilos = 255;
const BundleBytes = FullWidth * (2 + MaxEntryBytes);

/** The largest file of each kind, in bytes. */
export const MaxBytes: Readonly<Record<Kind, number>> = {
  tile: FullWidth * 32,
  bundle: BundleBytes,
  batch: BundleBytes,
  archive: MaxNoteBytes,
  cosigned: MaxNoteBytes,
  head: MaxNoteBytes,
  proof: MaxNoteBytes,
  roster: 4 * MiB,
  key: 91,
  envelope: 8 * MiB,
  round: 16 * MiB,
  blob: 2 ** 40,
  vector: 2 ** 42,
};

/** What lies at a path; only the one canonical spelling of each place is taken, and null is any other name. */
export function kindOf(path: string): Kind | null {
  if (path.startsWith('log-head/')) {
    return path === Head ? 'head' : batchIndex(path) !== null ? 'batch' : null;
  }

  if (path.startsWith('log/')) {
    const inLog = path.slice('log/'.length);
    return parseTilePath(inLog) !== null ? 'tile' : parseBundlePath(inLog) !== null ? 'bundle' : archivedSize(path) !== null ? 'archive' : cosignedBy(path) !== null ? 'cosigned' : null;
  }

  return rosterVersion(path) !== null ? 'roster' : proofIndex(path) !== null ? 'proof' : digestKind(path);
}

export function archivePath(size: number): string {
  return `log/checkpoint-archive/${size}`;
}

export function batchPath(first: number): string {
  return `log-head/batch/${first}`;
}

export function rosterPath(version: number): string {
  return `rosters/${String(version).padStart(6, '0')}.json`;
}

export function rosterVersion(path: string): number | null {
  const version = Number(/^rosters\/([0-9]{6,10})\.json$/.exec(path)?.[1] ?? 0);
  return version > 0 && version < 2 ** 31 && rosterPath(version) === path ? version : null;
}

export function batchIndex(path: string): number | null {
  return numberIn(path, 'log-head/batch/');
}

export function archivedSize(path: string): number | null {
  return numberIn(path, 'log/checkpoint-archive/');
}

export function proofIndex(path: string): number | null {
  return numberIn(path, 'proofs/', '.tlog-proof');
}

/** Size and witness of a cosigned checkpoint. */
export function cosignedBy(path: string): { readonly size: number; readonly witness: string } | null {
  const [, digits, witness] = /^log\/cosigned\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const size = digits === undefined ? null : decimal(digits);
  return size !== null && isIdentifier(witness) ? { size, witness } : null;
}

/** The digest that names a key, an envelope or a blob. */
export function digestName(path: string): string {
  return path.slice(path.indexOf('/') + 1).split('.')[0] ?? '';
}

function digestKind(path: string): Kind | null {
  const [folder, name = '', ...rest] = path.split('/');
  const below = rest.join('/');
  switch (folder) {
    case 'keys':
      return rest.length === 0 && name.endsWith('.der') && isDigest(name.slice(0, -'.der'.length)) ? 'key' : null;
    case 'envelopes':
      return rest.length === 0 && name.endsWith('.json') && isDigest(name.slice(0, -'.json'.length)) ? 'envelope' : null;
    case 'blobs':
      return rest.length === 0 && isDigest(name) ? 'blob' : null;
    case 'secagg':
      return !isDigest(name) ? null : below === 'round.json' ? 'round' : (numberIn(below, 'y/') ?? 0) >= 1 && (numberIn(below, 'y/') ?? 0) <= MaxSilos ? 'vector' : null;
    default:
      return null;
  }
}

function numberIn(path: string, prefix: string, suffix = ''): number | null {
  return path.startsWith(prefix) && path.endsWith(suffix) && path.length > prefix.length + suffix.length ? decimal(path.slice(prefix.length, path.length - suffix.length)) : null;
}
