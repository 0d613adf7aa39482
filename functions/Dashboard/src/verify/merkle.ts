// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { type Bytes, hex, isSame } from './bytes';

export const HashBytes = 32;

/** The longest proof of a tree whose size is a 63-bit number. */
export const MaxComponents = 64;

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

export async function sha256Hex(bytes: Bytes): Promise<string> {
  return hex(await sha256(bytes));
}

export function emptyRoot(): Promise<Bytes> {
  return sha256(new Uint8Array(0));
}

/** The hash of an entry: SHA-256(0x00 ‖ entry) (RFC 6962, section 2.1). */
export function hashLeaf(entry: Uint8Array): Promise<Bytes> {
  const message = new Uint8Array(1 + entry.length);
  message.set(entry, 1);
  return sha256(message);
}

/** The hash of an inner node: SHA-256(0x01 ‖ left ‖ right). */
export function hashNode(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  const message = new Uint8Array(1 + left.length + right.length);
  message[0] = 1;
  message.set(left, 1);
  message.set(right, 1 + left.length);
  return sha256(message);
}

/**
 * Whether the proof shows that the leaf is entry `index` of the tree (RFC 9162, section 2.1.3.2). Sizes are whole numbers that
 * a number holds exactly; a larger one is refused.
 */
export async function verifyInclusion(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): Promise<boolean> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size || !areHashes([leaf, root, ...proof])) {
    return false;
  }

  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) {
      return false;
    }

    if (node % 2 === 1 || node === last) {
      hash = await hashNode(sibling, hash);
      [node, last] = skipMissingSiblings(node, last);
    } else {
      hash = await hashNode(hash, sibling);
    }

    [node, last] = [half(node), half(last)];
  }

  return last === 0 && isSame(hash, root);
}

/**
 * Whether the proof shows that the second tree begins with the first (RFC 9162, section 2.1.4.2). A first size of 0 proves
 * nothing and is refused; equal sizes need equal roots and an empty proof.
 */
export async function verifyConsistency(first: number, second: number, firstRoot: Uint8Array, secondRoot: Uint8Array, proof: readonly Uint8Array[]): Promise<boolean> {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second) {
    return false;
  }

  // Equal sizes only ask whether the roots are the same; nothing is hashed.
  if (first === second) {
    return proof.length === 0 && isSame(firstRoot, secondRoot);
  }

  return areHashes([firstRoot, secondRoot, ...proof]) && verifyGrowth(first, second, firstRoot, secondRoot, proof);
}

async function verifyGrowth(first: number, second: number, firstRoot: Uint8Array, secondRoot: Uint8Array, proof: readonly Uint8Array[]): Promise<boolean> {
  // A first tree that is perfect is a node of the second; its root stands in for the first component.
  const [seed, ...rest] = isPowerOfTwo(first) ? [firstRoot, ...proof] : proof;
  if (seed === undefined || proof.length === 0) {
    return false;
  }

  let [node, last] = [first - 1, second - 1];
  while (node % 2 === 1) {
    [node, last] = [half(node), half(last)];
  }

  let [old, now] = [seed, seed];
  for (const component of rest) {
    if (last === 0) {
      return false;
    }

    if (node % 2 === 1 || node === last) {
      [old, now] = await Promise.all([hashNode(component, old), hashNode(component, now)]);
      [node, last] = skipMissingSiblings(node, last);
    } else {
      now = await hashNode(now, component);
    }

    [node, last] = [half(node), half(last)];
  }

  return last === 0 && isSame(old, firstRoot) && isSame(now, secondRoot);
}

/** The levels of a subtree over some hashes: level k has each perfect subtree of 2^k of them, from the left. */
export async function perfectLevels(hashes: readonly Bytes[]): Promise<readonly (readonly Bytes[])[]> {
  const levels: Bytes[][] = [[...hashes]];
  for (let level: readonly Bytes[] = hashes; level.length > 1; level = levels[levels.length - 1] ?? []) {
    const pairs = Array.from({ length: half(level.length) }, (_, i) => hashNode(level[2 * i] as Bytes, level[2 * i + 1] as Bytes));
    levels.push(await Promise.all(pairs));
  }

  return levels;
}

/** A tree that only grows, kept as the roots of its perfect subtrees, largest first: one for each bit that is set in the size. */
export class CompactRange {
  private readonly roots: Bytes[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The roots of the perfect subtrees, largest first. */
  get peaks(): readonly Bytes[] {
    return this.roots;
  }

  async append(hash: Bytes): Promise<void> {
    let peak = hash;
    for (let rest = this.count; rest % 2 === 1; rest = half(rest)) {
      peak = await hashNode(this.roots.pop() as Bytes, peak);
    }

    this.roots.push(peak);
    this.count++;
  }
}

/** The root over perfect subtrees, largest first. */
export async function rootOf(peaks: readonly Bytes[]): Promise<Bytes> {
  let root = peaks[peaks.length - 1];
  for (let i = peaks.length - 2; i >= 0 && root !== undefined; i--) {
    root = await hashNode(peaks[i] as Bytes, root);
  }

  return root ?? emptyRoot();
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) {
    rest /= 2;
  }

  return rest === 1;
}

function areHashes(all: readonly Uint8Array[]): boolean {
  return all.every((hash) => hash.length === HashBytes);
}

// A left node at the tree's right edge has no sibling; it rises unchanged until it is a right node.
function skipMissingSiblings(node: number, last: number): [number, number] {
  while (node % 2 === 0 && node !== 0) {
    [node, last] = [half(node), half(last)];
  }

  return [node, last];
}
