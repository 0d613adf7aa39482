// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, concat, hex, toBase64, utf8, type Bytes } from '../src/verify/bytes';
import type { Finding } from '../src/verify/findings';
import { hashLeaf, perfectLevels } from '../src/verify/merkle';
import { parsePolicy } from '../src/verify/policy';
import { verify, type Progress, type Report } from '../src/verify/verifier';
import { ZipEvidence } from '../src/verify/zip';
import { vector } from './files';
import { pack, seal, unpack, type Files } from './zips';

const small = vector('evidence/small.zip');
const Size = 43;
const Whole = `log/tile/entries/000.p/${Size}`;
const Tile = `log/tile/0/000.p/${Size}`;
const Archive = `log/checkpoint-archive/${Size}`;
const Roster = 'rosters/000001.json';

const verified = async (zip: Bytes, policy: string | null = null): Promise<Report> => verify(await ZipEvidence.open(zip), policy === null ? null : await parsePolicy(policy), () => {});
const failures = (report: Report): Finding[] => report.findings.filter((finding) => finding.failed);
const codes = (report: Report): string[] => [...new Set(failures(report).map((finding) => `${finding.check} ${finding.code}`))].sort();
const flipped = (bytes: Bytes, at: number, bit = 1): Bytes => bytes.map((byte, i) => (i === at ? byte ^ bit : byte));

/** The small evidence after a change to its files. */
async function changed(change: (files: Files) => void | Promise<void>): Promise<Report> {
  const files = await unpack(small);
  await change(files);
  return verified(pack(files));
}

const get = (files: Files, path: string): Bytes => {
  const bytes = files.get(path);
  assert.ok(bytes !== undefined, path);
  return bytes;
};

const edit = (files: Files, path: string, change: (bytes: Bytes) => Bytes): void => void files.set(path, change(get(files, path)));

async function policyOf(files: Files, without: Partial<Record<string, unknown>> = {}): Promise<string> {
  const envelope = JSON.parse(utf8(get(files, Roster)) ?? '') as { roster: { payload: string } };
  const payload = Uint8Array.from(atob(envelope.roster.payload), (c) => c.charCodeAt(0));
  const { log_vkey } = JSON.parse(utf8(payload) ?? '') as { log_vkey: string };
  const digest = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', payload)));
  return JSON.stringify({ v: 1, log_vkey, roster_sha256: digest, min_witnesses: 2, images: null, ...without });
}

test('Evidence of a demo verifies, and says that nothing was pinned', async () => {
  const told: Progress[] = [];
  const report = await verify(await ZipEvidence.open(small), null, (progress) => told.push(progress));

  assert.deepEqual([report.verified, report.failures, report.entries, report.checkpoints, report.rosters, report.isPinned], [true, 0, Size, 10, 1, false]);
  assert.deepEqual(report.findings.map(({ check, code, failed }) => [check, code, failed]), [['policy', 'not_pinned', false]]);
  assert.equal(report.origin, 'demo-federation/log');
  assert.deepEqual(told.map(({ step }) => step), ['files', 'entries', 'signatures']);
});

test('Evidence packed by somebody else, or with superseded files left out, verifies too', async () => {
  assert.equal((await changed(() => {})).verified, true);
  assert.equal((await verified(await seal(pack(await unpack(small))))).verified, true);
  const report = await changed((files) => {
    for (const path of [...files.keys()]) {
      if (/^log\/tile\/.*\.p\//.test(path) && path !== Whole && path !== Tile) {
        files.delete(path);
      }
    }
  });
  assert.deepEqual(codes(report), []);
});

test('A policy pins key, roster and witnesses', async () => {
  const files = await unpack(small);
  const pinned = await verified(small, await policyOf(files));
  assert.deepEqual([pinned.verified, pinned.isPinned, pinned.findings.length], [true, true, 0]);

  assert.deepEqual(codes(await verified(small, await policyOf(files, { roster_sha256: 'ab'.repeat(32) }))), ['policy log_fork']);
  assert.deepEqual(codes(await verified(small, await policyOf(files, { min_witnesses: 3 }))), ['V1 witness_lines_missing']);
  const witness = (JSON.parse(utf8(Uint8Array.from(atob((JSON.parse(utf8(get(files, Roster)) ?? '') as { roster: { payload: string } }).roster.payload), (c) => c.charCodeAt(0))) ?? '') as { members: { witness_vkey: string }[] }).members[0]?.witness_vkey;
  assert.deepEqual(codes(await verified(small, await policyOf(files, { log_vkey: witness }))), ['V1 note_unsigned', 'policy log_fork']);
});

test('A policy of another form is refused', async () => {
  const files = await unpack(small);
  const good = await policyOf(files);
  for (const text of ['', '{}', '[]', good.replace('"v":1', '"v":2'), good.replace('"images":null', '"images":null,"more":1'), good.replace('"v":1,', ''), good.replace('"images":null', '"images":["x"]'), good.replace('"min_witnesses":2', '"min_witnesses":-1'), good.replace('"min_witnesses":2', '"min_witnesses":2.5'), good.replace('+', ' '), good.replace('"v":1', '"v":1,"v":1'), ' '.repeat(1 << 21)]) {
    await assert.rejects(parsePolicy(text), { code: 'audit_policy_malformed' });
  }
});

