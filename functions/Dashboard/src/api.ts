// Copyright (c) FedCloud contributors. Licensed under the MIT License.

export interface Silo {
  readonly silo: string;
  readonly status: string;
  readonly idx: number | null;
  readonly ik_spki_sha256: string | null;
  readonly witness_spki_sha256: string | null;
  readonly admin_spki_sha256: string | null;
}

export interface SiloList {
  readonly federation: string;
  readonly roster_version: number;
  readonly silos: readonly Silo[];
}

export interface Run {
  readonly job: string;
  readonly adapter: string;
  readonly phase: string;
  readonly committed_rounds: number;
  readonly rounds: number;
  readonly submitted_at: string;
  readonly reason: string | null;
}

export interface RoundMember {
  readonly phase: string;
  readonly reason: string;
  readonly uploaded_bytes: number;
  readonly metrics: Readonly<Record<string, string>>;
}

export interface Round {
  readonly round: number;
  readonly outcome: string;
  readonly reason: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly new_model: { readonly version: number } | null;
  readonly members: Readonly<Record<string, RoundMember>>;
}

/** The members that the page names; the others stay as they are. */
export interface RunConfig {
  readonly job: string;
  readonly adapter: string;
  readonly rounds: number;
}

export interface RunDetail {
  readonly state: {
    readonly phase: string;
    readonly reason: string | null;
    readonly config: RunConfig;
    readonly config_sha256: string;
    readonly submitted_at: string;
    readonly ended_at: string | null;
    readonly committed_rounds: number;
    readonly silos: Readonly<Record<string, { readonly approval: string; readonly reason: string }>>;
    readonly model: { readonly version: number; readonly sha256: string } | null;
    readonly round: { readonly round: number } | null;
  };
  readonly settled: boolean;
  readonly rounds: readonly Round[];
}

/** What a run's plan claims; each epsilon is a decimal in text, rounded up. */
export interface Privacy {
  /** Whether every silo lists its data as public: an epsilon is a demonstration. */
  readonly is_public: boolean;
  readonly claim: {
    readonly text: string;
    readonly unit: string;
    readonly neighbours: string;
    readonly adversary: string;
    /** Of the job at its reserved maximum. */
    readonly epsilon: string | null;
    readonly delta: string;
    readonly accountant: string;
    readonly sampler: string;
    readonly is_local: boolean;
  } | null;
  readonly course: readonly { readonly round: number; readonly epsilon: string }[];
}

/** A version of an adapter. */
export interface Model {
  readonly adapter: string;
  readonly job: string;
  readonly version: number;
  readonly sha256: string;
  readonly latest: boolean;
}

export interface Key {
  readonly key: string;
  readonly kid: string;
  readonly spki_sha256: string;
  readonly status: string;
  readonly until: string | null;
}

/** An entry of the audit log, as it is logged: its actor's words. */
export interface LogEntry {
  readonly type: string;
  readonly time: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly key_id: string };
  readonly federation: string;
  readonly job: string | null;
  readonly round: number | null;
  readonly subjects: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  readonly seq: number;
}

export interface LogPage {
  /** The number of entries up to the newest witnessed checkpoint. */
  readonly size: number;
  /** Newest first; fewer than asked for, or none, where the search goes on below. */
  readonly entries: readonly { readonly index: number; readonly entry: LogEntry }[];
  /** Where the next page begins; null at the beginning of the log. */
  readonly next: number | null;
}

/** The API refused or failed: its code, what it found, and what to do next (RFC 9457). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly next: string,
  ) {
    super(detail);
  }
}

const Stored = 'fedcloud-token';

export const session = {
  get token(): string {
    return sessionStorage.getItem(Stored) ?? '';
  },
  // The browser forgets it with the tab.
  begin(token: string): void {
    sessionStorage.setItem(Stored, token);
  },
  end(): void {
    sessionStorage.removeItem(Stored);
  },
};

/** Hears of everything that was changed through the page. */
export const changes = new EventTarget();

let caller = { token: '', roles: [] as readonly string[] };

export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await (await ask(path, { signal })).json()) as T;
}

/** What was sent is not given up when its reader goes to another page. */
export async function post<T>(path: string, body: Uint8Array<ArrayBuffer> | null): Promise<T> {
  const answer = (await (await ask(path, { method: 'POST', body })).json()) as T;
  changes.dispatchEvent(new Event('change'));
  return answer;
}

/** Whether the caller may change anything; asked for once a token. The API decides with each request all the same. */
export async function isOperator(signal: AbortSignal): Promise<boolean> {
  const { token } = session;
  if (token === '' || caller.token !== token) {
    caller = { token, roles: (await get<{ roles: readonly string[] }>('session', signal)).roles };
  }

  return caller.roles.includes('Operator');
}

/** A file of the API. It may be large, and is given up where it is larger than the bound. */
export async function download(path: string, signal: AbortSignal, maxBytes: number, tell: (bytes: number) => void): Promise<Blob> {
  const response = await ask(path, { signal });
  const reader = response.body?.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    bytes += part.value.length;
    if (bytes > maxBytes) {
      await reader?.cancel();
      throw new Refusal(response.status, 'evidence_unusable', `expected at most ${maxBytes} bytes, found more`, 'use fedcloud audit verify');
    }

    parts.push(part.value);
    tell(bytes);
  }

  return new Blob(parts);
}

async function ask(path: string, how: RequestInit): Promise<Response> {
  const response = await fetch(`/api/${path}`, {
    ...how,
    headers: session.token === '' ? {} : { authorization: `Bearer ${session.token}` },
    cache: 'no-store',
    redirect: 'error',
  });
  if (response.ok) {
    return response;
  }

  const problem = (await response.json().catch(() => ({}))) as Partial<Record<'code' | 'detail' | 'next', string>>;
  throw new Refusal(response.status, problem.code ?? `http_${response.status}`, problem.detail ?? 'the answer says no more', problem.next ?? '');
}
