// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { hex, isSame, concat, type Bytes } from './bytes';
import type { CheckpointFiles } from './checkpoints';
import { inBatches, type Findings } from './findings';
import type { Inventory } from './inventory';
import { archivePath, batchIndex, batchPath } from './layout';
import { CompactRange, HashBytes, perfectLevels, rootOf } from './merkle';
import { bundlePath, FullWidth, hashesOf, newBundles, newTiles, parseBundlePath, parseTilePath, readBundle, tilePath, type BundleCoordinate } from './tiles';

/** Sizes between two checkpoints: entries that a lost log key did not sign any more. */
export interface Gap {
  readonly before: number;
  readonly after: number;
}

/**
 * Computes the tree from the entries, and compares every tile, bundle, batch record and checkpoint with it (V2, V3). One pass, in
 * memory that grows with the height of the tree only.
 */
export class TreeCheck {
  private readonly fullTiles = new CompactRange();
  private readonly open: Bytes[][] = [];
  private readonly expected = new Set<string>();
  private readonly partialTiles = new Map<string, number[]>();
  private readonly partialBundles = new Map<number, number[]>();
  private readonly batchEnds: { readonly path: string; readonly end: number }[] = [];
  private batch: readonly Uint8Array[] = [];
  private size = 0;

  constructor(
    private readonly evidence: Inventory,
    private readonly checkpoints: CheckpointFiles,
    private readonly findings: Findings,
  ) {
    this.readPartials();
  }

  /**
   * Says which files are missing; the entries are not needed for it.
   * @returns False when a checkpoint claims so many entries that most of their files cannot be there.
   */
  checkPresence(): boolean {
    if (hashesOf(1, this.checkpoints.size) > this.evidence.count) {
      this.findings.atFile('V2', 'log_file_missing', archivePath(this.checkpoints.size), `the checkpoint has ${this.checkpoints.size} entries, and the evidence ${this.evidence.count} files`);
      return false;
    }

    let before = 0;
    for (const size of this.isFullCopy() ? this.checkpoints.sizes : [this.checkpoints.size]) {
      this.expect(before, size);
      before = size;
    }

    for (const path of this.expected) {
      if (!this.evidence.has(path)) {
        this.findings.atFile('V2', 'log_file_missing', path, 'the checkpoints have this file, and it is missing');
      }
    }

    return true;
  }

  /** Takes the next bundle: its bytes, its entries and their leaves. */
  async add(bundle: BundleCoordinate, bytes: Bytes, entries: readonly Uint8Array[], leaves: readonly Bytes[]): Promise<void> {
    await this.checkPartialBundles(bundle, bytes, entries);
    for (const [i, entry] of entries.entries()) {
      await this.checkBatch(this.size + i, entry);
    }

    const levels = await perfectLevels(leaves);
    await this.checkRoots(levels, leaves.length);
    this.size += leaves.length;
    if (leaves.length === FullWidth) {
      await this.checkTiles(0, bundle.index, leaves);
      const root = levels.at(-1)?.[0] as Bytes;
      await this.fullTiles.append(root);
      await this.raise(1, root);
    } else {
      this.open[0] = [...leaves];
    }
  }

  /** Compares the tiles at the right edge, and says which files are too many. */
  async finish(replaced: readonly Gap[]): Promise<void> {
    for (const [level, hashes] of this.open.entries()) {
      if ((hashes?.length ?? 0) > 0) {
        await this.checkTiles(level, hashesOf(level + 1, this.size), hashes);
      }
    }

    const isEnd = (size: number): boolean => this.checkpoints.has(size) || replaced.some((gap) => gap.before < size && size < gap.after);
    for (const { path, end } of this.batchEnds.filter((batch) => !isEnd(batch.end))) {
      this.findings.atFile('V2', 'tile_mismatch', path, `the batch ends at ${end}, and no checkpoint has that size`);
    }

    for (const path of this.evidence.of('batch')) {
      const first = batchIndex(path) ?? 0;
      if ((first !== 0 && !isEnd(first)) || first >= this.size) {
        this.findings.atFile('V2', 'log_file_unexpected', path, 'no batch of the log begins there');
      }
    }

    for (const { before, after } of replaced) {
      for (let size = before + 1; size < after; size++) {
        this.expect(before, size);
      }
    }

    for (const path of [...this.evidence.of('tile'), ...this.evidence.of('bundle')]) {
      if (!this.expected.has(path)) {
        this.findings.atFile('V2', 'log_file_unexpected', path, 'no archived checkpoint has this file');
      }
    }
  }

  private expect(before: number, size: number): void {
    for (const tile of newTiles(before, size)) {
      this.expected.add(inLog(tilePath(tile)));
    }

    for (const bundle of newBundles(before, size)) {
      this.expected.add(inLog(bundlePath(bundle)));
    }
  }

