// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { Failure } from './failure';
import { inBatches, type Findings } from './findings';
import type { Inventory } from './inventory';
import { archivePath, archivedSize, cosignedBy, Head } from './layout';
import { parseCheckpoint, SignedNote, type Checkpoint } from './notes';

export interface ArchivedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: SignedNote;
}

export interface Cosigned {
  readonly path: string;
  readonly witness: string;
  readonly note: SignedNote;
}

/** The signed checkpoints of the evidence, read and compared with each other; their signatures come later, since the entries say which keys were the log's. */
export class CheckpointFiles {
  private readonly archived = new Map<number, ArchivedCheckpoint>();
  private readonly lines = new Map<number, Cosigned[]>();
  private ordered: readonly number[] = [];
  private headNote: SignedNote | null = null;

  private constructor() {}

  /** The sizes of the archived checkpoints, ascending. */
  get sizes(): readonly number[] {
    return this.ordered;
  }

  get size(): number {
    return this.ordered.at(-1) ?? 0;
  }

  get newest(): Checkpoint | null {
    return this.archived.get(this.size)?.checkpoint ?? null;
  }

  /** The note of the head; null where it is missing or unreadable. */
  get head(): SignedNote | null {
    return this.headNote;
  }

  static async read(evidence: Inventory, findings: Findings): Promise<CheckpointFiles> {
    const files = new CheckpointFiles();
    const readAll = (paths: readonly string[], take: (path: string, bytes: Uint8Array) => void): Promise<void> =>
      inBatches(paths, async (path) => ({ path, bytes: await evidence.read(path) }), async ({ path, bytes }) => {
        await findings.try('V1', path, () => take(path, bytes));
      });
    await readAll(evidence.of('archive'), (path, bytes) => files.addArchived(path, bytes));
    files.ordered = [...files.archived.keys()].sort((one, other) => one - other);
    files.requireOneOrigin(findings);
    await readAll(evidence.of('cosigned'), (path, bytes) => files.addCosigned(path, bytes));
    const head = await evidence.readIfThere(Head);
    await findings.try('V1', Head, () => files.setHead(head));
    return files;
  }

  has(size: number): boolean {
    return this.archived.has(size);
  }

  at(size: number): ArchivedCheckpoint {
    const found = this.archived.get(size);
    if (found === undefined) {
      throw new RangeError(`no checkpoint of size ${size} is archived`);
    }

    return found;
  }

  cosignedAt(size: number): readonly Cosigned[] {
    return this.lines.get(size) ?? [];
  }

  /** The index of the first checkpoint that is larger than a size. */
  firstAbove(size: number): number {
    let [low, high] = [0, this.ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.ordered[middle] as number) > size) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }

    return low;
  }

  private addArchived(path: string, bytes: Uint8Array): void {
    const read = readNote(bytes);
    if (archivedSize(path) !== read.checkpoint.size) {
      throw new Failure('checkpoint_origin', `the path names another size than the note, which says ${read.checkpoint.size}`);
    }

    this.archived.set(read.checkpoint.size, read);
  }

  private requireOneOrigin(findings: Findings): void {
    const first = this.ordered[0] === undefined ? null : this.at(this.ordered[0]).checkpoint.origin;
    for (const size of this.ordered.filter((other) => this.at(other).checkpoint.origin !== first)) {
      findings.atFile('V1', 'checkpoint_origin', archivePath(size), 'the checkpoint is of another log than the first one');
    }
  }

  private addCosigned(path: string, bytes: Uint8Array): void {
    const { size, witness } = cosignedBy(path) ?? { size: 0, witness: '' };
    const note = SignedNote.parse(bytes);
    const archived = this.archived.get(size);
    if (archived === undefined) {
      throw new Failure('log_file_missing', `there is no ${archivePath(size)} that the line belongs to`);
    }

    if (note.text !== archived.note.text) {
      throw new Failure('log_fork', 'the cosigned text is not the archived one');
    }

    this.lines.set(size, [...this.cosignedAt(size), { path, witness, note }]);
  }

  private setHead(bytes: Uint8Array | null): void {
    if (bytes === null) {
      throw new Failure('log_file_missing', 'the newest checkpoint is missing');
    }

    const { checkpoint, note } = readNote(bytes);
    if (checkpoint.size !== this.size) {
      throw new Failure('log_file_missing', `the newest checkpoint has size ${checkpoint.size}, and the newest archived one ${this.size}`);
    }

    if (this.at(checkpoint.size).note.text !== note.text) {
      throw new Failure('log_fork', 'the newest checkpoint is not the archived one of its size');
    }

    this.headNote = note;
  }
}

function readNote(bytes: Uint8Array): ArchivedCheckpoint {
  const note = SignedNote.parse(bytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.size < 1 || checkpoint.extensions.length > 0) {
    throw new Failure('checkpoint_malformed', 'expected three lines and at least one entry, found another text');
  }

  return { checkpoint, note };
}
