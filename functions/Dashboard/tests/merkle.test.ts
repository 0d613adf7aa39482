// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, concat, hex, toBase64, type Bytes } from '../src/verify/bytes';
import { CompactRange, emptyRoot, hashLeaf, hashNode, perfectLevels, rootOf, sha256Hex, verifyConsistency, verifyInclusion } from '../src/verify/merkle';
import { bundlePath, FullWidth, newBundles, newTiles, parseBundlePath, parseTilePath, readBundle, tilePath } from '../src/verify/tiles';
import { fromBase64, fromHex, vectors } from './files';

interface Inclusion {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

interface Consistency {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

interface Tiles {
  readonly root_b64: string;
  readonly tile_count: number;
  readonly bundle_count: number;
  readonly tiles_sha256: Readonly<Record<string, string>>;
  readonly bundles_sha256: Readonly<Record<string, string>>;
}

const proofOf = (proof: readonly string[] | null): Bytes[] => (proof ?? []).map(fromBase64);

for (const [file, inclusions, consistencies] of [['merkle_own.json', 173, 187], ['merkle_probes.json', 98, 98]] as const) {
  test(`${file}: every proof gives its outcome`, async () => {
    const { inclusion, consistency } = vectors<{ inclusion: readonly Inclusion[]; consistency: readonly Consistency[] }>(file);

    assert.deepEqual([inclusion.length, consistency.length], [inclusions, consistencies]);
    for (const it of inclusion) {
      assert.equal(await verifyInclusion(fromBase64(it.leafHash), it.leafIdx, it.treeSize, proofOf(it.proof), fromBase64(it.root)), !it.wantErr, `inclusion ${it.leafIdx} of ${it.treeSize}: ${it.desc}`);
    }

    for (const it of consistency) {
      assert.equal(await verifyConsistency(it.size1, it.size2, fromBase64(it.root1), fromBase64(it.root2), proofOf(it.proof)), !it.wantErr, `consistency ${it.size1} to ${it.size2}: ${it.desc}`);
    }
  });
}

test('merkle_rfc6962_8leaf.json: hashes, roots and proofs of the tree of 8 leaves', async () => {
  const tree = vectors<{
    leaf_inputs_hex: readonly string[];
    leaf_hashes_hex: readonly string[];
    roots_hex_by_size: Readonly<Record<string, string>>;
    inclusion: readonly { index: number; size: number; proof: readonly string[] }[];
    consistency: readonly { size1: number; size2: number; proof: readonly string[] }[];
    hasher: Readonly<Record<'empty_root' | 'leaf_L123456' | 'node_N123_N456', string>>;
  }>('merkle_rfc6962_8leaf.json');
  const root = (size: number): Bytes => fromHex(tree.roots_hex_by_size[String(size)] ?? '');
  const leaves = await Promise.all(tree.leaf_inputs_hex.map((input) => hashLeaf(fromHex(input))));

  assert.deepEqual(leaves.map(hex), tree.leaf_hashes_hex);
  assert.equal(hex(await emptyRoot()), tree.hasher.empty_root);
  assert.equal(hex(await hashLeaf(bytesOf('L123456'))), tree.hasher.leaf_L123456);
  assert.equal(hex(await hashNode(bytesOf('N123'), bytesOf('N456'))), tree.hasher.node_N123_N456);
  const range = new CompactRange();
  for (const [i, leaf] of leaves.entries()) {
    await range.append(leaf);
    assert.deepEqual(await rootOf(range.peaks), root(i + 1));
  }

  for (const { index, size, proof } of tree.inclusion) {
    assert.ok(await verifyInclusion(leaves[index] as Bytes, index, size, proof.map(fromHex), root(size)), `${index} of ${size}`);
  }

  for (const { size1, size2, proof } of tree.consistency) {
    assert.ok(await verifyConsistency(size1, size2, root(size1), root(size2), proof.map(fromHex)), `${size1} to ${size2}`);
  }
});

test('tlog_tiles.json: tiles, bundles and roots of the trees', async () => {
  const { sizes } = vectors<{ sizes: Readonly<Record<string, Tiles>> }>('tlog_tiles.json');
  for (const [text, expected] of Object.entries(sizes)) {
    const size = Number(text);
    const tiles = [...newTiles(0, size)];
    const bundles = [...newBundles(0, size)];
    assert.deepEqual([tiles.length, bundles.length], [expected.tile_count, expected.bundle_count], text);

    const levels = await levelsOf(size);
    assert.equal(toBase64(await naiveRoot(levels[0] ?? [])), expected.root_b64, text);
    for (const [path, digest] of Object.entries(expected.tiles_sha256)) {
      const tile = parseTilePath(path);
      assert.ok(tile !== null && tiles.some((other) => tilePath(other) === path), path);
      const hashes = levels[tile.level]?.slice(tile.index * FullWidth, tile.index * FullWidth + tile.width) ?? [];
      assert.equal(await sha256Hex(concat(...hashes)), digest, path);
    }

    for (const [path, digest] of Object.entries(expected.bundles_sha256)) {
      const bundle = parseBundlePath(path);
      assert.ok(bundle !== null && bundles.some((other) => bundlePath(other) === path), path);
      const bytes = concat(...Array.from({ length: bundle.width }, (_, i) => lengthAndBytes(entryOf(bundle.index * FullWidth + i))));
      assert.equal(await sha256Hex(bytes), digest, path);
      assert.equal(readBundle(bytes, bundle.width).length, bundle.width);
    }
  }
});

test('Paths: only the canonical spelling is read', () => {
  assert.deepEqual(parseTilePath('tile/0/x001/x234/067'), { level: 0, index: 1234067, width: FullWidth });
  assert.equal(tilePath({ level: 3, index: 1234067, width: 12 }), 'tile/3/x001/x234/067.p/12');
  for (const path of ['tile/0/67', 'tile/00/067', 'tile/64/067', 'tile/0/x000/067', 'tile/0/067.p/0', 'tile/0/067.p/256', 'tile/0/067.p/01', 'tile/0/x001/x067', 'tile/0/001/067', 'tile/0/067/', 'tile/0/../067', 'tile//067', 'Tile/0/067']) {
    assert.equal(parseTilePath(path), null, path);
  }
});

test('Bundles: lengths that lie are refused', () => {
  for (const bytes of [[], [0, 0], [0, 2, 1], [0], [0, 1, 1, 0]]) {
    assert.throws(() => readBundle(Uint8Array.from(bytes)), { code: 'bundle_malformed' });
  }

  const full = concat(...Array.from({ length: FullWidth }, () => Uint8Array.of(0, 1, 7)));
  assert.equal(readBundle(full).length, FullWidth);
  assert.throws(() => readBundle(concat(full, Uint8Array.of(0, 1, 7))), { code: 'bundle_malformed' });
  assert.throws(() => readBundle(Uint8Array.of(0, 1, 7), 2), { code: 'bundle_malformed' });
});

function entryOf(index: number): Bytes {
  return bytesOf(`entry-${index}`);
}

function lengthAndBytes(entry: Bytes): Bytes {
  return concat(Uint8Array.of(entry.length >> 8, entry.length & 255), entry);
}

// Pairs up each level; one that is left over rises as it is.
async function naiveRoot(hashes: readonly Bytes[]): Promise<Bytes> {
  let level = hashes;
  while (level.length > 1) {
    const below = level;
    level = await Promise.all(Array.from({ length: Math.ceil(below.length / 2) }, (_, i) => (2 * i + 1 < below.length ? hashNode(below[2 * i] as Bytes, below[2 * i + 1] as Bytes) : (below[2 * i] as Bytes))));
  }

  return level[0] as Bytes;
}

async function levelsOf(size: number): Promise<readonly (readonly Bytes[])[]> {
  const levels: Bytes[][] = [await Promise.all(Array.from({ length: size }, (_, i) => hashLeaf(entryOf(i))))];
  for (let below = levels[0] ?? []; below.length >= FullWidth; below = levels.at(-1) ?? []) {
    const tiles = Array.from({ length: Math.floor(below.length / FullWidth) }, (_, i) => perfectLevels(below.slice(i * FullWidth, (i + 1) * FullWidth)));
    levels.push((await Promise.all(tiles)).map((tile) => tile.at(-1)?.[0] as Bytes));
  }

  return levels;
}
