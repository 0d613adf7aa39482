// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, Refusal, type LogEntry, type LogPage } from '../api';
import { element, facts, type Child } from '../dom';
import { count, fingerprint, time, words } from '../format';
import { verification } from '../verification';
import type { Finding } from '../verify/findings';
import { EntryTypes } from '../verify/schema';
import { verdictPanel } from './verdict';

const PageEntries = 50;

// The coordinator looks at a bounded number of entries a call; so many calls are made before the reader is asked.
const CallsOfASearch = 20;

const Filters = ['type', 'actor', 'job', 'round'] as const;

/** The log's entries, newest first, and whether they are the logged ones. */
export async function log(query: URLSearchParams, signal: AbortSignal, explain: (error: unknown) => void): Promise<Node[]> {
  const refused = (error: unknown): void => {
    if (!signal.aborted) {
      explain(error);
    }
  };
  const entries = new Entries(query, signal, refused);
  await entries.search(query);
  return [element('h1', {}, 'Audit log'), verdictPanel(signal, refused), ...entries.nodes];
}

/** The address of the entries about a run, or one of its rounds. */
export function logAddress(job: string, round?: number): string {
  const query = new URLSearchParams({ job, ...(round === undefined ? {} : { round: String(round) }) });
  return `#/log?${query.toString()}`;
}

class Entries {
  private readonly type = element('select', { id: 'log-type' }, element('option', { value: '' }, 'any'), ...EntryTypes.map((type) => element('option', { value: type }, words(type))));
  private readonly actor = element('input', { id: 'log-actor', autocomplete: 'off', spellcheck: 'false', maxlength: '40', placeholder: 'coordinator, or a silo' });
  private readonly job = element('input', { id: 'log-job', autocomplete: 'off', spellcheck: 'false', maxlength: '40' });
  private readonly round = element('input', { id: 'log-round', type: 'number', min: '0', max: '2147483647', step: '1', inputmode: 'numeric' });
  private readonly clear = element('button', { type: 'button' }, 'Show all');
  private readonly status = element('p', { class: 'count', role: 'status', 'aria-live': 'polite' });
  private readonly problem = element('div', { role: 'alert' });
  private readonly list = element('ol', { class: 'entries', 'aria-labelledby': 'log-title' });
  private readonly older = element('button', { type: 'button' }, 'Older entries');
  private readonly form: HTMLFormElement;
  private filter = new URLSearchParams();
  private next: number | null = null;
  private size = 0;
  private shown = 0;
  private isBusy = false;

  constructor(
    query: URLSearchParams,
    private readonly signal: AbortSignal,
    private readonly refused: (error: unknown) => void,
  ) {
    this.form = element(
      'form',
      { class: 'search', role: 'search', 'aria-label': 'Entries of the log' },
      field('Type', this.type),
      field('Actor', this.actor),
      field('Run', this.job),
      field('Round', this.round),
      element('p', { class: 'buttons' }, element('button', { type: 'submit' }, 'Search'), this.clear),
    );
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.goTo(this.asked());
    });
    this.clear.addEventListener('click', () => {
      this.form.reset();
      this.goTo(new URLSearchParams());
    });
    this.older.addEventListener('click', () => void this.goOn());
    verification.addEventListener('change', () => this.mark(), { signal });
    this.type.value = EntryTypes.includes(query.get('type') ?? '') ? (query.get('type') ?? '') : '';
    this.actor.value = query.get('actor') ?? '';
    this.job.value = query.get('job') ?? '';
    this.round.value = query.get('round') ?? '';
  }

  get nodes(): Node[] {
    return [element('h2', { id: 'log-title' }, 'Entries'), this.form, this.status, this.problem, this.list, element('p', { class: 'buttons' }, this.older)];
  }

  /** Shows the newest entries of a filter. What the coordinator does not allow is thrown; all else is shown. */
  async search(query: URLSearchParams): Promise<void> {
    this.filter = new URLSearchParams([...Filters].flatMap((name) => (query.get(name) ? [[name, query.get(name) as string]] : [])));
    const from = /^[0-9]{1,15}$/.test(query.get('from') ?? '') ? Number(query.get('from')) : null;
    this.list.replaceChildren();
    this.shown = 0;
    this.size = 0;
    await this.load(from === null ? null : from + 1);
  }

  private asked(): URLSearchParams {
    const query = new URLSearchParams();
    for (const [name, input] of [['type', this.type], ['actor', this.actor], ['job', this.job], ['round', this.round]] as const) {
      if (input.value.trim() !== '') {
        query.set(name, input.value.trim());
      }
    }

    return query;
  }

  // The address says what is shown, so that it can be kept; the page itself stays.
  private goTo(query: URLSearchParams): void {
    history.replaceState(null, '', query.size > 0 ? `#/log?${query.toString()}` : '#/log');
    this.search(query).catch(this.refused);
  }

  private async goOn(): Promise<void> {
    const before = this.list.childElementCount;
    try {
      await this.load(this.next);
    } catch (error) {
      this.refused(error);
      return;
    }

    // The button may be gone; its reader goes on at the first entry that is new.
    if (this.older.hidden) {
      this.list.children.item(before)?.querySelector('summary')?.focus();
    }
  }

  private async load(before: number | null): Promise<void> {
    if (this.isBusy) {
      return;
    }

    this.isBusy = true;
    this.list.setAttribute('aria-busy', 'true');
    this.problem.replaceChildren();
    try {
      let found = 0;
      this.next = before;
      for (let call = 0; call < CallsOfASearch && found < PageEntries && (call === 0 || this.next !== null); call++) {
        const page = await this.ask(PageEntries - found);
        found += page.entries.length;
        this.size = Math.max(this.size, page.size);
        this.next = page.next;
        this.add(page);
        this.tell();
      }
    } catch (error) {
      if (this.signal.aborted || (error instanceof Refusal && (error.status === 401 || error.status === 403))) {
        throw error;
      }

      const { code, message, next } = error instanceof Refusal ? error : new Refusal(503, 'coordinator_unreachable', 'the coordinator does not answer', 'try again');
      this.problem.replaceChildren(element('p', { class: 'refused' }, element('code', {}, code), `: ${message}.${next === '' ? '' : ` Next: ${next}.`}`));
    } finally {
      this.isBusy = false;
      this.list.removeAttribute('aria-busy');
    }
  }

  private ask(limit: number): Promise<LogPage> {
    const query = new URLSearchParams(this.filter);
    query.set('limit', String(limit));
    if (this.next !== null) {
      query.set('before', String(this.next));
    }

    return get<LogPage>(`audit/entries?${query.toString()}`, this.signal);
  }

  private add(page: LogPage): void {
    const found = verification.atEntries;
    this.list.append(...page.entries.map(({ index, entry }) => row(index, entry, found.get(index) ?? [])));
    this.shown += page.entries.length;
  }

  private tell(): void {
    const log = `${count(this.size)} ${this.size === 1 ? 'entry' : 'entries'} under the newest witnessed checkpoint`;
    const what = this.filter.size > 0 ? `${count(this.shown)} found` : `${count(this.shown)} shown`;
    const depth = this.next === null ? 'back to the beginning of the log' : `searched down to entry ${count(this.next)}`;
    this.status.textContent = this.size === 0 ? 'The log has no witnessed entries yet.' : `${what}, ${depth}; ${log}.`;
    this.older.hidden = this.next === null;
    this.older.textContent = this.next === null ? '' : `Older entries, below entry ${count(this.next)}`;
  }

  private mark(): void {
    const found = verification.atEntries;
    for (const item of this.list.children) {
      markRow(item as HTMLElement, found.get(Number((item as HTMLElement).dataset['index'])) ?? []);
    }
  }
}

