// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, type Privacy } from '../api';
import { chart } from '../chart';
import { element, table } from '../dom';

const Table = 'course';

const known = new Map<string, Privacy>();

/** What a run claims. It follows from the plan, which never changes, so it is asked for once. */
export async function privacyOf(job: string, signal: AbortSignal): Promise<Privacy> {
  const privacy = known.get(job) ?? (await get<Privacy>(`runs/${encodeURIComponent(job)}/privacy`, signal));
  known.set(job, privacy);
  return privacy;
}

/** What belongs beside every number about privacy (privacy, rule P1), in a line. */
export function inWords({ is_public: isPublic, claim }: Privacy): string {
  if (claim === null) {
    return isPublic ? 'no differential privacy; public data' : 'no differential privacy';
  }

  const { text, unit, neighbours, adversary, epsilon, delta, accountant, sampler, is_local: isLocal } = claim;
  const most = epsilon === null ? 'ε is local to each silo' : isLocal ? `ε at most ${epsilon}, for each silo’s data set` : `ε = ${epsilon} at the reserved maximum of rounds`;
  return `${isPublic ? 'public data, so ε is a demonstration; ' : ''}claim ${text}: ${most}, δ = ${delta}. Unit ${unit}; ${neighbours}; against ${adversary}. Accountant ${accountant}; noise ${sampler}.`;
}

/** Epsilon round by round, where it follows from the plan. */
export function course({ is_public: isPublic, claim, course: points }: Privacy, committed: number): HTMLElement[] {
  if (points.length === 0) {
    return [];
  }

  // The planned line begins where the committed one ends.
  const last = points.filter(({ round }) => round <= committed).at(-1)?.round ?? 0;
  const drawn = chart({
    kind: 'line',
    title: 'ε after each round, from the plan’s noise',
    series: ['committed', 'planned'],
    points: points.map(({ round, epsilon: value }) => ({ label: String(round), values: [round <= last ? Number(value) : null, round >= last && last < (points.at(-1)?.round ?? 0) ? Number(value) : null] })),
    format: (value) => value.toFixed(2),
    table: Table,
  });
  return [
    element('h2', {}, 'Privacy'),
    element('p', {}, `${isPublic ? 'Public data: a demonstration. ' : ''}A run that stops early is guaranteed nothing better than the reserved maximum, ε = ${claim?.epsilon}: when it stops may depend on the data.`),
    element('div', { class: 'charts' }, drawn),
    element(
      'div',
      { id: Table },
      table(
        'ε after each round',
        [
          { title: 'Round', cell: ({ round }) => round, isNumber: true },
          { title: 'ε', cell: ({ epsilon: value }) => value, isNumber: true },
          { title: 'Committed', cell: ({ round }) => (round <= committed ? 'yes' : 'not yet') },
        ],
        points,
        'There is none.',
      ),
    ),
  ];
}
