// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, isOperator, type Run, type Silo, type SiloList } from '../api';
import { element, table, type Column } from '../dom';
import { badge, fingerprint, time } from '../format';
import { startButton } from './start';

const Silos: readonly Column<Silo>[] = [
  { title: 'Silo', cell: (silo) => silo.silo },
  { title: 'Index', cell: (silo) => silo.idx ?? '–', isNumber: true },
  { title: 'Status', cell: (silo) => badge(silo.status) },
  { title: 'Identity key (SHA-256)', cell: (silo) => fingerprint(silo.ik_spki_sha256) },
];

const Runs: readonly Column<Run>[] = [
  { title: 'Run', cell: (run) => element('a', { href: `#/runs/${encodeURIComponent(run.job)}` }, run.job) },
  { title: 'Adapter', cell: (run) => run.adapter },
  { title: 'Phase', cell: (run) => badge(run.phase) },
  { title: 'Rounds', cell: (run) => `${run.committed_rounds} of ${run.rounds}`, isNumber: true },
  { title: 'Submitted', cell: (run) => time(run.submitted_at) },
  { title: 'Reason', cell: (run) => run.reason ?? '' },
];

export async function overview(signal: AbortSignal): Promise<Node[]> {
  const [federation, { runs }, mayChange] = await Promise.all([get<SiloList>('silos', signal), get<{ runs: readonly Run[] }>('runs', signal), isOperator(signal)]);
  return [
    element('h1', {}, 'Overview'),
    ...(mayChange ? [element('p', { class: 'buttons' }, startButton())] : []),
    table('Runs', Runs, [...runs].reverse(), 'There is no run yet: fedcloud run submit begins one.'),
    table(`Silos, under version ${federation.roster_version} of the roster`, Silos, federation.silos, 'No silo is invited yet: fedcloud silo invite makes an invitation.'),
  ];
}
