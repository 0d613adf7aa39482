// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { Failure } from './failure';
import type { Findings } from './findings';
import { formatTime, type LogEntry, type ReadEntry } from './entries';
import type { KeyRing } from './keys';
import { memberOf, threshold, type LoggedRoster, type Roster, type RosterFiles } from './rosters';

/** An entry at its place, with the roster in force there. */
export interface LoggedEntry {
  readonly index: number;
  readonly entry: LogEntry;
  readonly roster: Roster;
}

/** Something that takes the entries in their order, and says at the end what follows from them. */
export interface LogCheck {
  take(logged: LoggedEntry): void;
  finish(): void | Promise<void>;
}

const TypesAfterClosing: readonly string[] = ['export', 'access', 'key_retired'];

// How far an actor's times may run backwards.
const MaxBackwards = 5 * 60_000;

/** Gives each entry its roster, and checks form, signer, signature and number (V5), the roster entries (V6), and times (V12). */
export class EntryCheck {
  private readonly actors = new Map<string, { readonly seq: number; readonly at: number }>();
  private readonly logged: LoggedRoster[] = [];
  private isClosed = false;

  constructor(
    private readonly files: RosterFiles,
    private readonly keys: KeyRing,
    private readonly findings: Findings,
  ) {}

  /** The rosters so far. */
  get rosters(): readonly LoggedRoster[] {
    return this.logged;
  }

  /** Takes the next entry, and gives it its place; null where nothing can be said about it. */
  take(index: number, read: ReadEntry): LoggedEntry | null {
    const { entry, failure } = read;
    if (entry === null) {
      this.findings.atEntry('V5', failure?.code ?? 'entry_malformed', index, failure?.found ?? 'the entry cannot be read');
      return null;
    }

    const isPlaced = entry.type === 'roster' ? this.takeRoster(index, entry) : this.hasRoster(index);
    this.takeNumber(index, entry);
    const roster = this.logged.at(-1)?.roster;
    if (!isPlaced || roster === undefined) {
      return null;
    }

    this.checkSigner(index, entry, read.isSigned);
    return { index, entry, roster };
  }

  private takeRoster(index: number, entry: LogEntry): boolean {
    const next = this.files.chain[this.logged.length];
    if (next === undefined || entry.subjects.get('roster') !== next.digest) {
      this.findings.atEntry('V6', 'roster_missing', index, `roster version ${this.logged.length + 1} of this hash is missing in the evidence, or does not verify`);
      return false;
    }

    const { fields } = entry;
    if (fields.get('version') !== next.version || fields.get('n') !== next.n || fields.get('t') !== threshold(next.n)) {
      this.findings.atEntry('V6', 'roster_invalid', index, `an entry does not fit the roster of version ${next.version} that it names`);
    } else if (Number(fields.get('signatures')) > this.files.signaturesOf(next.version)) {
      this.findings.atEntry('V6', 'roster_signatures_missing', index, 'the entry counts more signatures than the roster has');
    }

    this.logged.push({ index, roster: next });
    return true;
  }

  private hasRoster(index: number): boolean {
    if (index === 0) {
      this.findings.atEntry('V6', 'roster_missing', index, 'entry 0 is of another type', 'roster version 1');
    }

    return this.logged.length > 0;
  }

  private takeNumber(index: number, entry: LogEntry): void {
    const { seq, at } = this.actors.get(entry.actorKey) ?? { seq: 0, at: -Infinity };
    if (entry.seq !== seq + 1) {
      this.findings.atEntry('V5', 'entry_sequence', index, `number ${entry.seq} of ${entry.actorKey}`, `number ${seq + 1}`);
    }

    if (entry.at < at - MaxBackwards) {
      this.findings.atEntry('V12', 'log_time_backwards', index, entry.time, `not before ${formatTime(at - MaxBackwards)}`);
    }

    if (this.isClosed && !TypesAfterClosing.includes(entry.type)) {
      this.findings.atEntry('V5', 'log_closed', index, `an entry of type ${entry.type} after the federation was closed`);
    }

    this.isClosed ||= entry.type === 'federation_closed';
    this.actors.set(entry.actorKey, { seq: Math.max(seq, entry.seq), at: Math.max(at, entry.at) });
  }

  private checkSigner(index: number, entry: LogEntry, isSigned: boolean): void {
    // A stolen coordinator key is replaced by the new roster itself, so the key of either may sign its entry.
    const rosters = this.logged.slice(entry.type === 'roster' ? -2 : -1).map(({ roster }) => roster);
    const key = `key ${entry.keyId.slice(0, 16)}…`;
    if (!rosters.some((roster) => roster.federation === entry.federation && isListed(roster, entry))) {
      this.findings.atEntry('V5', 'entry_signer', index, `${key} is not the key of ${entry.actorKey} in the roster in force`);
    } else if (this.keys.find(entry.keyId) === null) {
      this.findings.atEntry('V5', 'public_key_missing', index, `${key} of ${entry.actorKey} is not in the evidence`);
    } else if (!isSigned) {
      this.findings.atEntry('V5', 'signature_invalid', index, `no valid signature of ${key}`);
    }
  }
}

/** The digest that an entry's schema requires. */
export function subject(logged: LoggedEntry, name: string): string {
  const digest = logged.entry.subjects.get(name);
  if (digest === undefined) {
    throw new Failure('entry_malformed', `${logged.entry.type} lacks the subject ${name}`);
  }

  return digest;
}

function isListed(roster: Roster, entry: LogEntry): boolean {
  switch (entry.kind) {
    case 'coordinator':
      return roster.coordinator.includes(entry.keyId);
    case 'silo':
      return memberOf(roster, entry.actor)?.identity === entry.keyId;
    case 'admin':
      return memberOf(roster, entry.actor)?.admin === entry.keyId;
  }
}
