// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { hex, type Bytes } from './bytes';
import { CheckpointFiles } from './checkpoints';
import { DeployCheck } from './deploys';
import { readEntry, type ReadEntry } from './entries';
import { EntryCheck, type LogCheck } from './entryCheck';
import { Findings, type Finding } from './findings';
import { Inventory, type Evidence } from './inventory';
import { KeyEntryCheck } from './keyEntries';
import { KeyRing, type NoteKey } from './keys';
import { digestName, rosterPath } from './layout';
import { LogKeyCheck } from './logKeys';
import { sha256Hex } from './merkle';
import type { AuditPolicy } from './policy';
import { ProofCheck } from './proofs';
import { RosterFiles } from './rosters';
import { bundlePath, newBundles, readBundle, type BundleCoordinate } from './tiles';
import { TreeCheck } from './tree';
import { WitnessCheck } from './witnesses';

/** How far a verification is. */
export interface Progress {
  readonly step: 'files' | 'entries' | 'signatures';
  readonly done: number;
  readonly of: number;
}

/** What a verification came to. */
export interface Report {
  readonly verified: boolean;
  /** All that failed, up to a hundred of each kind, and what was not checked. */
  readonly findings: readonly Finding[];
  /** How many checks failed, those beyond the hundred included. */
  readonly failures: number;
  readonly isPinned: boolean;
  readonly origin: string | null;
  readonly root: string | null;
  /** How many entries were read. */
  readonly entries: number;
  readonly checkpoints: number;
  readonly rosters: number;
}

/** What this verifier leaves to the command line, which checks it too. */
export const NotChecked: readonly string[] = ['V7', 'V8', 'V9', 'V10', 'V13', 'V14', 'V15'];

const BundlesAtOnce = 4;
const MaxBlobBytes = 64 * 1024 * 1024;

/**
 * Verifies a copy of a log: V1 to V6, V11 and V12 of audit-log, section 8, the digests of blobs, and the policy. All that is wrong
 * with the log is a finding.
 * @throws {Unusable} the input cannot be used.
 */
export async function verify(source: Evidence, policy: AuditPolicy | null, tell: (progress: Progress) => void): Promise<Report> {
  return new Verification(new Inventory(source), policy, tell).run();
}

interface OpenBundle {
  readonly bundle: BundleCoordinate;
  readonly bytes: Bytes;
  readonly raw: readonly Uint8Array[];
  readonly entries: readonly ReadEntry[];
}

class Verification {
  private readonly findings = new Findings();
  private readonly keys = new KeyRing();

  constructor(
    private readonly evidence: Inventory,
    private readonly policy: AuditPolicy | null,
    private readonly tell: (progress: Progress) => void,
  ) {}

  async run(): Promise<Report> {
    this.tell({ step: 'files', done: 0, of: this.evidence.count });
    const rosters = await RosterFiles.read(this.evidence, this.keys, this.findings);
    const checkpoints = await CheckpointFiles.read(this.evidence, this.findings);
    const proofs = await ProofCheck.read(this.evidence, this.findings);
    await this.checkBlobs();
    this.pin(rosters);

    const tree = new TreeCheck(this.evidence, checkpoints, this.findings);
    const first = this.policy?.log ?? rosters.chain[0]?.log;
    if (first === undefined || checkpoints.size === 0) {
      this.findings.atFile('V1', 'log_file_missing', rosterPath(1), 'without a first roster and a checkpoint nothing can be verified');
      return this.report(checkpoints, 0, 0);
    }

    if (!tree.checkPresence()) {
      return this.report(checkpoints, 0, 0);
    }

    return this.readLog(first, rosters, checkpoints, tree, proofs);
  }