test('Any byte of the zip that is changed, and any end that is cut off, is refused', async () => {
  for (let at = 0; at < small.length; at += 997) {
    await assert.rejects(ZipEvidence.open(flipped(small, at)), { code: 'evidence_unusable' });
    await assert.rejects(ZipEvidence.open(small.slice(0, at)), { code: 'evidence_unusable' });
  }

  await assert.rejects(ZipEvidence.open(concat(small, Uint8Array.of(0))), { code: 'evidence_unusable' });
});

test('Each file left out is missed', async () => {
  const paths = [...(await unpack(small)).keys()];
  assert.equal(paths.length, 62);
  for (const path of paths) {
    const report = await changed((files) => void files.delete(path));

    // Batch records are kept for a while only, and not every checkpoint needs its witness lines.
    if (path.startsWith('log/cosigned/')) {
      assert.ok(codes(report).every((code) => code === 'V1 witness_lines_missing'), path);
    } else {
      assert.equal(report.verified, path.startsWith('log-head/batch/'), path);
    }
  }
});

test('A bit changed in any file is found', async () => {
  const all = await unpack(small);
  let at = 0;
  for (const path of all.keys()) {
    const report = await changed((files) => edit(files, path, (bytes) => flipped(bytes, (at = (at + 31) % bytes.length))));
    assert.equal(report.verified, false, `${path} at ${at}`);
  }
});

test('A changed entry is named by its tile, its root and its signature', async () => {
  const report = await changed((files) => {
    const text = String.fromCharCode(...get(files, Whole));
    const second = text.indexOf('Z","type":"round_start"') - 1;
    edit(files, Whole, (bytes) => flipped(bytes, second));
  });

  assert.deepEqual(codes(report), ['V2 tile_mismatch', 'V3 root_mismatch', 'V5 signature_invalid']);
  const [entry] = failures(report).filter((finding) => finding.check === 'V5');
  assert.equal(typeof entry?.entry, 'number');
});

test('A changed tile, checkpoint, witness line, roster, key, and head are named', async () => {
  const of = async (path: string, change: (bytes: Bytes) => Bytes): Promise<string[]> => codes(await changed((files) => edit(files, path, change)));
  const text = (from: string, to: string) => (bytes: Bytes): Bytes => bytesOf((utf8(bytes) ?? '').replace(from, to));

  assert.deepEqual(await of(Tile, (bytes) => flipped(bytes, 40)), ['V2 tile_mismatch']);
  assert.deepEqual(await of(Archive, text(`\n${Size}\n`, '\n44\n')), ['V1 checkpoint_origin', 'V1 log_file_missing', 'V2 log_file_unexpected']);
  assert.deepEqual(await of('log-head/checkpoint', (bytes) => flipped(bytes, bytes.length - 12)), ['V1 note_signature_invalid']);
  assert.deepEqual(await of('log/checkpoint-archive/1', text('\n1\n', '\n01\n')), ['V1 checkpoint_malformed', 'V1 log_file_missing', 'V2 log_file_unexpected', 'V2 tile_mismatch']);
  assert.deepEqual(await of(Roster, text('"joins":[', '"joins": [')), ['V1 log_file_missing', 'V6 roster_invalid']);
  assert.deepEqual(await of(Roster, (bytes) => flipped(bytes, 900)), ['V1 log_file_missing', 'V6 roster_invalid']);
});

test('A file that no checkpoint has, and a head that says another thing than the archive, are named', async () => {
  const tile = await changed((files) => void files.set('log/tile/0/000.p/5', get(files, Tile).slice(0, 5 * 32)));
  assert.deepEqual(codes(tile), ['V2 log_file_unexpected']);

  const head = await changed((files) => edit(files, 'log-head/checkpoint', (bytes) => bytesOf((utf8(bytes) ?? '').replace(/^[^\n]*/, 'other/log'))));
  assert.deepEqual(codes(head), ['V1 log_fork']);
});

