// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import type { Bytes } from './bytes';
import { Unusable } from './failure';
import type { Kind } from './layout';

/** Where the files of an evidence bundle come from. */
export interface Evidence {
  files(): Iterable<{ readonly path: string; readonly kind: Kind; readonly length: number }>;
  read(path: string): Promise<Bytes>;
}

/** The files of a bundle by kind. */
export class Inventory {
  private readonly kinds = new Map<Kind, string[]>();
  private readonly lengths = new Map<string, number>();

  /** @throws {Unusable} there is no file. */
  constructor(private readonly evidence: Evidence) {
    for (const { path, kind, length } of evidence.files()) {
      this.lengths.set(path, length);
      const paths = this.kinds.get(kind) ?? [];
      paths.push(path);
      this.kinds.set(kind, paths);
    }

    if (this.lengths.size === 0) {
      throw new Unusable('evidence_unusable', 'expected the files of a log, found none');
    }
  }

  /** The number of files. */
  get count(): number {
    return this.lengths.size;
  }

  of(kind: Kind): readonly string[] {
    return this.kinds.get(kind) ?? [];
  }

  has(path: string): boolean {
    return this.lengths.has(path);
  }

  lengthOf(path: string): number {
    return this.lengths.get(path) ?? 0;
  }

  read(path: string): Promise<Bytes> {
    return this.evidence.read(path);
  }

  async readIfThere(path: string): Promise<Bytes | null> {
    return this.has(path) ? this.read(path) : null;
  }
}
