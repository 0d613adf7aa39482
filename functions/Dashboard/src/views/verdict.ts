// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { element, table, type Child, type Column } from '../dom';
import { bytes, count, fingerprint } from '../format';
import { verification, type State } from '../verification';
import type { Finding } from '../verify/findings';
import type { Progress, Report } from '../verify/verifier';

const Steps: Readonly<Record<Progress['step'], string>> = {
  files: 'Reading rosters, keys and checkpoints',
  entries: 'Verifying entries',
  signatures: 'Verifying checkpoints and witness lines',
};

const Findings: readonly Column<Finding>[] = [
  { title: 'Check', cell: (finding) => finding.check },
  { title: 'Code', cell: (finding) => element('code', {}, finding.code) },
  { title: 'Where', cell: where },
  { title: 'Expected', cell: (finding) => long(finding.expected ?? '–') },
  { title: 'Found', cell: (finding) => long(finding.found) },
];

// What its reader chose stays while other pages are looked at.
const kept: { file: File | null; policy: string } = { file: null, policy: '' };

/** The panel that verifies the log in this browser, and says what it came to. */
export function verdictPanel(signal: AbortSignal, refused: (error: unknown) => void): HTMLElement {
  const file = element('input', { id: 'evidence', type: 'file', accept: '.zip,application/zip', 'aria-describedby': 'evidence-help' });
  const policy = element('textarea', { id: 'policy', rows: '6', spellcheck: 'false', autocomplete: 'off', 'aria-describedby': 'policy-help' });
  policy.value = kept.policy;
  if (kept.file !== null) {
    const list = new DataTransfer();
    list.items.add(kept.file);
    file.files = list.files;
  }

  const policyFile = element('input', { id: 'policy-file', type: 'file', accept: '.json,application/json' });
  const start = element('button', { type: 'submit', class: 'main' }, 'Verify in this browser');
  const save = element('button', { type: 'button' }, 'Save the evidence');
  const stop = element('button', { type: 'button' }, 'Stop');
  const outcome = element('div', { class: 'outcome' });
  const step = element('p', { role: 'status', 'aria-live': 'polite' });
  const progress = element('div', { class: 'progress' });
  const form = element(
    'form',
    { class: 'verify', 'aria-labelledby': 'verify-title' },
    element('h2', { id: 'verify-title' }, 'Verify'),
    element(
      'p',
      {},
      'Computes the tree again from the entries, and checks the signatures of actors, rosters, the log and its witnesses. Nothing leaves this browser. This page comes from the coordinator itself: who does not trust it runs ',
      element('code', {}, 'fedcloud audit verify'),
      ' with the same file.',
    ),
    element(
      'details',
      kept.file === null && kept.policy === '' ? {} : { open: '' },
      element('summary', {}, 'A file, and what you pinned'),
      element('label', { for: 'evidence' }, 'Evidence'),
      file,
      element('p', { id: 'evidence-help', class: 'help' }, 'A zip of fedcloud audit export; you can drop it here. Without one, the coordinator’s evidence of now is fetched.'),
      element('label', { for: 'policy' }, 'Policy (JSON)'),
      policy,
      element('p', { id: 'policy-help', class: 'help' }, 'The first log key, the first roster and the number of witnesses, as you got them over another channel (docs/audit.md). Without one, they are taken from the evidence, and the verdict says so.'),
      element('label', { for: 'policy-file' }, 'Policy from a file'),
      policyFile,
    ),
    element('p', { class: 'buttons' }, start, save, stop),
    step,
    progress,
    outcome,
  );

  const show = (): void => {
    const { state, isRunning } = verification;
    const hadFocus = document.activeElement === stop;
    stop.hidden = !isRunning;
    start.disabled = save.disabled = isRunning;

    // Said when it changes; the numbers are only shown.
    const text = stepOf(state);
    if (step.textContent !== text) {
      step.textContent = text;
    }

    progress.replaceChildren(...progressOf(state));
    outcome.replaceChildren(...outcomeOf(state));
    if (hadFocus && !isRunning) {
      start.focus();
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const pinned = policy.value.trim();
    verification.start(file.files?.[0] ?? null, pinned === '' ? null : pinned).catch(refused);
    stop.focus();
  });
  save.addEventListener('click', () => verification.save().catch(refused));
  stop.addEventListener('click', () => verification.stop());
  policyFile.addEventListener('change', () => {
    const chosen = policyFile.files?.[0];
    if (chosen !== undefined) {
      void textOf(chosen).then((text) => (policy.value = kept.policy = text));
    }
  });
  form.addEventListener('dragover', (event) => event.preventDefault());
  form.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer !== null && event.dataTransfer.files.length > 0) {
      file.files = event.dataTransfer.files;
      kept.file = file.files[0] ?? null;
      form.querySelector('details')?.setAttribute('open', '');
      start.focus();
    }
  });
  file.addEventListener('change', () => (kept.file = file.files?.[0] ?? null));
  policy.addEventListener('input', () => (kept.policy = policy.value));
  verification.addEventListener('change', show, { signal });
  show();
  return form;
}