test('Entries that were put in another order are not the logged ones', async () => {
  const report = await changed((files) => {
    const bytes = get(files, Whole);
    const first = 2 + (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
    const second = 2 + (bytes[first] ?? 0) * 256 + (bytes[first + 1] ?? 0);
    files.set(Whole, concat(bytes.slice(first, first + second), bytes.slice(0, first), bytes.slice(first + second)));
  });

  assert.ok(['V2 tile_mismatch', 'V3 root_mismatch', 'V5 entry_sequence', 'V6 roster_missing'].every((code) => codes(report).includes(code)), String(codes(report)));
});

test('A log that grew by an entry of its own making has no signature for it', async () => {
  const report = await changed(async (files) => {
    const note = utf8(get(files, Archive)) ?? '';
    const [origin, , , , line] = note.split('\n');
    const bundle = concat(get(files, Whole), Uint8Array.of(0, 2), bytesOf('{}'));
    files.set('log/tile/entries/000.p/44', bundle);
    files.set('log/tile/0/000.p/44', concat(get(files, Tile), await hashLeaf(bytesOf('{}'))));
    const root = (await perfectLevels([await hashLeaf(bytesOf('{}'))]))[0]?.[0] as Bytes;
    const forged = bytesOf(`${origin}\n44\n${toBase64(root)}\n\n${line}\n`);
    files.set('log/checkpoint-archive/44', forged);
    files.set('log-head/checkpoint', forged);
  });

  assert.ok(['V1 note_signature_invalid', 'V1 witness_lines_missing', 'V3 root_mismatch', 'V5 body_malformed'].every((code) => codes(report).includes(code)), String(codes(report)));
});

test('A checkpoint that claims more entries than there can be does not keep the verifier busy', async () => {
  const report = await changed((files) => {
    const forged = bytesOf((utf8(get(files, Archive)) ?? '').replace(`\n${Size}\n`, '\n9007199254740991\n'));
    files.set('log/checkpoint-archive/9007199254740991', forged);
    files.set('log-head/checkpoint', forged);
  });

  assert.deepEqual(codes(report), ['V2 log_file_missing']);
});

test('A proof is checked against its entry', async () => {
  const files = await unpack(small);
  const bundle = get(files, Whole);
  const leaves: Bytes[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
    leaves.push(await hashLeaf(bundle.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }

  // The first checkpoint has one entry, so the proof of entry 0 in it is empty.
  const proof = (index: number): Bytes => bytesOf(`c2sp.org/tlog-proof@v1\nindex ${index}\n\n${utf8(get(files, 'log/checkpoint-archive/1'))}`);
  files.set('proofs/0.tlog-proof', proof(0));
  assert.deepEqual(codes(await verified(pack(files))), []);

  files.set('proofs/0.tlog-proof', bytesOf((utf8(proof(0)) ?? '').replace('index 0\n', `index 0\n${toBase64(leaves[1] as Bytes)}\n`)));
  assert.deepEqual(codes(await verified(pack(files))), ['V4 inclusion_failed']);
  files.set('proofs/0.tlog-proof', proof(1));
  assert.deepEqual(codes(await verified(pack(files))), ['V4 proof_malformed']);
});

test('Names, sizes and places that a zip of evidence cannot have are refused', async () => {
  const files = await unpack(small);
  const key = [...files.keys()].find((path) => path.startsWith('keys/')) ?? '';
  const bad: Bytes[] = [
    new Uint8Array(0),
    bytesOf('PK'),
    pack(new Map([...files, ['readme.txt', bytesOf('x')]])),
    pack(new Map([...files, ['../log/checkpoint-archive/9', bytesOf('x')]])),
    pack(new Map([...files, ['log/checkpoint-archive/09', bytesOf('x')]])),
    pack(new Map([...files, [`blobs/${'A'.repeat(64)}`, bytesOf('x')]])),
    pack(files, { path: key, length: 92, packed: 92 }),
    pack(files, { path: Whole, length: 40_000_000, packed: 40_000_000 }),
    pack(files, { path: Tile, method: 8, length: 8192, packed: 1 }),
    pack(files, { path: Tile, method: 12 }),
    pack(files, { path: Tile, flags: 1 }),
    pack(files, { path: Tile, offset: 0 }),
    concat(pack(files), bytesOf('x')),
  ];
  for (const [i, zip] of bad.entries()) {
    await assert.rejects(ZipEvidence.open(zip), { code: 'evidence_unusable' }).catch((error: unknown) => assert.ok(false, `${i}: ${String(error)}`));
  }

  await assert.rejects(verified(pack(new Map())), { code: 'evidence_unusable' });
});

test('Files that do not unpack to what the directory says are refused', async () => {
  const files = await unpack(small);
  for (const lie of [{ path: Tile, crc: 7 }, { path: Tile, method: 8 }]) {
    await assert.rejects(verified(pack(files, lie)), { code: 'evidence_unusable' });
  }

  // A deflate stream that goes on behind its length, and one that ends before it.
  const deflated = new Uint8Array(await new Response(new Blob([new Uint8Array(4000)]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer());
  for (const length of [100, 4001]) {
    const zip = pack(new Map([...files, ['log/tile/0/001', deflated]]), { path: 'log/tile/0/001', method: 8, length });
    await assert.rejects((await ZipEvidence.open(zip)).read('log/tile/0/001'), { code: 'evidence_unusable' });
  }
});

test('A zip with more files than 16 bits count is read', async () => {
  const files: Files = new Map(Array.from({ length: 70_000 }, (_, i) => [`log/checkpoint-archive/${i + 1}`, bytesOf('x')]));
  const evidence = await ZipEvidence.open(pack(files));

  assert.equal([...evidence.files()].length, 70_000);
  assert.deepEqual(await evidence.read('log/checkpoint-archive/70000'), bytesOf('x'));
});
