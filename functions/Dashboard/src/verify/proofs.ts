// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { isSame, type Bytes } from './bytes';
import type { CheckpointFiles } from './checkpoints';
import { Failure } from './failure';
import type { Findings } from './findings';
import type { Inventory } from './inventory';
import type { NoteKey } from './keys';
import { proofIndex } from './layout';
import { verifyInclusion } from './merkle';
import { parseCheckpoint, parseProof, type LogProof } from './notes';

/** Whether the proofs of the evidence lead from entries of the log to its checkpoints (V4). */
export class ProofCheck {
  private readonly proofs = new Map<number, { readonly path: string; readonly proof: LogProof }>();
  private readonly leaves = new Map<number, Bytes>();

  private constructor() {}

  static async read(evidence: Inventory, findings: Findings): Promise<ProofCheck> {
    const check = new ProofCheck();
    for (const path of evidence.of('proof')) {
      const bytes = await evidence.read(path);
      await findings.try('V4', path, () => check.add(path, bytes));
    }

    return check;
  }

  /** Takes the leaf of an entry. */
  take(index: number, leaf: Bytes): void {
    if (this.proofs.has(index)) {
      this.leaves.set(index, leaf);
    }
  }

  finish(checkpoints: CheckpointFiles, keys: (size: number) => readonly NoteKey[], findings: Findings): Promise<void> {
    return findings.tryAll('V4', [...this.proofs.values()], ({ path }) => path, ({ proof }) => this.verify(proof, checkpoints, keys));
  }

  private add(path: string, bytes: Uint8Array): void {
    const proof = parseProof(bytes);
    if (proof.index !== proofIndex(path) || proof.hasExtra) {
      throw new Failure('proof_malformed', 'the proof is of another entry than its name says, or has extra data that nothing vouches for');
    }

    this.proofs.set(proof.index, { path, proof });
  }

  private async verify({ index, hashes, note }: LogProof, checkpoints: CheckpointFiles, keys: (size: number) => readonly NoteKey[]): Promise<void> {
    const { origin, size, root, extensions } = parseCheckpoint(note.text);
    const archived = checkpoints.has(size) ? checkpoints.at(size).checkpoint : null;
    if (archived === null || archived.origin !== origin || !isSame(archived.root, root) || extensions.length > 0) {
      throw new Failure('log_fork', `the proof’s checkpoint of size ${size} is not an archived one`);
    }

    const required = keys(size);
    if ((await note.verify(required)).length < required.length) {
      throw new Failure('note_unsigned', 'the proof’s checkpoint lacks a line of the log');
    }

    const leaf = this.leaves.get(index);
    if (leaf === undefined || !(await verifyInclusion(leaf, index, size, hashes, root))) {
      throw new Failure('inclusion_failed', `the proof does not lead from entry ${index} to the root of size ${size}`);
    }
  }
}
