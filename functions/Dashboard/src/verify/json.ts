// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { type Bytes, utf8 } from './bytes';
import { Failure } from './failure';

/** JSON without fractions. Objects are maps, so that no member name means anything to the language. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

const MaxDepth = 16;
const Escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const Escaped: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

// Sticky: each matches where the reader stands, or not at all.
const Space = /[ \t\n\r]*/y;
const Integer = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const Plain = /[^"\\\u0000-\u001f]*/y;
const Word = /true|false|null/y;

/**
 * Reads a JSON text strictly (RFC 8259, and stricter): no duplicate members, no numbers but integers below 2^53, no lone
 * surrogates, at most 16 levels.
 * @throws {Failure} json_not_canonical.
 */
export function parseJson(bytes: Uint8Array): Json {
  const text = utf8(bytes);
  if (text === null) {
    throw notCanonical('expected UTF-8, found other bytes');
  }

  return new Reader(text).read();
}

/**
 * Reads a text that must be its own canonical form (RFC 8785), and keeps the canonical text of each member.
 * @throws {Failure} json_not_canonical.
 */
export function parseCanonical(bytes: Uint8Array, what: string): Json {
  const text = utf8(bytes);
  const value = text === null ? null : new Reader(text).read();
  if (text === null || canonical(value) !== text) {
    throw notCanonical(`${what}: the bytes are not their own canonical form`);
  }

  return value;
}

/** The canonical text of a value (RFC 8785, section 3.2). */
export function canonical(value: Json): string {
  if (typeof value === 'string') {
    return quote(value);
  }

  if (value === null || typeof value !== 'object') {
    return String(value);
  }

  if (value instanceof Map) {
    return `{${members(value as JsonObject).map(([name, member]) => `${quote(name)}:${canonical(member)}`).join(',')}}`;
  }

  return `[${(value as readonly Json[]).map(canonical).join(',')}]`;
}

/** The canonical bytes of an object without one of its members. */
export function canonicalWithout(value: JsonObject, member: string): Bytes {
  const rest = new Map(value);
  rest.delete(member);
  return new TextEncoder().encode(canonical(rest));
}

// Sorted by the UTF-16 code units of the names (RFC 8785, 3.2.3), as the language compares strings.
function members(value: JsonObject): [string, Json][] {
  return [...value].sort(([one], [other]) => (one < other ? -1 : 1));
}

function quote(text: string): string {
  return `"${text.replace(/["\\\u0000-\u001f]/g, (c) => Escaped[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

function notCanonical(found: string): Failure {
  return new Failure('json_not_canonical', found);
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): Json {
    const value = this.value(1);
    this.take(Space);
    if (this.at !== this.text.length) {
      throw this.wrong();
    }

    return value;
  }

  private value(depth: number): Json {
    this.take(Space);
    const next = this.text[this.at];
    switch (next) {
      case '{':
      case '[':
        if (depth > MaxDepth) {
          throw notCanonical(`expected at most ${MaxDepth} levels, found more`);
        }

        this.at++;
        return next === '{' ? this.object(depth) : this.array(depth);
      case '"':
        return this.string();
      case 't':
      case 'f':
      case 'n':
        return this.word();
      default:
        return this.integer();
    }
  }

  private object(depth: number): JsonObject {
    const value = new Map<string, Json>();
    if (this.isEnd('}')) {
      return value;
    }

    do {
      this.take(Space);
      const name = this.string();
      if (value.has(name)) {
        throw notCanonical('expected each member once, found one again');
      }

      this.expect(':');
      value.set(name, this.value(depth + 1));
    } while (this.isNext('}'));
    return value;
  }

  private array(depth: number): readonly Json[] {
    const value: Json[] = [];
    if (this.isEnd(']')) {
      return value;
    }

    do {
      value.push(this.value(depth + 1));
    } while (this.isNext(']'));
    return value;
  }

  private string(): string {
    if (this.text[this.at] !== '"') {
      throw this.wrong();
    }

    this.at++;
    let value = this.take(Plain) ?? '';
    while (this.text[this.at] === '\\') {
      value += this.escape() + (this.take(Plain) ?? '');
    }

    if (this.text[this.at] !== '"' || /\p{Surrogate}/u.test(value)) {
      throw this.wrong();
    }

    this.at++;
    return value;
  }

  private escape(): string {
    const letter = this.text[this.at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
        throw this.wrong();
      }

      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }

    const meant = Object.hasOwn(Escapes, letter) ? Escapes[letter] : undefined;
    if (meant === undefined) {
      throw this.wrong();
    }

    this.at += 2;
    return meant;
  }

  private integer(): number {
    const value = Number(this.take(Integer) ?? NaN);
    if (!Number.isSafeInteger(value)) {
      throw notCanonical('expected integers between -2^53 and 2^53, found another number');
    }

    return value;
  }

  private word(): boolean | null {
    switch (this.take(Word)) {
      case 'true':
        return true;
      case 'false':
        return false;
      case 'null':
        return null;
      default:
        throw this.wrong();
    }
  }

  private isEnd(end: string): boolean {
    this.take(Space);
    const ended = this.text[this.at] === end;
    this.at += ended ? 1 : 0;
    return ended;
  }

  // Another element follows, or the end is taken.
  private isNext(end: string): boolean {
    if (this.isEnd(end)) {
      return false;
    }

    this.expect(',');
    return true;
  }

  private expect(mark: string): void {
    this.take(Space);
    if (this.text[this.at] !== mark) {
      throw this.wrong();
    }

    this.at++;
  }

  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    this.at += found?.length ?? 0;
    return found;
  }

  private wrong(): Failure {
    return notCanonical(`expected JSON, found other text at character ${this.at}`);
  }
}
