// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, type Round, type RunDetail } from '../api';
import { element, facts, table, type Child, type Column } from '../dom';
import { badge, bytes, duration, fingerprint, time } from '../format';
import { logAddress } from './log';

const Rounds = (job: string): readonly Column<Round>[] => [
  { title: 'Round', cell: (round) => element('a', { href: logAddress(job, round.round), 'aria-label': `Round ${round.round}: its entries in the audit log` }, String(round.round)) },
  { title: 'Outcome', cell: (round) => badge(round.outcome) },
  { title: 'Took part', cell: (round) => `${verified(round)} of ${Object.keys(round.members).length}`, isNumber: true },
  { title: 'Uploaded', cell: (round) => bytes(Object.values(round.members).reduce((sum, member) => sum + member.uploaded_bytes, 0)), isNumber: true },
  { title: 'Took', cell: (round) => (round.outcome === 'evaluation' ? '–' : duration(round.started_at, round.ended_at)), isNumber: true },
  { title: 'Without', cell: (round) => without(round) },
];

function verified(round: Round): number {
  return Object.values(round.members).filter((member) => member.phase === 'Verified').length;
}

function without(round: Round): Child {
  const missing = Object.entries(round.members).filter(([, member]) => member.phase !== 'Verified');
  return [round.reason, ...missing.map(([silo, member]) => `${silo} (${member.reason || member.phase.toLowerCase()})`)].filter((text) => text !== '').join(', ');
}

export async function run(job: string, signal: AbortSignal): Promise<Node[]> {
  const { state, settled, rounds } = await get<RunDetail>(`runs/${encodeURIComponent(job)}`, signal);
  return [
    element('h1', {}, `Run ${state.config.job}`),
    facts([
      ['Phase', badge(state.phase)],
      ...(state.reason ? ([['Reason', state.reason]] as const) : []),
      ['Adapter', state.config.adapter],
      ['Rounds', `${state.committed_rounds} of ${state.config.rounds} committed${state.round ? `, round ${state.round.round} is under way` : ''}`],
      ['Submitted', time(state.submitted_at)],
      ['Ended', state.ended_at && !settled ? element('span', {}, time(state.ended_at), '; its last records are being stored') : time(state.ended_at)],
      ['Plan (SHA-256)', fingerprint(state.config_sha256)],
      ['Model', state.model ? element('span', {}, `version ${state.model.version}, `, fingerprint(state.model.sha256)) : '–'],
      ['Audit log', element('a', { href: logAddress(state.config.job) }, 'the entries about this run')],
    ]),
    table('Rounds', Rounds(state.config.job), rounds, 'No round has ended yet.'),
    table(
      'Answers of the silos',
      [
        { title: 'Silo', cell: ([silo]) => silo },
        { title: 'Answer', cell: ([, standing]) => badge(standing.approval) },
        { title: 'Reason', cell: ([, standing]) => standing.reason },
      ],
      Object.entries(state.silos),
      'No silo was asked yet.',
    ),
  ];
}
