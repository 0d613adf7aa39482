// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import type { CheckpointFiles, Cosigned } from './checkpoints';
import { subject, type EntryCheck, type LogCheck, type LoggedEntry } from './entryCheck';
import type { Findings } from './findings';
import type { NoteKey } from './keys';
import { archivePath } from './layout';
import { memberOf, threshold, touched, type LoggedRoster, type Roster } from './rosters';

// Rings of secure aggregation have 16, 24 or 32 bits; plain mode counts bytes.
const SmallestRing = 16;

// What the lines of a round depend on.
interface Round {
  readonly start: number;
  readonly job: string | null;
  readonly round: number | null;
  readonly roster: Roster;
  readonly isPlain: boolean;
  readonly masked: Set<number>;
}

interface Required {
  readonly index: number;
  readonly limit: number;
  readonly what: string;
}

/** Whether witness lines verify, and are enough where the rules require them (V1, W4). */
export class WitnessCheck implements LogCheck {
  private readonly required: Required[] = [];
  private readonly rounds = new Map<string, Round>();
  private readonly reserves = new Map<string, number>();
  private readonly starts = new Map<string, number>();

  constructor(
    private readonly checkpoints: CheckpointFiles,
    private readonly entries: EntryCheck,
    private readonly minimum: number,
    private readonly findings: Findings,
  ) {}

  take(logged: LoggedEntry): void {
    const { type, actor, job } = logged.entry;
    switch (type) {
      case 'round_start':
        this.start(logged);
        break;
      case 'masked':
        this.mask(logged);
        break;
      case 'agent_started':
        this.starts.set(actor, logged.index);
        break;
      case 'budget':
        if (job !== null) {
          this.budget(logged, job);
        }

        break;
    }
  }

  async finish(): Promise<void> {
    const { sizes } = this.checkpoints;
    const cosigned = sizes.flatMap((size) => this.checkpoints.cosignedAt(size));
    await this.findings.tryAll('V1', cosigned, ({ path }) => path, (file) => this.requireLine(file));

    const coverage = new WitnessCoverage(this.entries.rosters, this.checkpoints, this.minimum);
    for (const { index, limit, what } of this.required) {
      if (!(await coverage.isCovered(index, limit))) {
        this.findings.atEntry('V1', 'witness_lines_missing', index, `${what}: no checkpoint with enough witness lines holds it and ends at or before entry ${limit}`);
      }
    }

    const firstOfRosters = this.entries.rosters.map(({ index }) => sizes[this.checkpoints.firstAbove(index)] ?? 0);
    for (const size of new Set([...firstOfRosters, this.checkpoints.size])) {
      if (size > 0 && !(await coverage.isWitnessed(size))) {
        this.findings.atFile('V1', 'witness_lines_missing', archivePath(size), 'the first checkpoint of a roster version, and the last one, need enough witness lines');
      }
    }
  }

  private start(logged: LoggedEntry): void {
    const { entry, index, roster } = logged;
    const rid = subject(logged, 'rid');
    if (!this.rounds.has(rid)) {
      this.rounds.set(rid, { start: index, job: entry.job, round: entry.round, roster, isPlain: Number(entry.fields.get('k')) < SmallestRing, masked: new Set() });
    }
  }

  private mask(logged: LoggedEntry): void {
    const round = this.rounds.get(subject(logged, 'rid'));
    if (round === undefined) {
      return;
    }

    const idx = Number(logged.entry.fields.get('idx'));
    if (round.job === logged.entry.job && round.round === logged.entry.round && idx >= 1 && idx <= round.roster.n) {
      round.masked.add(idx);
    }

    if (round.masked.size === 1) {
      this.required.push({ index: round.start, limit: logged.index, what: 'round_start before its first masked' });
    }

    // A restart endangers slots. Plain mode has none: its agent goes on from its journal, perhaps when its update is up already.
    // Nor does one in a round that began before it: the vector may have been on its way when the agent was started.
    const silo = round.roster.members[idx - 1]?.siloId;
    const started = silo === undefined || round.isPlain ? undefined : this.starts.get(silo);
    if (silo !== undefined && started !== undefined && started < round.start) {
      this.starts.delete(silo);
      this.required.push({ index: started, limit: logged.index, what: 'agent_started before that silo’s next masked' });
    }
  }

