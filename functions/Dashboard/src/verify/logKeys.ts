// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import type { CheckpointFiles, Cosigned } from './checkpoints';
import { subject, type LogCheck, type LoggedEntry } from './entryCheck';
import { Failure } from './failure';
import { failureOf, inBatches, type Findings } from './findings';
import type { NoteKey } from './keys';
import { archivePath, Head } from './layout';
import type { SignedNote } from './notes';
import type { Gap } from './tree';

// How long both keys sign after a rotation.
const Overlap = 7 * 24 * 60 * 60_000;

const MaxBatchEntries = 256;

interface Change {
  readonly isRotation: boolean;
  readonly old: string;
  readonly next: string;
  readonly at: number;
}

// From an entry on, a key is the log's; after a rotation the one before signs too.
interface Phase {
  readonly from: number;
  readonly before: NoteKey | null;
  readonly key: NoteKey;
  readonly changedAt: number | null;
}

/** Follows the log key through its changes (V11; audit-log, section 6), and checks the signatures of all checkpoints with the keys of their place (V1). */
export class LogKeyCheck implements LogCheck {
  private readonly phases: Phase[];

  // The time of the newest entry at each checkpoint decides when an overlap may end.
  private readonly times = new Map<number, number>();
  private newest = -Infinity;
  private last: Change | null = null;
  private next = 0;

  constructor(
    private readonly checkpoints: CheckpointFiles,
    private readonly first: NoteKey,
    private readonly findings: Findings,
  ) {
    this.phases = [{ from: 0, before: null, key: first, changedAt: null }];
  }

  take(logged: LoggedEntry): void {
    const { sizes } = this.checkpoints;
    for (; this.next < sizes.length && (sizes[this.next] as number) <= logged.index; this.next++) {
      this.times.set(sizes[this.next] as number, this.newest);
    }

    const { type, at, fields, subjects } = logged.entry;
    this.newest = Math.max(this.newest, at);
    const isChange = (type === 'key_rotated' || type === 'key_replaced') && subjects.has('roster');
    const isRetirement = type === 'key_retired' && fields.get('purpose') === 'lk';
    if (isChange || isRetirement) {
      const wrong = isChange ? this.wrongChange(logged) : this.wrongRetirement(logged);
      if (wrong !== null) {
        this.findings.atEntry('V11', 'log_key_change', logged.index, wrong);
      } else if (isChange) {
        this.change(logged, type === 'key_rotated');
      }
    }
  }

  async finish(): Promise<void> {
    this.checkGaps();
    await inBatches(this.checkpoints.sizes, (size) => this.wrongNotesAt(size), (wrong) => {
      for (const { path, failure } of wrong) {
        this.findings.atFile('V1', failure.code, path, failure.found);
      }
    });
    const { head } = this.checkpoints;
    if (head !== null) {
      await this.findings.try('V1', Head, () => requireSigned(head, this.requiredAt(this.checkpoints.size)));
    }
  }

  /** Between which checkpoints the key was replaced: entries that the lost key had not signed are signed by the new one, together with its own entry. */
  replaced(): readonly Gap[] {
    return this.gaps().filter((gap) => this.phases.some((phase) => phase.before === null && phase.changedAt !== null && phase.from >= gap.before && phase.from < gap.after));
  }

  /** The keys that must all have signed the checkpoint of a size. */
  requiredAt(size: number): readonly NoteKey[] {
    const phase = this.phases.findLast(({ from }) => from < size || from === 0) as Phase;
    if (phase.before === null || phase.changedAt === null) {
      return [phase.key];
    }

    // The checkpoint that first holds the rotation is signed by the old key: the new one has no other voucher yet.
    const { sizes } = this.checkpoints;
    const isFirst = (sizes[this.checkpoints.firstAbove(phase.from)] ?? size) >= size;
    const overlaps = (this.times.get(size) ?? this.newest) - phase.changedAt < Overlap;
    return isFirst ? [phase.before] : overlaps ? [phase.before, phase.key] : [phase.key];
  }

  private wrongChange(logged: LoggedEntry): string | null {
    const { roster, entry } = logged;
    if (subject(logged, 'roster') !== roster.digest || subject(logged, 'new') !== roster.log.key.fingerprint) {
      return `expected the hash and the log key of roster version ${roster.version}, found others`;
    }

    const isTooSoon = entry.type === 'key_rotated' && this.last?.isRotation === true && entry.at - this.last.at < Overlap;
    return subject(logged, 'old') !== (this.last?.next ?? this.first.key.fingerprint) || isTooSoon ? 'the old key is not the log’s at this place, or its own change is not over' : null;
  }

  private wrongRetirement(logged: LoggedEntry): string | null {
    const isWrong = this.last === null || (this.last.isRotation && (subject(logged, 'old') !== this.last.old || logged.entry.at - this.last.at < Overlap));
    return isWrong ? 'a log key is retired that was not rotated, or before both keys signed for 7 days' : null;
  }

  private change(logged: LoggedEntry, isRotation: boolean): void {
    const { at } = logged.entry;
    const before = this.phases.at(-1)?.key ?? this.first;
    this.last = { isRotation, old: subject(logged, 'old'), next: subject(logged, 'new'), at };
    this.phases.push({ from: logged.index, before: isRotation ? before : null, key: logged.roster.log, changedAt: at });
  }

  private async wrongNotesAt(size: number): Promise<readonly { readonly path: string; readonly failure: Failure }[]> {
    const required = this.requiredAt(size);
    const archived = this.checkpoints.at(size).note;
    const wrong: { path: string; failure: Failure }[] = [];
    const check = async (path: string, note: SignedNote): Promise<void> => {
      const failure = await failureOf(() => requireSigned(note, required));
      if (failure !== null) {
        wrong.push({ path, failure });
      }
    };
    await check(archivePath(size), archived);
    const isArchivedWrong = wrong.length > 0;
    for (const cosigned of this.checkpoints.cosignedAt(size).filter((other) => isArchivedWrong || !continues(other, archived))) {
      await check(cosigned.path, cosigned.note);
    }

    return wrong;
  }

  private checkGaps(): void {
    const replaced = new Set(this.replaced().map((gap) => gap.after));
    for (const { before, after } of this.gaps().filter((gap) => gap.after - gap.before > MaxBatchEntries && !replaced.has(gap.after))) {
      this.findings.atFile('V3', 'log_file_missing', archivePath(after), `the checkpoint before it has size ${before}; a checkpoint is missing between them`, `a checkpoint every ${MaxBatchEntries} entries at least`);
    }
  }

  private gaps(): readonly Gap[] {
    const { sizes } = this.checkpoints;
    return sizes.map((after, i) => ({ before: sizes[i - 1] ?? 0, after }));
  }
}

async function requireSigned(note: SignedNote, required: readonly NoteKey[]): Promise<void> {
  if ((await note.verify(required)).length < required.length) {
    throw new Failure('note_unsigned', `expected lines of ${required.length} log keys, found fewer`);
  }
}

// A witness adds its line to the archived note; lines that are the same bytes need not be verified twice.
function continues({ note }: Cosigned, archived: SignedNote): boolean {
  return note.lines.length > archived.lines.length && archived.lines.every(({ line }, i) => line === note.lines[i]?.line);
}
