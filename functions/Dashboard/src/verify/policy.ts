// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { bytesOf, isDigest } from './bytes';
import { Failure, Unusable } from './failure';
import { parseJson } from './json';
import { NoteKey } from './keys';
import { Shape } from './shape';

/** What an auditor knows from elsewhere and pins (audit-log, section 8). */
export interface AuditPolicy {
  readonly log: NoteKey;
  readonly rosterSha256: string;
  /** The number of witness lines below which nothing counts as witnessed; the roster may ask for more. */
  readonly minWitnesses: number;
  /** The image digests that may be deployed; null for any. */
  readonly images: ReadonlySet<string> | null;
}

const MaxPolicyChars = 1 << 20;

/** @throws {Unusable} audit_policy_malformed. */
export async function parsePolicy(text: string): Promise<AuditPolicy> {
  try {
    return await read(text);
  } catch (error) {
    throw error instanceof Failure ? new Unusable('audit_policy_malformed', error.found) : error;
  }
}

async function read(text: string): Promise<AuditPolicy> {
  const code = 'audit_policy_malformed';
  if (text.length > MaxPolicyChars) {
    throw new Failure(code, `expected at most ${MaxPolicyChars} characters, found ${text.length}`);
  }

  const shape = Shape.of(parseJson(bytesOf(text)), 'policy', ['v', 'log_vkey', 'roster_sha256', 'min_witnesses', 'images'], [], code);
  const images = shape.orNull('images', shape.list);
  if (shape.integer('v') !== 1 || shape.int32('min_witnesses') < 0 || images?.every(isDigest) === false) {
    throw new Failure(code, 'expected version 1, a number of witnesses that is not negative, and images as SHA-256 digests or null, found another');
  }

  return {
    log: await NoteKey.parse(shape.text('log_vkey')),
    rosterSha256: shape.digest('roster_sha256'),
    minWitnesses: shape.int32('min_witnesses'),
    images: images === null ? null : new Set(images as readonly string[]),
  };
}
