// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { changes, get, Refusal, session, type SiloList } from './api';
import { element } from './dom';
import { verification } from './verification';
import { keys } from './views/keys';
import { log } from './views/log';
import { models } from './views/models';
import { overview } from './views/overview';
import { run } from './views/run';

const Period = 5_000;
const LongestPeriod = 60_000;

const main = document.getElementById('main') as HTMLElement;
const connection = document.getElementById('connection') as HTMLElement;
const federation = document.getElementById('federation') as HTMLElement;
const leave = document.getElementById('leave') as HTMLButtonElement;

let shown = '';
let current = new AbortController();
let timer = 0;
let period = Period;

interface Page {
  readonly name: string;
  readonly title: string;
  readonly view: (signal: AbortSignal) => Promise<Node[]>;
  /** Whether the page stays as it is until its reader asks: it has fields of its own. */
  readonly isStill?: boolean;
}

function pageOf(hash: string): Page {
  const [place = '', query = ''] = hash.replace(/^#/, '').split('?');
  const [first, second] = place.split('/').filter((part) => part !== '');
  if (first === 'runs' && second !== undefined) {
    const job = decoded(second);
    return job === null ? { name: 'overview', title: 'Not found', view: nowhere } : { name: 'overview', title: `Run ${job}`, view: (signal) => run(job, signal) };
  }

  if (first === 'log') {
    return { name: 'log', title: 'Audit log', isStill: true, view: (signal) => log(new URLSearchParams(query), signal, explain) };
  }

  if (first === 'models') {
    return { name: 'models', title: 'Models', view: models };
  }

  return first === 'keys' ? { name: 'keys', title: 'Keys', view: keys } : { name: 'overview', title: 'Overview', view: overview };
}

// Null where the text is not the escape of any other.
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) {
      return null;
    }

    throw error;
  }
}

function nowhere(): Promise<never> {
  return Promise.reject(new Refusal(404, 'route_missing', 'expected a page of the dashboard, found another address', 'choose the run on the overview'));
}

// A link may carry the token behind '#', which no server sees; it does not stay in the address.
function takeToken(): void {
  const token = /^#token=([A-Za-z0-9._~+/=-]+)$/.exec(location.hash)?.[1];
  if (token !== undefined) {
    session.begin(token);
    history.replaceState(null, '', '#/');
  }
}

async function show(): Promise<void> {
  window.clearTimeout(timer);
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const page = pageOf(location.hash);
  document.title = `${page.title} · FedCloud`;
  for (const link of document.querySelectorAll<HTMLAnchorElement>('nav a')) {
    if (link.dataset['page'] === page.name) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }

  try {
    const nodes = await page.view(signal);
    if (federation.textContent === '') {
      federation.textContent = (await get<SiloList>('silos', signal)).federation;
    }

    // Another page is shown by now, which asks for itself.
    if (signal.aborted) {
      return;
    }

    replace(nodes, page.isStill ?? false);
    leave.hidden = session.token === '';
    period = Period;
    connection.textContent = '';
    if (page.isStill) {
      return;
    }
  } catch (error) {
    if (signal.aborted) {
      return;
    }

    if (!explain(error)) {
      return;
    }
  }

  timer = window.setTimeout(() => void show(), period);
}

// What has not changed stays as it is, so that a reader keeps the place and the selection.
// The nodes of a page with fields of its own listen until the page is asked for again: they never stay.
function replace(nodes: Node[], isStill: boolean): void {
  const isNew = shown !== location.hash;
  const next = element('div', {}, ...nodes);
  if (isNew || isStill || main.innerHTML !== next.innerHTML) {
    const [left, top] = [window.scrollX, window.scrollY];
    const focused = main.contains(document.activeElement) ? (document.activeElement?.id ?? '') : null;
    main.replaceChildren(...next.childNodes);
    if (!isNew) {
      window.scrollTo(left, top);
    }

    if (!isNew && focused !== null) {
      (document.getElementById(focused) ?? main).focus({ preventScroll: true });
    }
  }

  if (isNew && shown !== '') {
    main.focus();
  }

  shown = location.hash;
}

// False when nothing is asked again before somebody signs in.
function explain(error: unknown): boolean {
  if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
    const wasRefused = session.token !== '';
    session.end();
    leave.hidden = true;
    connection.textContent = '';
    signIn(wasRefused ? `${error.code}: ${error.message}.` : '');
    return false;
  }

  if (error instanceof Refusal && error.status < 500) {
    replace([element('h1', {}, 'Not found'), element('p', {}, `${error.code}: ${error.message}. Next: ${error.next}.`)], false);
    connection.textContent = '';
    return true;
  }

  // What is shown stays, and is said to be old.
  period = Math.min(2 * period, LongestPeriod);
  connection.textContent = `${error instanceof Refusal ? `${error.code}: ${error.message}` : 'The coordinator does not answer'}. The page shows what it said last, and asks again in ${period / 1000} s.`;
  return true;
}

function signIn(refused: string): void {
  const input = element('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: '', 'aria-describedby': 'token-help' });
  const form = element(
    'form',
    {},
    element('h1', {}, 'Sign in'),
    refused === '' ? null : element('p', { class: 'refused', role: 'alert' }, refused),
    element('label', { for: 'token' }, 'Bearer token'),
    input,
    element('button', { type: 'submit' }, 'Show the federation'),
    element(
      'p',
      { id: 'token-help' },
      'On this machine it is the coordinator’s ',
      element('code', {}, 'FEDCLOUD_TOKEN'),
      '. In Azure it is a token of Entra for the application: ',
      element('code', {}, 'az account get-access-token --scope api://CLIENT-ID/.default --query accessToken --output tsv'),
      '. It stays in this tab, and goes to the coordinator only.',
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    session.begin(input.value.trim());
    main.replaceChildren();
    period = Period;
    void show();
  });
  main.replaceChildren(form);
  shown = '';
  input.focus();
}

leave.addEventListener('click', () => {
  session.end();
  verification.forget();
  federation.textContent = '';
  leave.hidden = true;
  void show();
});
window.addEventListener('hashchange', () => void show());
changes.addEventListener('change', () => void show());
takeToken();
void show();
