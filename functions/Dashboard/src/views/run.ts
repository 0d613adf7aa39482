// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, isOperator, type Round, type RunDetail } from '../api';
import { chart, type Point } from '../chart';
import { element, facts, table, type Child, type Column } from '../dom';
import { badge, bytes, duration, fingerprint, seconds, time } from '../format';
import { logAddress } from './log';
import { course, inWords, privacyOf } from './privacy';
import { againButton, cancelButton } from './runActions';

const Table = 'rounds';
const Final: readonly string[] = ['Completed', 'Failed', 'Cancelled'];

const Rounds = (job: string): readonly Column<Round>[] => [
  { title: 'Round', cell: (round) => element('a', { href: logAddress(job, round.round), 'aria-label': `Round ${round.round}: its entries in the audit log` }, String(round.round)) },
  { title: 'Outcome', cell: (round) => badge(round.outcome) },
  { title: 'Took part', cell: (round) => `${verified(round)} of ${Object.keys(round.members).length}`, isNumber: true },
  { title: 'Uploaded', cell: (round) => bytes(uploaded(round)), isNumber: true },
  { title: 'Took', cell: (round) => (isRound(round) ? duration(round.started_at, round.ended_at) : '–'), isNumber: true },
  { title: 'Loss before', cell: (round) => loss(round)?.toFixed(4) ?? '–', isNumber: true },
  { title: 'Made version', cell: (round) => round.new_model?.version ?? '–', isNumber: true },
  { title: 'Without', cell: (round) => without(round) },
];

function isRound(round: Round): boolean {
  return round.outcome !== 'evaluation';
}

function verified(round: Round): number {
  return Object.values(round.members).filter((member) => member.phase === 'Verified').length;
}

function uploaded(round: Round): number {
  return Object.values(round.members).reduce((sum, member) => sum + member.uploaded_bytes, 0);
}

// The mean over the silos that disclose it, of the model that the round began with: decimals in text, as they were signed.
function loss(round: Round): number | null {
  const disclosed = Object.values(round.members)
    .map((member) => Number(member.metrics['eval_loss'] ?? NaN))
    .filter(Number.isFinite);
  return disclosed.length === 0 ? null : disclosed.reduce((sum, value) => sum + value, 0) / disclosed.length;
}

function without(round: Round): Child {
  const missing = Object.entries(round.members).filter(([, member]) => member.phase !== 'Verified');
  return [round.reason, ...missing.map(([silo, member]) => `${silo} (${member.reason || member.phase.toLowerCase()})`)].filter((text) => text !== '').join(', ');
}

function charts(rounds: readonly Round[]): HTMLElement | null {
  const ended = rounds.filter(isRound);
  if (ended.length === 0) {
    return null;
  }

  const points = (of: readonly Round[], ...values: readonly ((round: Round) => number | null)[]): Point[] => of.map((round) => ({ label: isRound(round) ? String(round.round) : 'end', values: values.map((value) => value(round)) }));
  const common = { kind: 'bars', table: Table } as const;
  return element(
    'div',
    { class: 'charts' },
    rounds.some((round) => loss(round) !== null)
      ? chart({ ...common, kind: 'line', title: 'Evaluation loss before each round, mean of the silos that disclose it', series: ['loss'], points: points(rounds, loss), format: (value) => value.toFixed(3) })
      : null,
    chart({ ...common, title: 'Silos in each round', series: ['took part', 'dropped out'], points: points(ended, verified, (round) => Object.keys(round.members).length - verified(round)), format: (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1)) }),
    chart({ ...common, title: 'Uploaded in each round', series: ['uploaded'], points: points(ended, uploaded), format: bytes }),
    chart({ ...common, title: 'Length of each round', series: ['took'], points: points(ended, (round) => (Date.parse(round.ended_at) - Date.parse(round.started_at)) / 1000), format: seconds }),
  );
}

export async function run(job: string, signal: AbortSignal): Promise<Node[]> {
  const [{ state, settled, rounds }, privacy, mayChange] = await Promise.all([get<RunDetail>(`runs/${encodeURIComponent(job)}`, signal), privacyOf(job, signal), isOperator(signal)]);
  const drawn = charts(rounds);
  return [
    element('h1', {}, `Run ${state.config.job}`),
    facts([
      ['Phase', badge(state.phase)],
      ...(state.reason ? ([['Reason', state.reason]] as const) : []),
      ['Adapter', state.config.adapter],
      ['Rounds', `${state.committed_rounds} of ${state.config.rounds} committed${state.round ? `, round ${state.round.round} is under way` : ''}`],
      ['Privacy', inWords(privacy)],
      ['Submitted', time(state.submitted_at)],
      ['Ended', state.ended_at && !settled ? element('span', {}, time(state.ended_at), '; its last records are being stored') : time(state.ended_at)],
      ['Plan (SHA-256)', fingerprint(state.config_sha256)],
      ['Model', state.model ? element('span', {}, `version ${state.model.version}, `, fingerprint(state.model.sha256)) : '–'],
      ['Audit log', element('a', { href: logAddress(state.config.job) }, 'the entries about this run')],
    ]),
    ...(mayChange ? [element('p', { class: 'buttons' }, ...(Final.includes(state.phase) ? [] : [cancelButton(state.config.job)]), againButton(state.config))] : []),
    ...(drawn === null ? [] : [drawn]),
    element('div', { id: Table }, table('Rounds', Rounds(state.config.job), rounds, 'No round has ended yet.')),
    ...course(privacy, state.committed_rounds),
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
