// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { isDigest, isIdentifier } from './bytes';
import { Failure } from './failure';
import type { Json, JsonObject } from './json';

const MaxInt32 = 2 ** 31 - 1;

/** Reads the members of an object that must have the names given and no others. Each member of another form is a failure. */
export class Shape {
  private constructor(
    private readonly value: JsonObject,
    private readonly what: string,
    private readonly code: string,
  ) {}

  /** @throws {Failure} with the code given: no object, or a member is missing or unknown. */
  static of(value: Json | undefined, what: string, required: readonly string[], optional: readonly string[] = [], code = 'body_malformed'): Shape {
    if (!(value instanceof Map)) {
      throw new Failure(code, `${what}: expected an object`);
    }

    const object = value as JsonObject;
    const missing = required.find((name) => !object.has(name));
    if (missing !== undefined || [...object.keys()].some((name) => !required.includes(name) && !optional.includes(name))) {
      throw new Failure(code, missing === undefined ? `${what}: a member is not known` : `${what}: ${missing} is missing`);
    }

    return new Shape(object, what, code);
  }

  get(name: string): Json {
    return this.value.get(name) ?? null;
  }

  text(name: string): string {
    return this.require(name, (value) => typeof value === 'string');
  }

  digest(name: string): string {
    return this.require(name, isDigest);
  }

  identifier(name: string): string {
    return this.require(name, isIdentifier);
  }

  integer(name: string): number {
    return this.require(name, (value) => typeof value === 'number');
  }

  int32(name: string): number {
    return this.require(name, (value) => typeof value === 'number' && Math.abs(value) <= MaxInt32);
  }

  list(name: string): readonly Json[] {
    return this.require(name, (value) => Array.isArray(value));
  }

  map(name: string): JsonObject {
    return this.require(name, (value) => value instanceof Map);
  }

  orNull<T>(name: string, read: (name: string) => T): T | null {
    return this.get(name) === null ? null : read.call(this, name);
  }

  private require<T extends Json>(name: string, holds: (value: Json) => boolean): T {
    const value = this.get(name);
    if (!holds(value)) {
      throw new Failure(this.code, `${this.what}: ${name} does not have the expected form`);
    }

    return value as T;
  }
}
