// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, type Model } from '../api';
import { element, type Child } from '../dom';
import { badge, fingerprint } from '../format';
import { logAddress } from './log';

/** Where each version comes from: the run that made it, the version before it, and whether the channel points at it. */
export async function models(signal: AbortSignal): Promise<Node[]> {
  const { models: all } = await get<{ models: readonly Model[] }>('models', signal);
  const adapters = groupBy(all, (model) => model.adapter);
  return [
    element('h1', {}, 'Models'),
    ...(adapters.size === 0 ? [element('p', { class: 'none' }, 'There is no version yet: a run’s first committed round makes one.')] : [...adapters].map(([adapter, versions]) => lineage(adapter, versions))),
  ];
}

function lineage(adapter: string, versions: readonly Model[]): HTMLElement {
  const latest = versions.find((model) => model.latest);
  return element(
    'section',
    { 'aria-label': `Adapter ${adapter}` },
    element('h2', {}, adapter),
    element('p', {}, latest === undefined ? 'The channel points at no version.' : `The channel points at version ${latest.version} of run ${latest.job}.`),
    ...[...groupBy(versions, (model) => model.job)].map(([job, made]) => run(job, made)),
  );
}

// Version 0 is the plan's own start; each committed round makes the next version from the one before.
function run(job: string, made: readonly Model[]): HTMLElement {
  const ordered = [...made].sort((one, other) => one.version - other.version);
  return element(
    'div',
    { class: 'lineage' },
    element('h3', {}, 'Run ', element('a', { href: `#/runs/${encodeURIComponent(job)}` }, job), ' ', element('a', { class: 'aside', href: logAddress(job) }, 'in the audit log')),
    element('ol', {}, element('li', { class: 'start' }, 'The plan’s start'), ...ordered.map((model) => version(model))),
  );
}

function version(model: Model): HTMLElement {
  const parts: Child[] = [element('span', { class: 'version' }, `Version ${model.version}`), ' ', model.latest ? badge('latest') : null, ' ', fingerprint(model.sha256)];
  return element('li', model.latest ? { class: 'latest' } : {}, ...parts);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  }

  return groups;
}
