// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64, bytesOf, toBase64 } from '../src/verify/bytes';
import { canonical, parseCanonical, parseJson } from '../src/verify/json';

test('Canonical texts are read, and written as they were', () => {
  for (const text of ['{}', '[]', 'null', '{"a":[1,-2,0],"b":"é\\n\\u001f\\"\\\\","c":true,"d":null}', '{"":{"":[]},"€":1,"😀":2,"\ufb33":3}', '"/"', '-9007199254740991', '['.repeat(16) + ']'.repeat(16)]) {
    assert.equal(canonical(parseCanonical(bytesOf(text), 'text')), text);
  }
});

test('JSON of another form than canonical is refused', () => {
  for (const text of ['{ }', '[1, 2]', ' 1', '1 ', '1\n', '{"b":1,"a":2}', '"\\u0041"', '"\\/"', '"\\u001F"', '"\\u000a"', '-0', '{"\ufb33":1,"😀":2}']) {
    parseJson(bytesOf(text));
    assert.throws(() => parseCanonical(bytesOf(text), 'text'), { code: 'json_not_canonical' });
  }
});

test('What is no strict JSON is refused', () => {
  for (const text of ['', '{', '[1,]', '{"a":1,}', '{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '1.0', '1e2', '01', '+1', '.5', '--1', '9007199254740992', "'a'", '"\\x"', '"\\ud800"', '"\\udc00\\ud800"', '"\u0001"', '"a', 'nul', 'nulll', 'True', '[1 2]', '{1:2}', '{"a" 1}', '//', '[]]', 'NaN', '{"__proto__"}', '['.repeat(17) + ']'.repeat(17)]) {
    assert.throws(() => parseJson(bytesOf(text)), { code: 'json_not_canonical' });
  }

  assert.throws(() => parseJson(Uint8Array.of(0x22, 0xc3, 0x28, 0x22)), { code: 'json_not_canonical' });
  assert.throws(() => parseJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)), { code: 'json_not_canonical' });
});

test('Members keep their names, whatever the language means by them', () => {
  const value = parseJson(bytesOf('{"__proto__":1,"constructor":2}'));
  assert.deepEqual([...(value as ReadonlyMap<string, unknown>)], [['__proto__', 1], ['constructor', 2]]);
});

test('Base64: each text of some bytes is read if, and only if, it is theirs', () => {
  for (const length of [0, 1, 2, 3, 4, 5, 64]) {
    const text = toBase64(new Uint8Array(length).fill(0xa7));
    assert.deepEqual(base64(text), new Uint8Array(length).fill(0xa7));
  }

  for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
    for (const text of [`A${last}==`, `AA${last}=`]) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      assert.equal(base64(text) !== null, toBase64(bytes) === text, text);
    }
  }

  for (const text of ['A', 'AA', 'AAA', 'AAAA\n', ' AAAA', 'AA==AAAA', 'AA=', '====', 'AA-_', 'AA==\n']) {
    assert.equal(base64(text), null, text);
  }
});
