// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, hex } from '../src/verify/bytes';
import { Failure } from '../src/verify/failure';
import { NoteKey, p1363, VerificationKey } from '../src/verify/keys';
import { hashLeaf, verifyInclusion } from '../src/verify/merkle';
import { parseCheckpoint, parseProof, SignedNote } from '../src/verify/notes';
import { fromHex, vectors } from './files';

interface Note {
  readonly id: string;
  readonly vkey: string;
  readonly note: string;
  readonly expect: string;
  readonly der_hex?: string;
  readonly p1363_hex?: string;
}

const { notes, tlog_proofs: proofs } = vectors<{ notes: readonly Note[]; tlog_proofs: readonly { leaf_input_hex: string; vkey: string; proof: string; expect: string }[] }>('signed_notes.json');

// Foreign logs may sign with Ed25519; FedCloud's do not, and the page has no use for it.
const isForeign = (note: Note): boolean => note.id === 'c2sp-ed25519';

async function outcomeOf({ vkey, note }: Note): Promise<string> {
  try {
    await SignedNote.parse(bytesOf(note)).verify([await NoteKey.parse(vkey)]);
    return 'ok';
  } catch (error) {
    const code = error instanceof Failure ? error.code : String(error);
    return { note_key_id: 'bad key id', note_signature_invalid: 'bad signature', note_unsigned: 'no known signature' }[code] ?? code;
  }
}

test('signed_notes.json: every note of a P-256 key gives its outcome', async () => {
  assert.equal(notes.length, 20);
  for (const note of notes.filter((other) => !isForeign(other))) {
    assert.equal(await outcomeOf(note), note.expect, note.id);
  }

  assert.equal(await outcomeOf(notes.find(isForeign) as Note), 'key_malformed');
});

test('signed_notes.json: DER and r‖s are two forms of one signature', () => {
  const both = notes.filter((note) => note.der_hex !== undefined);

  assert.ok(both.length >= 4);
  for (const { der_hex, p1363_hex } of both) {
    const signature = p1363(fromHex(der_hex ?? ''));
    assert.equal(signature === null ? null : hex(signature), p1363_hex);
  }
});

test('DER: another form of a valid signature is refused', () => {
  const der = fromHex(notes.find((note) => note.id.endsWith('der-r-32-bytes'))?.der_hex ?? '');
  const rLength = der[3] ?? 0;
  const r = [...der.slice(4, 4 + rLength)];
  const rest = [...der.slice(4 + rLength)];
  const made = (...body: number[]): Uint8Array => Uint8Array.of(0x30, body.length, ...body);

  assert.ok(p1363(der) !== null);
  assert.ok(p1363(made(0x02, rLength, ...r, ...rest)) !== null);
  assert.equal(p1363(made(0x02, rLength + 1, 0, ...r, ...rest)), null, 'a zero byte too many');
  assert.equal(p1363(Uint8Array.of(...der, 0)), null, 'a byte behind the sequence');
  assert.equal(p1363(made(0x02, rLength, ...r, ...rest, 0)), null, 'a byte behind the integers');
  assert.equal(p1363(Uint8Array.of(0x30, 0x81, der.length - 2, ...der.slice(2))), null, 'a long form of the length');
  assert.equal(p1363(made(0x02, rLength, 0x80, ...r.slice(1), ...rest)), null, 'a negative integer');
  assert.equal(p1363(made(0x02, 1, 0, ...rest)), null, 'zero');
  assert.equal(p1363(made(0x03, rLength, ...r, ...rest)), null, 'another tag');
  for (let length = 0; length < der.length; length++) {
    assert.equal(p1363(der.slice(0, length)), null, `cut at ${length}`);
  }
});

test('signed_notes.json: proofs give their outcome', async () => {
  assert.equal(proofs.length, 2);
  for (const { leaf_input_hex, vkey, proof, expect } of proofs) {
    const { index, hashes, note } = parseProof(bytesOf(proof));
    const { size, root } = parseCheckpoint(note.text);
    await note.verify([await NoteKey.parse(vkey)]);
    assert.equal(await verifyInclusion(await hashLeaf(fromHex(leaf_input_hex)), index, size, hashes, root), expect === 'ok');
  }
});

test('Notes: any byte changed does not verify', async () => {
  const known = notes.find((note) => note.id.endsWith('kat/checkpoint')) as Note;
  const key = await NoteKey.parse(known.vkey);
  const bytes = bytesOf(known.note);
  for (let i = 0; i < bytes.length; i++) {
    const spoiled = bytes.slice();
    spoiled[i] = (spoiled[i] ?? 0) ^ 0x01;
    await assert.rejects(async () => SignedNote.parse(spoiled).verify([key]), { name: 'Error' });
  }
});

test('Notes: malformed lines and texts are refused', () => {
  const line = '— log AAAAAAA=';
  for (const note of ['', 'a\n', 'a\n\n', `a\n${line}\n`, `a\n\n${line}`, `a\n\n${line}\n\n`, `a\n\n- log AAAAAAA=\n`, 'a\n\n— log AAAA\n', 'a\n\n— lo+g AAAAAAA=\n', 'a\n\n— log AAAAAAB=\n', `a\tb\n\n${line}\n`, `a\n\n${line} x\n`, `a\n\n${`${line}\n`.repeat(321)}`]) {
    assert.throws(() => SignedNote.parse(bytesOf(note)), { code: 'note_malformed' });
  }

  assert.throws(() => SignedNote.parse(Uint8Array.of(0x61, 0xff, 0x0a)), { code: 'note_malformed' });
  assert.equal(SignedNote.parse(bytesOf(`a\n\n${line}\n`)).lines.length, 1);
});

test('Checkpoints: other texts are refused', () => {
  const root = `${'A'.repeat(43)}=`;
  assert.equal(parseCheckpoint(`log\n5\n${root}\n`).size, 5);
  for (const text of [`log\n05\n${root}\n`, `log\n+5\n${root}\n`, `log\n9007199254740993\n${root}\n`, `log\n5\n${root}`, `log\n5\n`, `\n5\n${root}\n`, 'log\n5\nAAAA\n', `log\n5\n${'A'.repeat(42)}B=\n`]) {
    assert.throws(() => parseCheckpoint(text), { code: 'checkpoint_malformed' });
  }
});

test('Keys: a point off the curve and another encoding are refused', async () => {
  const { vkey } = notes[0] as Note;
  const spki = Uint8Array.from(atob(/^[^+]*\+[^+]*\+(.*)$/.exec(vkey)?.[1] ?? ''), (c) => c.charCodeAt(0)).slice(1);
  await VerificationKey.fromSpki(spki);
  const off = spki.slice();
  off[90] = (off[90] ?? 0) ^ 1;
  await assert.rejects(VerificationKey.fromSpki(off), { code: 'key_malformed' });
  await assert.rejects(VerificationKey.fromSpki(spki.slice(0, 90)), { code: 'key_malformed' });

  // The point in its hybrid form, which some libraries take: one key would have two fingerprints.
  const hybrid = spki.slice();
  hybrid[26] = 6 + ((spki[90] ?? 0) & 1);
  await assert.rejects(VerificationKey.fromSpki(hybrid), { code: 'key_malformed' });
  const otherCurve = spki.slice();
  otherCurve[22] = 0x08;
  await assert.rejects(VerificationKey.fromSpki(otherCurve), { code: 'key_malformed' });
});
