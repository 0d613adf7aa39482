// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { subject, type LogCheck, type LoggedEntry } from './entryCheck';
import type { Findings } from './findings';
import { rolesOf, type Roster } from './rosters';

const Wrapping = 'kek';
const LogKey = 'lk';

/** Whether entries about keys name keys that had that role (V11). The log key's succession has a check of its own. */
export class KeyEntryCheck implements LogCheck {
  private readonly known = new Set<string>();
  private version = 0;

  constructor(private readonly findings: Findings) {}

  take(logged: LoggedEntry): void {
    const { roster, entry } = logged;
    if (roster.version !== this.version) {
      this.version = roster.version;
      for (const key of keysOf(roster)) {
        this.known.add(key);
      }
    }

    switch (entry.type) {
      case 'kek_current':
        this.known.add(`${Wrapping} ${subject(logged, 'kek')}`);
        break;
      case 'key_rotated':
      case 'key_replaced':
      case 'key_retired':
        this.takeChange(logged);
        break;
    }
  }

  finish(): void {}

  private takeChange(logged: LoggedEntry): void {
    const { entry, index, roster } = logged;
    const purpose = String(entry.fields.get('purpose'));
    const next = entry.subjects.get('new');
    const isKnown =
      next === undefined ||
      purpose === LogKey ||
      (purpose !== Wrapping ? keysOf(roster).has(`${purpose} ${next}`) : entry.type !== 'key_retired' || this.known.has(`${purpose} ${next}`));
    if (!this.known.has(`${purpose} ${subject(logged, 'old')}`) || !isKnown) {
      this.findings.atEntry('V11', 'key_change_unknown', index, `${entry.type} of a ${purpose} whose old or new key has not that role here`);
    }
  }
}

// Purpose and key: of a role as 'ik of silo-1', the first word.
function keysOf(roster: Roster): ReadonlySet<string> {
  return new Set(rolesOf(roster).map(([key, role]) => `${role.split(' ')[0]} ${key}`));
}
