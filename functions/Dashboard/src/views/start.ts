// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { post, Refusal, type Run } from '../api';
import { askingButton, refusal } from '../dialog';
import { element, facts } from '../dom';
import { count, fingerprint } from '../format';
import { Failure } from '../verify/failure';
import { parseCanonical, type Json, type JsonObject } from '../verify/json';

// The API's own bound.
const MaxPlanBytes = 256 * 1024;

/** Submits a run configuration out of a file, after it was shown what it asks for. */
export function startButton(): HTMLButtonElement {
  return askingButton('start-run', 'Start a run', () => {
    const file = element('input', { id: 'plan-file', type: 'file', accept: '.json,application/json', required: '', autofocus: '', 'aria-describedby': 'plan-help' });
    const summary = element('div', { role: 'status', 'aria-live': 'polite' });
    file.addEventListener('change', () => void describe(file.files?.[0] ?? null, summary));
    return {
      title: 'Start a run',
      content: [
        element('label', { for: 'plan-file' }, 'Run configuration'),
        file,
        element('p', { id: 'plan-help', class: 'help' }, `A plan with all defaults filled in, as canonical JSON of at most ${count(MaxPlanBytes)} bytes. A plan in YAML is submitted with `, element('code', {}, 'fedcloud run submit'), '.'),
        summary,
      ],
      action: 'Start the run',
      leave: 'Go back',
      act: async () => {
        const plan = await read(file.files?.[0] ?? null);
        const { job } = await post<Run>('runs', plan.bytes);
        location.hash = `#/runs/${encodeURIComponent(job)}`;
      },
    };
  });
}

interface Plan {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly members: JsonObject;
}

async function describe(file: File | null, summary: HTMLElement): Promise<void> {
  summary.replaceChildren();
  if (file === null) {
    return;
  }

  try {
    const { members } = await read(file);
    summary.replaceChildren(
      facts([
        ['Run', text(members.get('job'))],
        ['Adapter', text(members.get('adapter'))],
        ['Base model', fingerprint(text(members.get('base_model')))],
        ['Rounds', text(members.get('rounds'))],
        ['Silos', `${text(member(members, 'participation', 'min_silos'))} to begin, ${text(member(members, 'participation', 'quorum'))} in each round`],
        ['Privacy', privacy(members)],
      ]),
    );
  } catch (error) {
    if (error instanceof Failure || error instanceof Refusal) {
      summary.replaceChildren(refusal(error));
      return;
    }

    throw error;
  }
}

async function read(file: File | null): Promise<Plan> {
  if (file !== null && file.size > MaxPlanBytes) {
    throw new Refusal(413, 'message_too_large', `expected at most ${MaxPlanBytes} bytes, found ${file.size}`, 'choose another file');
  }

  const bytes = new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer(0));
  const members = parseCanonical(bytes, 'run configuration');
  if (!(members instanceof Map)) {
    throw new Failure('body_malformed', 'run configuration: expected an object, found another value');
  }

  return { bytes, members };
}

function privacy(plan: JsonObject): string {
  const claim = text(member(plan, 'privacy', 'claim'));
  if (claim === 'none') {
    return 'no differential privacy';
  }

  const figures = (['epsilon', 'noise_multiplier', 'delta'] as const).flatMap((name) => (typeof member(plan, 'privacy', name) === 'string' ? [`${name.replace('_', ' ')} ${text(member(plan, 'privacy', name))}`] : []));
  return [`claim ${claim} for each ${text(member(plan, 'privacy', 'unit'))}`, ...figures].join(', ');
}

function member(plan: JsonObject, name: string, inner: string): Json | undefined {
  const object = plan.get(name);
  return object instanceof Map ? (object as JsonObject).get(inner) : undefined;
}

// The coordinator refuses a plan that lacks something; here it is only shown.
function text(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'not given';
}
