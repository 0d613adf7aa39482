// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../src/verify/bytes';
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