const MaxPolicyBytes = 1 << 20;

async function textOf(file: File): Promise<string> {
  return file.size > MaxPolicyBytes ? `(expected at most ${MaxPolicyBytes} bytes, found ${file.size})` : file.text();
}

function stepOf(state: State): string {
  switch (state.kind) {
    case 'download':
      return 'Fetching the coordinator’s evidence';
    case 'run':
      return Steps[state.progress.step];
    case 'saved':
      return `Saved the coordinator’s evidence, ${bytes(state.bytes)}.`;
    case 'stopped':
      return 'Stopped. Nothing is said about the log.';
    default:
      return '';
  }
}

function progressOf(state: State): Node[] {
  switch (state.kind) {
    case 'download':
      return [element('p', {}, bytes(state.bytes)), element('progress', { 'aria-label': 'Evidence' })];
    case 'run': {
      const { done, of } = state.progress;
      return done > 0
        ? [element('p', {}, `${count(done)} of ${count(of)}`), element('progress', { 'aria-label': 'Verification', max: String(of), value: String(done) })]
        : [element('progress', { 'aria-label': 'Verification' })];
    }

    default:
      return [];
  }
}

function outcomeOf(state: State): HTMLElement[] {
  if (state.kind === 'unusable') {
    return [
      verdict('bad', 'alert', 'Cannot be verified', element('p', {}, element('code', {}, state.code), `: ${state.found}. Next: ${state.next || 'choose another file'}.`)),
    ];
  }

  return state.kind === 'report' ? reportOf(state.report, state.seconds) : [];
}

function reportOf(report: Report, seconds: number): HTMLElement[] {
  const failed = report.findings.filter((finding) => finding.failed);
  const notices = report.findings.filter((finding) => !finding.failed);
  const speed = seconds > 0 ? `, ${count(Math.round(report.entries / seconds))} entries a second` : '';
  const what = [
    element('p', {}, `${some(report.entries, 'entry', 'entries')}, ${some(report.checkpoints, 'checkpoint', 'checkpoints')} and ${some(report.rosters, 'version', 'versions')} of the roster of `, element('code', {}, report.origin ?? 'no log'), `, from ${verification.source}, in ${seconds.toFixed(1)} s${speed}.`),
    report.root === null ? null : element('p', {}, 'Root: ', fingerprint(report.root)),
    ...notices.map((finding) => element('p', { class: 'notice' }, element('code', {}, finding.code), `: ${finding.found}.${finding.code === 'not_pinned' ? ' So this says that the evidence fits together, and not whose it is.' : ''}`)),
    element('p', {}, 'Not checked here: how the entries of rounds, privacy ledgers, models, starts and draws of groups fit each other, recomputed sums, signed messages beside the log, and what looks like personal data (V7 to V10, V13 to V15). ', element('code', {}, 'fedcloud audit verify'), ' checks these too.'),
  ];
  if (report.verified) {
    return [verdict('good', 'status', report.isPinned ? 'Verified against your policy' : 'Verified, not pinned', ...what)];
  }

  return [
    verdict('bad', 'alert', `Not verified: ${some(report.failures, 'check', 'checks')} failed`, ...what),
    table(report.failures > failed.length ? `Findings, the first ${failed.length} of ${report.failures}` : 'Findings', Findings, failed, 'There is none.'),
  ];
}

function some(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

function verdict(state: 'good' | 'bad', role: string, title: string, ...children: Child[]): HTMLElement {
  const icon = element('span', { class: 'icon', 'aria-hidden': 'true' }, state === 'good' ? '✓' : '✕');
  return element('div', { class: `verdict ${state}`, role }, element('p', { class: 'title' }, icon, ' ', title), ...children);
}

function where(finding: Finding): Child {
  if (finding.entry !== undefined) {
    return element('a', { href: `#/log?from=${finding.entry}` }, `entry ${finding.entry}`);
  }

  return finding.path === undefined ? '–' : long(element('code', {}, finding.path));
}

// Paths and hashes: the style breaks them where there is no room.
function long(text: Child): HTMLElement {
  return element('span', { class: 'long' }, text);
}
