// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { Failure } from './failure';

/** Something that the verifier found, or could not check: the lines of fedcloud audit verify --json. */
export interface Finding {
  /** The check of audit-log section 8, V1 to V15, or policy. */
  readonly check: string;
  readonly code: string;
  /** Whether the verification failed by it; else it only says what was not checked. */
  readonly failed: boolean;
  readonly entry?: number;
  readonly path?: string;
  readonly expected?: string;
  readonly found: string;
}

type Place = Pick<Finding, 'entry' | 'path' | 'expected'>;

const KeptOfAKind = 100;
const Notices: ReadonlySet<string> = new Set(['not_pinned', 'not_recomputed']);

/** Collects findings: all are counted, and the first of each kind are kept, so that a spoiled log cannot fill the memory. */
export class Findings {
  private readonly list: Finding[] = [];
  private readonly counts = new Map<string, number>();
  private failed = 0;

  get kept(): readonly Finding[] {
    return this.list;
  }

  get failures(): number {
    return this.failed;
  }

  add(check: string, code: string, found: string, place: Place = {}): void {
    const failed = !Notices.has(code);
    const kind = `${check} ${code}`;
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    this.failed += failed ? 1 : 0;
    if (count <= KeptOfAKind) {
      this.list.push({ check, code, failed, ...place, found });
    }
  }

  atEntry(check: string, code: string, entry: number, found: string, expected?: string): void {
    this.add(check, code, found, expected === undefined ? { entry } : { entry, expected });
  }

  atFile(check: string, code: string, path: string, found: string, expected?: string): void {
    this.add(check, code, found, expected === undefined ? { path } : { path, expected });
  }

  /** Runs a check that fails with a {@link Failure}, and says whether it passed. */
  async try(check: string, path: string, verify: () => void | Promise<void>): Promise<boolean> {
    const failure = await failureOf(verify);
    if (failure !== null) {
      this.atFile(check, failure.code, path, failure.found);
    }

    return failure === null;
  }

  /** The same for many files at once; what they find keeps their order. */
  async tryAll<T>(check: string, items: readonly T[], path: (item: T) => string, verify: (item: T) => void | Promise<void>): Promise<void> {
    await inBatches(items, async (item) => ({ item, failure: await failureOf(() => verify(item)) }), ({ item, failure }) => {
      if (failure !== null) {
        this.atFile(check, failure.code, path(item), failure.found);
      }
    });
  }
}

const AtOnce = 64;

/** Works on many items, a batch at a time, and takes the results in the order of the items. */
export async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>, take: (result: R) => void | Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AtOnce) {
    for (const result of await Promise.all(items.slice(at, at + AtOnce).map(work))) {
      await take(result);
    }
  }
}

/** What a check failed with; null when it passed. */
export async function failureOf(verify: () => void | Promise<void>): Promise<Failure | null> {
  try {
    await verify();
    return null;
  } catch (error) {
    if (error instanceof Failure) {
      return error;
    }

    throw error;
  }
}