  private async readLog(first: NoteKey, rosters: RosterFiles, checkpoints: CheckpointFiles, tree: TreeCheck, proofs: ProofCheck): Promise<Report> {
    const entries = new EntryCheck(rosters, this.keys, this.findings);
    const logKeys = new LogKeyCheck(checkpoints, first, this.findings);
    const checks: readonly LogCheck[] = [
      logKeys,
      new WitnessCheck(checkpoints, entries, this.policy?.minWitnesses ?? 0, this.findings),
      new KeyEntryCheck(this.findings),
      new DeployCheck(this.policy, this.findings),
    ];
    const read = await this.readEntries(checkpoints, tree, proofs, (index, entry) => {
      const logged = entries.take(index, entry);
      if (logged !== null) {
        checks.forEach((check) => check.take(logged));
      }
    });
    if (read === checkpoints.size) {
      this.tell({ step: 'signatures', done: 0, of: checkpoints.sizes.length });
      await tree.finish(logKeys.replaced());
      for (const check of checks) {
        await check.finish();
      }

      await proofs.finish(checkpoints, (size) => logKeys.requiredAt(size), this.findings);
    }

    return this.report(checkpoints, read, entries.rosters.length);
  }

  // Bundles are read a few at a time, the next ones while these are taken. Entries are verified at once; what follows from their
  // order is checked in order.
  private async readEntries(checkpoints: CheckpointFiles, tree: TreeCheck, proofs: ProofCheck, take: (index: number, entry: ReadEntry) => void): Promise<number> {
    const bundles = [...newBundles(0, checkpoints.size)];
    let index = 0;
    let ahead = this.openSome(bundles, 0);
    for (let at = 0; at < bundles.length; at += BundlesAtOnce) {
      const group = await ahead;
      ahead = this.openSome(bundles, at + BundlesAtOnce);
      for (const opened of group) {
        if (opened === null) {
          await ahead;
          return index;
        }

        const { bundle, bytes, raw, entries } = opened;
        await tree.add(bundle, bytes, raw, entries.map(({ leaf }) => leaf));
        for (const entry of entries) {
          proofs.take(index, entry.leaf);
          take(index++, entry);
        }
      }

      this.tell({ step: 'entries', done: index, of: checkpoints.size });
    }

    return index;
  }

  private openSome(bundles: readonly BundleCoordinate[], at: number): Promise<readonly (OpenBundle | null)[]> {
    return Promise.all(bundles.slice(at, at + BundlesAtOnce).map((bundle) => this.open(bundle)));
  }

  // Null where it is missing, which is said before, or cannot be split.
  private async open(bundle: BundleCoordinate): Promise<OpenBundle | null> {
    const path = `log/${bundlePath(bundle)}`;
    const bytes = await this.evidence.readIfThere(path);
    let raw: readonly Uint8Array[] = [];
    if (bytes === null || !(await this.findings.try('V2', path, () => void (raw = readBundle(bytes, bundle.width))))) {
      return null;
    }

    return { bundle, bytes, raw, entries: await Promise.all(raw.map((entry) => readEntry(entry, this.keys))) };
  }

  private async checkBlobs(): Promise<void> {
    for (const path of this.evidence.of('blob')) {
      if (this.evidence.lengthOf(path) > MaxBlobBytes) {
        this.findings.add('V9', 'not_recomputed', `the digest of ${path}: it has more than ${MaxBlobBytes} bytes`);
      } else if ((await sha256Hex(await this.evidence.read(path))) !== digestName(path)) {
        this.findings.atFile('V9', 'evidence_mismatch', path, 'the blob is not the one whose digest names it');
      }
    }
  }

  private pin(rosters: RosterFiles): void {
    const first = rosters.chain[0];
    if (this.policy === null) {
      this.findings.add('policy', 'not_pinned', 'the first log key and the first roster are those of the evidence');
    } else if (first !== undefined && (first.digest !== this.policy.rosterSha256 || first.log.vkey !== this.policy.log.vkey)) {
      this.findings.atFile('policy', 'log_fork', rosterPath(1), 'the first roster or its log key is not the pinned one');
    }
  }

  private report(checkpoints: CheckpointFiles, entries: number, rosters: number): Report {
    const { newest } = checkpoints;
    return {
      verified: this.findings.failures === 0,
      findings: this.findings.kept,
      failures: this.findings.failures,
      isPinned: this.policy !== null,
      origin: newest?.origin ?? null,
      root: newest === null ? null : hex(newest.root),
      entries,
      checkpoints: checkpoints.sizes.length,
      rosters,
    };
  }
}
