// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { decimal } from './bytes';
import { Failure } from './failure';

/** The number of hashes in a full tile, and of entries in a full bundle. */
export const FullWidth = 256;

/** The largest entry, in bytes: its length has a prefix of 16 bits. */
export const MaxEntryBytes = 65_535;

const TileRoot = 'tile/';
const BundleRoot = 'tile/entries/';
const MaxLevel = 63;

// Above level 6 a tree whose size a number holds exactly has no hash.
const Levels = 8;

export interface TileCoordinate {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

export interface BundleCoordinate {
  readonly index: number;
  readonly width: number;
}

/** The path of a tile (C2SP tlog-tiles): `tile/<level>/<index>[.p/<width>]`. */
export function tilePath(tile: TileCoordinate): string {
  return `${TileRoot}${tile.level}/${numberPath(tile.index, tile.width)}`;
}

export function bundlePath(bundle: BundleCoordinate): string {
  return BundleRoot + numberPath(bundle.index, bundle.width);
}

/** Reads the path of a tile; only the one canonical spelling is taken. */
export function parseTilePath(path: string): TileCoordinate | null {
  const [, digits, rest] = /^tile\/([0-9]{1,2})\/(.+)$/.exec(path) ?? [];
  const level = digits === undefined ? null : decimal(digits);
  const place = rest === undefined ? null : parseNumberPath(rest);
  return level !== null && level <= MaxLevel && place !== null ? { level, ...place } : null;
}

export function parseBundlePath(path: string): BundleCoordinate | null {
  return path.startsWith(BundleRoot) ? parseNumberPath(path.slice(BundleRoot.length)) : null;
}

/** The tiles that the tree of `second` entries has and the tree of `first` lacks, level by level. */
export function* newTiles(first: number, second: number): Generator<TileCoordinate> {
  for (let level = 0; level < Levels; level++) {
    for (const place of newIn(hashesOf(level, first), hashesOf(level, second))) {
      yield { level, ...place };
    }
  }
}

export function newBundles(first: number, second: number): Generator<BundleCoordinate> {
  return newIn(first, second);
}

/** Splits a bundle into its entries: each behind its length as an unsigned 16-bit big-endian number. */
export function readBundle(bundle: Uint8Array, width?: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = at + 2 <= bundle.length ? (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0) : 0;
    if (length === 0 || at + 2 + length > bundle.length || entries.length === FullWidth) {
      throw new Failure('bundle_malformed', `after ${entries.length} entries, ${bundle.length - at} bytes are left that are no entry`);
    }

    entries.push(bundle.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }

  if (entries.length === 0 || (width !== undefined && entries.length !== width)) {
    throw new Failure('bundle_malformed', `expected ${width ?? 'at least one'} entries, found ${entries.length}`);
  }

  return entries;
}

/** Level L hashes full tiles of level L-1 only. */
export function hashesOf(level: number, size: number): number {
  return Math.floor(size / FullWidth ** level);
}

function* newIn(first: number, second: number): Generator<BundleCoordinate> {
  if (first === second) {
    return;
  }

  for (let index = Math.floor(first / FullWidth); index < Math.floor(second / FullWidth); index++) {
    yield { index, width: FullWidth };
  }

  if (second % FullWidth !== 0) {
    yield { index: Math.floor(second / FullWidth), width: second % FullWidth };
  }
}

// Groups of three digits, all but the last with an "x" in front.
function numberPath(index: number, width: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }

  return width === FullWidth ? path : `${path}.p/${width}`;
}

function parseNumberPath(path: string): BundleCoordinate | null {
  const [, groups, partial] = /^((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path) ?? [];
  if (groups === undefined) {
    return null;
  }

  const index = Number(groups.replace(/[x/]/g, ''));
  const width = partial === undefined ? FullWidth : Number(partial);
  const isPlace = Number.isSafeInteger(index) && width >= 1 && (partial === undefined || width < FullWidth);
  return isPlace && numberPath(index, width) === path ? { index, width } : null;
}