  private readPartials(): void {
    for (const path of this.evidence.of('tile')) {
      const tile = parseTilePath(path.slice('log/'.length));
      if (tile !== null && tile.width < FullWidth) {
        const place = `${tile.level}/${tile.index}`;
        this.partialTiles.set(place, [...(this.partialTiles.get(place) ?? []), tile.width]);
      }
    }

    for (const path of this.evidence.of('bundle')) {
      const bundle = parseBundlePath(path.slice('log/'.length));
      if (bundle !== null && bundle.width < FullWidth) {
        this.partialBundles.set(bundle.index, [...(this.partialBundles.get(bundle.index) ?? []), bundle.width]);
      }
    }
  }

  // Superseded partial files are there all, or none: so a checkpoint that was removed from a full copy is missed.
  private isFullCopy(): boolean {
    const newest = new Set<string>();
    for (const tile of newTiles(0, this.checkpoints.size)) {
      newest.add(inLog(tilePath(tile)));
    }

    for (const bundle of newBundles(0, this.checkpoints.size)) {
      newest.add(inLog(bundlePath(bundle)));
    }

    return [...this.evidence.of('tile'), ...this.evidence.of('bundle')].some((path) => /\.p\/[0-9]+$/.test(path) && !newest.has(path));
  }

  private async raise(level: number, hash: Bytes): Promise<void> {
    const tile = [...(this.open[level] ?? []), hash];
    this.open[level] = tile;
    if (tile.length === FullWidth) {
      await this.checkTiles(level, hashesOf(level + 1, this.size) - 1, tile);
      this.open[level] = [];
      await this.raise(level + 1, (await perfectLevels(tile)).at(-1)?.[0] as Bytes);
    }
  }

  private async checkTiles(level: number, index: number, hashes: readonly Bytes[]): Promise<void> {
    const whole = concat(...hashes);
    const widths = [...(this.partialTiles.get(`${level}/${index}`) ?? []), FullWidth].filter((width) => width <= hashes.length);
    await this.compareAll(widths.map((width) => ({ path: inLog(tilePath({ level, index, width })), expected: whole.subarray(0, width * HashBytes) })));
  }

  private async checkPartialBundles(bundle: BundleCoordinate, bytes: Bytes, entries: readonly Uint8Array[]): Promise<void> {
    const ends = [0];
    for (const entry of entries) {
      ends.push((ends.at(-1) as number) + 2 + entry.length);
    }

    const widths = (this.partialBundles.get(bundle.index) ?? []).filter((width) => width < bundle.width);
    await this.compareAll(widths.map((width) => ({ path: inLog(bundlePath({ index: bundle.index, width })), expected: bytes.subarray(0, ends[width]) })));
  }

  private compareAll(files: readonly { readonly path: string; readonly expected: Uint8Array }[]): Promise<void> {
    return inBatches(files, async ({ path, expected }) => ({ path, expected, bytes: await this.evidence.readIfThere(path) }), ({ path, expected, bytes }) => {
      if (bytes !== null && !isSame(bytes, expected)) {
        this.findings.atFile('V2', 'tile_mismatch', path, `${bytes.length} bytes that the entries do not give`, `${expected.length} bytes as the entries give them`);
      }
    });
  }

  private async checkBatch(index: number, entry: Uint8Array): Promise<void> {
    const path = batchPath(index);
    const record = await this.evidence.readIfThere(path);
    if (record !== null) {
      this.batch = [];
      await this.findings.try('V2', path, () => {
        this.batch = readBundle(record);
      });
      this.batchEnds.push({ path, end: index + this.batch.length });
    }

    const [recorded, ...rest] = this.batch;
    this.batch = rest;
    if (recorded !== undefined && !isSame(recorded, entry)) {
      this.batch = [];
      this.findings.atEntry('V2', 'tile_mismatch', index, 'the batch record has another entry there');
    }
  }

  // Each perfect subtree of a size is one of the full tiles before the bundle, or lies inside the bundle.
  private async checkRoots(levels: readonly (readonly Bytes[])[], count: number): Promise<void> {
    const { sizes } = this.checkpoints;
    for (let at = this.checkpoints.firstAbove(this.size); at < sizes.length && (sizes[at] as number) <= this.size + count; at++) {
      const size = sizes[at] as number;
      const { checkpoint } = this.checkpoints.at(size);
      const root = await rootOf([...this.fullTiles.peaks, ...peaksIn(levels, size - this.size)]);
      if (!isSame(root, checkpoint.root)) {
        this.findings.atFile('V3', 'root_mismatch', archivePath(size), `root ${hex(checkpoint.root)}`, `root ${hex(root)}, as the entries give it`);
      }
    }
  }
}

function peaksIn(levels: readonly (readonly Bytes[])[], width: number): Bytes[] {
  const peaks: Bytes[] = [];
  let first = 0;
  for (let level = levels.length - 1; level >= 0; level--) {
    if (Math.floor(width / 2 ** level) % 2 === 1) {
      peaks.push(levels[level]?.[Math.floor(first / 2 ** level)] as Bytes);
      first += 2 ** level;
    }
  }

  return peaks;
}

function inLog(path: string): string {
  return `log/${path}`;
}
