// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { download, Refusal } from './api';
import type { Finding } from './verify/findings';
import type { Progress, Report } from './verify/verifier';
import type { Answer, Question } from './verify/worker';
import workerUrl from './verify/worker?worker&url';

/** Where the verification of a log stands. It goes on while its reader looks at other pages. */
export type State =
  | { readonly kind: 'idle' | 'stopped' }
  | { readonly kind: 'download' | 'saved'; readonly bytes: number }
  | { readonly kind: 'run'; readonly progress: Progress }
  | { readonly kind: 'report'; readonly report: Report; readonly seconds: number }
  | { readonly kind: 'unusable'; readonly code: string; readonly found: string; readonly next: string };

/** The largest evidence that is fetched or read, in bytes. */
export const MaxEvidenceBytes = 512 * 1024 * 1024;

const Evidence = 'audit/evidence';
const FileName = 'evidence.zip';

// The one script that the page's policy lets this code run, and only from its own file.
const policy = window.trustedTypes?.createPolicy('fedcloud-verifier', { createScriptURL: () => workerUrl });

class Verification extends EventTarget {
  private current: State = { kind: 'idle' };
  private worker: Worker | null = null;
  private fetching = new AbortController();
  private from = '';
  private fetched: Blob | null = null;

  get state(): State {
    return this.current;
  }

  /** Whose evidence it is, in words. */
  get source(): string {
    return this.from;
  }

  get isRunning(): boolean {
    return this.current.kind === 'download' || this.current.kind === 'run';
  }

  /** What was found about entries, by their index. */
  get atEntries(): ReadonlyMap<number, readonly Finding[]> {
    const found = new Map<number, Finding[]>();
    for (const finding of this.current.kind === 'report' ? this.current.report.findings : []) {
      if (finding.failed && finding.entry !== undefined) {
        found.set(finding.entry, [...(found.get(finding.entry) ?? []), finding]);
      }
    }

    return found;
  }

  /**
   * Verifies a file, or the evidence that the coordinator hands out.
   * @throws {Refusal} the coordinator asks for another token.
   */
  async start(file: File | null, pinned: string | null): Promise<void> {
    this.stop();
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    if (!window.isSecureContext) {
      this.become({ kind: 'unusable', code: 'context_insecure', found: 'browsers verify signatures on pages of https, or of this machine, only', next: 'open the page there, or use fedcloud audit verify' });
      return;
    }

    this.from = file === null ? 'the coordinator’s evidence' : `the file ${file.name}`;
    this.fetched = null;
    await this.attempt(signal, async () => {
      const evidence = file ?? (await this.fetch(signal));
      if (!signal.aborted) {
        this.run({ evidence, policy: pinned });
      }
    });
  }

  /**
   * Saves the coordinator's evidence as a file: the one that was verified last, else that of now.
   * @throws {Refusal} the coordinator asks for another token.
   */
  async save(): Promise<void> {
    if (this.fetched !== null && this.current.kind === 'report') {
      saveAs(this.fetched);
      return;
    }

    this.stop();
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    await this.attempt(signal, async () => {
      const evidence = await this.fetch(signal);
      if (!signal.aborted) {
        saveAs(evidence);
        this.become({ kind: 'saved', bytes: evidence.size });
      }
    });
  }

  /** Keeps nothing of what was fetched and found: somebody else may use the tab. */
  forget(): void {
    this.stop();
    this.fetched = null;
    this.become({ kind: 'idle' });
  }

  stop(): void {
    this.fetching.abort();
    this.worker?.terminate();
    this.worker = null;
    if (this.isRunning) {
      this.become({ kind: 'stopped' });
    }
  }

  private async attempt(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) {
        return;
      }

      const refusal = error instanceof Refusal ? error : new Refusal(503, 'coordinator_unreachable', 'the coordinator does not answer', 'try again, or choose a file');
      this.become({ kind: 'unusable', code: refusal.code, found: refusal.message, next: refusal.next });
      if (refusal.status === 401 || refusal.status === 403) {
        throw refusal;
      }
    }
  }

  private async fetch(signal: AbortSignal): Promise<Blob> {
    this.become({ kind: 'download', bytes: 0 });
    this.fetched = await download(Evidence, signal, MaxEvidenceBytes, (bytes) => this.become({ kind: 'download', bytes }));
    return this.fetched;
  }

  private run(question: Question): void {
    this.become({ kind: 'run', progress: { step: 'files', done: 0, of: 0 } });
    const url = policy?.createScriptURL('') ?? workerUrl;
    const worker = new Worker(url, { type: 'module', name: 'verifier' });
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.kind === 'progress') {
        this.become({ kind: 'run', progress: data.progress });
        return;
      }

      this.end(data.kind === 'report' ? data : { ...data, next: data.code === 'audit_policy_malformed' ? 'correct the policy; docs/audit.md has an example' : 'export the evidence again; docs/audit.md describes it' });
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.end({ kind: 'unusable', code: 'verifier_failed', found: event.message || 'the verifier’s own file cannot be run', next: 'use fedcloud audit verify, and report this' });
    };
    worker.postMessage(question);
  }

  private end(state: State): void {
    this.worker?.terminate();
    this.worker = null;
    this.become(state);
  }

  private become(state: State): void {
    this.current = state;
    this.dispatchEvent(new Event('change'));
  }
}

// The request needs the token, so a plain link does not do.
function saveAs(evidence: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(evidence);
  link.download = FileName;
  link.click();
  URL.revokeObjectURL(link.href);
}

export const verification = new Verification();
