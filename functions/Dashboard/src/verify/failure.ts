// Copyright (c) FedCloud contributors. Licensed under the MIT License.

/** A check failed: the stable code of docs/errors.md, and what was found. */
export class Failure extends Error {
  constructor(
    readonly code: string,
    readonly found: string,
  ) {
    super(`${code}: ${found}`);
  }
}

/** The input cannot be used at all, so nothing is said about the log. */
export class Unusable extends Error {
  constructor(
    readonly code: 'evidence_unusable' | 'audit_policy_malformed',
    readonly found: string,
  ) {
    super(`${code}: ${found}`);
  }
}
