// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { Unusable } from './failure';
import { parsePolicy } from './policy';
import { verify, type Progress, type Report } from './verifier';
import { MaxZipBytes, ZipEvidence } from './zip';

/** What the page asks of the worker, once. */
export interface Question {
  readonly evidence: Blob;
  /** The JSON of an auditor's policy; null for none. */
  readonly policy: string | null;
}

/** What the worker answers: how far it is, and at the end one of the others. */
export type Answer =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'report'; readonly report: Report; readonly seconds: number }
  | { readonly kind: 'unusable'; readonly code: string; readonly found: string };

const scope = self as unknown as { postMessage(answer: Answer): void; onmessage: ((event: MessageEvent<Question>) => void) | null };

scope.onmessage = ({ data }) => {
  // What nobody expected is an error event of the worker, which the page shows.
  void answer(data).then((last) => scope.postMessage(last), reportError);
};

async function answer({ evidence, policy }: Question): Promise<Answer> {
  const begun = performance.now();
  try {
    const pinned = policy === null ? null : await parsePolicy(policy);
    const zip = await ZipEvidence.open(new Uint8Array(await bytesOf(evidence)));
    const report = await verify(zip, pinned, (progress) => scope.postMessage({ kind: 'progress', progress }));
    return { kind: 'report', report, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    if (error instanceof Unusable) {
      return { kind: 'unusable', code: error.code, found: error.found };
    }

    throw error;
  }
}

async function bytesOf(evidence: Blob): Promise<ArrayBuffer> {
  if (evidence.size > MaxZipBytes) {
    throw new Unusable('evidence_unusable', `a browser verifies up to ${MaxZipBytes} bytes, found ${evidence.size}: use fedcloud audit verify`);
  }

  try {
    return await evidence.arrayBuffer();
  } catch (error) {
    // The file was changed or moved after it was chosen.
    throw error instanceof DOMException ? new Unusable('evidence_unusable', 'the file cannot be read') : error;
  }
}