  private budget(logged: LoggedEntry, job: string): void {
    const key = `${job} ${subject(logged, 'dataset')} ${logged.entry.actorKey}`;
    const reserve = this.reserves.get(key);
    switch (logged.entry.fields.get('code')) {
      case 'reserve':
        this.reserves.set(key, logged.index);
        break;
      case 'charge':
        if (reserve !== undefined) {
          this.reserves.delete(key);
          this.required.push({ index: reserve, limit: logged.index, what: 'reserve before its first charge' });
        }

        break;
    }
  }

  // A line of a witness of any version: a silo that just left may have signed in good faith, its line only does not count.
  private async requireLine({ witness, note }: Cosigned): Promise<void> {
    const keys = new Map<string, NoteKey>();
    for (const { roster } of this.entries.rosters) {
      const key = memberOf(roster, witness)?.witness;
      if (key !== undefined) {
        keys.set(key.vkey, key);
      }
    }

    await note.verify([...keys.values()]);
  }
}

/** Which checkpoints have enough lines of distinct witnesses (audit-log, W4). */
class WitnessCoverage {
  private readonly known = new Map<number, Promise<boolean>>();

  constructor(
    private readonly rosters: readonly LoggedRoster[],
    private readonly checkpoints: CheckpointFiles,
    private readonly minimum: number,
  ) {}

  isWitnessed(size: number): Promise<boolean> {
    const known = this.known.get(size) ?? this.decide(size);
    this.known.set(size, known);
    return known;
  }

  /** Whether a witnessed checkpoint holds the entry and is not larger than the limit. */
  async isCovered(index: number, limit: number): Promise<boolean> {
    const { sizes } = this.checkpoints;
    for (let at = this.checkpoints.firstAbove(index); at < sizes.length && (sizes[at] as number) <= limit; at++) {
      if (await this.isWitnessed(sizes[at] as number)) {
        return true;
      }
    }

    return false;
  }

  private async decide(size: number): Promise<boolean> {
    const { sizes } = this.checkpoints;
    const rule = this.ruleFor(sizes[this.checkpoints.firstAbove(size - 1) - 1] ?? 0, size);
    if (rule === null) {
      return false;
    }

    const { text } = this.checkpoints.at(size).note;
    const lines = this.checkpoints.cosignedAt(size).flatMap(({ note }) => note.lines);
    let found = 0;
    for (const key of rule.witnesses) {
      const own = await Promise.all(lines.filter((line) => line.names(key)).map((line) => line.verify(key, text)));
      found += own.includes(true) ? 1 : 0;
    }

    return found >= Math.max(rule.needed, this.minimum);
  }

  // Null where no lines are enough: there is no roster, or more than one new version.
  private ruleFor(previous: number, size: number): { readonly witnesses: readonly NoteKey[]; readonly needed: number } | null {
    const contained = this.rosters.filter(({ index }) => index < size).map(({ roster }) => roster);
    const fresh = this.rosters.filter(({ index }) => index < size && index >= previous).length;
    const [last, before] = [contained.at(-1), contained.at(-2)];
    if (last === undefined || fresh > 1) {
      return null;
    }

    if (fresh === 0 || before === undefined) {
      return { witnesses: last.members.map(({ witness }) => witness), needed: threshold(last.n) };
    }

    // The version before decides about the change; whom it removes or replaces has no say in it.
    const without = touched(before, last);
    return {
      witnesses: before.members.filter(({ siloId }) => !without.has(siloId)).map(({ witness }) => witness),
      needed: without.size === 0 ? threshold(before.n) : Math.min(threshold(before.n), before.n - 1),
    };
  }
}
