// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// What the tests use of Node.js, so that they need no package for its types.
declare module 'node:test' {
  export function test(name: string, run: () => void | Promise<void>): void;
}

declare module 'node:assert/strict' {
  const assert: {
    ok(value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    rejects(run: Promise<unknown> | (() => Promise<unknown>), expected: object): Promise<void>;
    throws(run: () => unknown, expected: object): void;
  };
  export default assert;
}

declare module 'node:fs' {
  export function readFileSync(path: string): Uint8Array<ArrayBuffer>;
  export function writeFileSync(path: string, bytes: Uint8Array): void;
}
