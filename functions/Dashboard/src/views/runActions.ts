// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { post, type Run, type RunConfig } from '../api';
import { askingButton } from '../dialog';
import { element } from '../dom';
import { bytesOf, hex } from '../verify/bytes';
import { canonical, parseJson, type JsonObject } from '../verify/json';

const IdBytes = 6;

/** Ends a run, after a question. */
export function cancelButton(job: string): HTMLButtonElement {
  return askingButton('cancel-run', 'Cancel this run', () => ({
    title: `Cancel run ${job}?`,
    content: [element('p', {}, 'It ends for good. Committed versions stay, and what the silos’ privacy ledgers were charged stays charged.')],
    action: 'Cancel the run',
    leave: 'Keep it',
    act: async () => {
      await post<Run>(`runs/${encodeURIComponent(job)}/cancel`, null);
    },
  }));
}

/** Submits the same plan as another run. */
export function againButton(config: RunConfig): HTMLButtonElement {
  return askingButton('run-again', 'Run again', () => {
    const id = element('input', { id: 'new-job', required: '', autofocus: '', autocomplete: 'off', spellcheck: 'false', maxlength: '40', 'aria-describedby': 'new-job-help' });
    id.value = `run-${hex(crypto.getRandomValues(new Uint8Array(IdBytes)))}`;
    return {
      title: 'Run again',
      content: [
        element('p', {}, `The plan of ${config.job}, as it is, under another id. The silos are asked anew.`),
        element('label', { for: 'new-job' }, 'Id of the new run'),
        id,
        element('p', { id: 'new-job-help', class: 'help' }, '3 to 40 of a-z, 0-9 and single hyphens.'),
      ],
      action: 'Start the run',
      leave: 'Go back',
      act: async () => {
        const job = id.value.trim();
        await post<Run>('runs', renamed(config, job));
        location.hash = `#/runs/${encodeURIComponent(job)}`;
      },
    };
  });
}

// Canonical (RFC 8785), as the coordinator takes it: the hash of these bytes is the plan's.
function renamed(config: RunConfig, job: string): Uint8Array<ArrayBuffer> {
  const plan = parseJson(bytesOf(JSON.stringify({ ...config, job }))) as JsonObject;
  return bytesOf(canonical(plan));
}