function field(label: string, input: HTMLElement): HTMLElement {
  return element('p', {}, element('label', { for: input.id }, label), input);
}

function row(index: number, entry: LogEntry, findings: readonly Finding[]): HTMLElement {
  const details = element(
    'details',
    {},
    element(
      'summary',
      {},
      element('span', { class: 'index' }, element('span', { class: 'unseen' }, 'Entry '), String(index)),
      element('span', { class: 'type' }, words(entry.type)),
      element('span', { class: 'actor' }, entry.actor.kind === 'coordinator' ? 'coordinator' : `${entry.actor.kind} ${entry.actor.id}`),
      element('span', { class: 'scope' }, entry.job === null ? '' : `${entry.job}${entry.round === null ? '' : `, round ${entry.round}`}`),
      element('span', { class: 'when' }, time(entry.time)),
    ),
  );

  // Made when it is asked for: most entries are never opened.
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) {
      details.append(...inside(entry));
    }
  });
  const item = element('li', { 'data-index': String(index) }, details);
  markRow(item, findings);
  return item;
}

function markRow(item: HTMLElement, findings: readonly Finding[]): void {
  item.querySelector('.marks')?.remove();
  item.classList.toggle('bad', findings.length > 0);
  if (findings.length > 0) {
    const lines = findings.map((finding) => element('li', {}, element('span', { class: 'icon', 'aria-hidden': 'true' }, '✕'), ` ${finding.check} `, element('code', {}, finding.code), `: ${finding.found}`));
    item.append(element('ul', { class: 'marks', 'aria-label': `Found in ${verification.source}` }, ...lines));
  }
}

function inside(entry: LogEntry): Node[] {
  const pairs = (members: Readonly<Record<string, string | number | boolean>>): [string, Child][] => Object.entries(members).map(([name, value]) => [words(name), valueOf(value)]);
  return [
    facts([
      ...pairs(entry.subjects),
      ...pairs(entry.fields),
      ...(entry.job === null ? [] : ([['run', element('a', { href: `#/runs/${encodeURIComponent(entry.job)}` }, entry.job)]] as const)),
      ['number of this actor', count(entry.seq)],
      ['signed by key', fingerprint(entry.actor.key_id)],
    ]),
    element('details', {}, element('summary', {}, 'As JSON'), element('pre', { tabindex: '0', 'aria-label': 'The entry as JSON' }, JSON.stringify(entry, null, 2))),
  ];
}

function valueOf(value: string | number | boolean): Child {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? fingerprint(value) : String(value);
}
