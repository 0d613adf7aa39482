// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, utf8 } from '../src/verify/bytes';
import { verify } from '../src/verify/verifier';
import { ZipEvidence } from '../src/verify/zip';
import { makeKey, makeSilo, object, Story, Zero, type Entry } from './story';
import { pack } from './zips';

const Day = 24 * 60 * 60_000;
const Job = 'run-1';
const Rid = 'ab'.repeat(32);

const access: Entry = { actor: 'coordinator', type: 'access', subjects: { resource: Zero }, fields: { operation: 'read', result: 'ok' } };
const roundStart: Entry = { actor: 'coordinator', type: 'round_start', job: Job, round: 1, subjects: { rid: Rid, model: Zero, config: Zero }, fields: { slot: 0, d: 64, k: 32, deadline: 900 } };
const masked = (idx: number): Entry => ({ actor: 'coordinator', type: 'masked', job: Job, round: 1, subjects: { rid: Rid, masked: Zero, ledger_head: Zero, journal_head: Zero }, fields: { idx } });

async function codesOf(story: Story): Promise<string[]> {
  const { findings } = await verify(await ZipEvidence.open(pack(story.files)), null, () => {});
  return [...new Set(findings.filter(({ failed }) => failed).map(({ check, code }) => `${check} ${code}`))].sort();
}

/** A log of one more entry, as its spoiler left it, under a checkpoint that all signed. */
async function codesWith(...args: Parameters<Story['log']>): Promise<string[]> {
  const story = await Story.begin();
  await story.log(...args);
  await story.checkpoint();
  return codesOf(story);
}

test('A log in several checkpoints and bundles verifies', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  for (const size of [2, 255, 256, 257, 512, 600]) {
    while (story.size < size) {
      await story.log(access);
    }

    await story.checkpoint();
  }

  assert.deepEqual(await codesOf(story), []);
});

test('Checkpoints of one history only: a root that the entries do not give, and a checkpoint that is missing', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  for (let i = 0; i < 260; i++) {
    await story.log(access);
  }

  await story.checkpoint();
  assert.deepEqual(await codesOf(story), ['V3 log_file_missing']);
});

test('Entries: signer, key, number, time, form and type', async () => {
  const story = await Story.begin();
  const [first] = story.roster.silos;
  assert.ok(first !== undefined);
  const other = await makeSilo('silo-1');

  assert.deepEqual(await codesWith(access), []);
  assert.deepEqual(await codesWith({ ...access, actor: other }), ['V5 entry_signer']);
  assert.deepEqual(await codesWith({ actor: other, type: 'alarm', subjects: { evidence_1: Zero }, fields: { code: 'log_fork' } }), ['V5 entry_signer']);
  assert.deepEqual(await codesWith(access, (members) => members.set('seq', 3)), ['V5 entry_sequence']);
  assert.deepEqual(await codesWith(access, (members) => members.set('seq', 1)), ['V5 entry_sequence']);
  assert.deepEqual(await codesWith(access, (members) => members.set('time', '2025-12-31T23:54:59Z')), ['V12 log_time_backwards']);
  assert.deepEqual(await codesWith(access, (members) => members.set('time', '2025-12-31T23:56:00Z')), []);
  assert.deepEqual(await codesWith(access, (members) => members.set('federation', 'other-federation')), ['V5 entry_signer']);
  assert.deepEqual(await codesWith({ ...access, type: 'gossip' }), ['V5 entry_type_unknown']);
  for (const [name, value] of [['v', 2], ['time', '2026-02-30T00:00:00Z'], ['time', '2026-01-01T00:00:00+00:00'], ['time', '2026-01-01T24:00:00Z'], ['round', 1], ['seq', 0], ['subjects', object({})], ['subjects', object({ resource: Zero, more: Zero })], ['fields', object({ operation: 'free text', result: 'ok' })], ['fields', object({ operation: 'read', result: 'ok', more: 1 })]] as const) {
    assert.ok((await codesWith(access, (members) => members.set(name, value))).includes('V5 entry_malformed'), `${name}`);
  }

  for (const [name, value] of [['more', 1], ['subjects', object({ resource: 'x' })], ['fields', object({ operation: null, result: 'ok' })], ['job', 'Run 1'], ['v', 'x'], ['actor', object({ kind: 'coordinator', id: 'coordinator' })]] as const) {
    assert.ok((await codesWith(access, (members) => members.set(name, value))).includes('V5 body_malformed'), `${name}`);
  }
});

test('Entries: what follows a closed federation, and what its types require', async () => {
  const story = await Story.begin();
  const silo = story.silo(1);
  await story.log({ actor: 'coordinator', type: 'federation_closed', subjects: { signatures: Zero }, fields: { reason: 'done' } });
  await story.log({ actor: 'coordinator', type: 'export', subjects: { bundle: Zero }, fields: { recipient: 'auditor' } });
  await story.log(access);
  await story.checkpoint();
  assert.deepEqual(await codesOf(story), []);
  await story.log({ actor: silo, type: 'agent_started', subjects: { nonce: Zero, journal_head: Zero, ledger_head_1: Zero, ledger_head_2: Zero }, fields: { idx: 1, continuous: true } });
  await story.checkpoint();
  assert.deepEqual(await codesOf(story), ['V5 log_closed']);

  const approved: Entry = { actor: silo, type: 'plan_approved', job: Job, subjects: { config: Zero, initial_model: Zero, policy: Zero }, fields: { role: 'policy' } };
  const limit: Entry = { actor: silo, kind: 'admin', type: 'budget', subjects: { receipt: Zero, dataset: Zero, head_before: Zero, head_after: Zero }, fields: { code: 'limit' } };
  for (const [entry, isRight] of [
    [approved, true],
    [{ ...approved, kind: 'admin' }, false],
    [{ ...approved, kind: 'admin', subjects: { config: Zero, initial_model: Zero } }, true],
    [limit, true],
    [{ ...limit, kind: undefined }, false],
    [{ ...limit, kind: undefined, fields: { code: 'reserve' } }, false],
    [{ ...limit, kind: undefined, fields: { code: 'reserve' }, job: Job }, true],
    [{ actor: silo, type: 'agent_started', subjects: { nonce: Zero, journal_head: Zero, ledger_head_2: Zero }, fields: { idx: 1, continuous: true } }, false],
    [{ actor: 'coordinator', type: 'beacon_void', fields: { draw: 1, missing: '1,3,255' } }, true],
    [{ actor: 'coordinator', type: 'beacon_void', fields: { draw: 1, missing: '3,1' } }, false],
    [{ actor: 'coordinator', type: 'gate', job: Job, subjects: { model: Zero, aggregate: Zero }, fields: { gate: 'norm', passed: true, basis: 'aggregate' } }, false],
    [{ actor: 'coordinator', type: 'key_rotated', subjects: { old: Zero, new: Zero }, fields: { purpose: 'lk' } }, false],
    [{ ...roundStart, round: undefined }, false],
  ] as const) {
    const fresh = await Story.begin();
    await fresh.log({ ...entry, actor: entry.actor === 'coordinator' ? 'coordinator' : fresh.silo(1) } as Entry);
    await fresh.checkpoint();
    assert.equal((await codesOf(fresh)).includes('V5 entry_malformed'), !isRight, `${entry.type} ${JSON.stringify(entry.fields)}`);
  }
});

test('Rosters: a member joins, one leaves, and what their signatures must be', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  const before = story.roster.silos;
  await story.change({ silos: [...before, await makeSilo('silo-4')] });
  await story.checkpoint([story.roster.log], before);
  await story.log(access);
  await story.checkpoint();
  assert.deepEqual(await codesOf(story), []);

  // The one that leaves has no say: min(t(4), 3) others.
  const left = story.roster.silos.slice(0, 3);
  await story.change({ silos: left }, left);
  await story.checkpoint([story.roster.log], left);
  assert.deepEqual(await codesOf(story), []);
});

test('Rosters: a member that is lost at three is removed without its signature and its line', async () => {
  const story = await Story.begin(3);
  await story.checkpoint();
  const left = story.roster.silos.slice(0, 2);
  await story.change({ silos: left }, left);
  await story.checkpoint([story.roster.log], left);
  await story.log(access);
  await story.checkpoint();
  assert.deepEqual(await codesOf(story), []);
});

test('Rosters: too few signatures, too many changes, doubled keys, and a version left out', async () => {
  const tooFew = await Story.begin();
  await tooFew.change({}, tooFew.roster.silos.slice(0, 2));
  await tooFew.checkpoint();
  assert.deepEqual(await codesOf(tooFew), ['V6 roster_missing', 'V6 roster_signatures_missing']);

  const unsigned = await Story.begin();
  await unsigned.change({ silos: [...unsigned.roster.silos, await makeSilo('silo-4')] }, unsigned.roster.silos);
  await unsigned.checkpoint();
  assert.deepEqual((await codesOf(unsigned)).filter((code) => code.startsWith('V6')), ['V6 roster_missing', 'V6 roster_signatures_missing']);

  const two = await Story.begin(4);
  await two.change({ silos: two.roster.silos.slice(0, 2) });
  await two.checkpoint();
  assert.deepEqual((await codesOf(two)).filter((code) => code.startsWith('V6')), ['V6 roster_invalid', 'V6 roster_missing']);

  const doubled = await Story.begin();
  await doubled.change({ log: doubled.roster.coordinator });
  await doubled.checkpoint();
  assert.deepEqual((await codesOf(doubled)).filter((code) => code.startsWith('V6')), ['V6 roster_key_reused', 'V6 roster_missing']);

  const shared = await Story.begin();
  const key = await makeKey();
  await shared.change({ silos: [...shared.roster.silos, { ...(await makeSilo('silo-4')), witness: key }], log: key });
  await shared.checkpoint();
  assert.deepEqual((await codesOf(shared)).filter((code) => code.startsWith('V6')), ['V6 roster_key_reused', 'V6 roster_missing']);

  const gone = await Story.begin();
  await gone.change({});
  await gone.change({});
  await gone.checkpoint();
  gone.files.delete('rosters/000002.json');
  assert.deepEqual((await codesOf(gone)).filter((code) => code.startsWith('V6')), ['V6 roster_missing']);
});

test('Witnesses: enough lines at the end, at each roster, and before a round goes on', async () => {
  const last = await Story.begin();
  await last.checkpoint();
  await last.log(access);
  await last.checkpoint([last.roster.log], last.roster.silos.slice(0, 2));
  assert.deepEqual(await codesOf(last), ['V1 witness_lines_missing']);
  await last.log(access);
  await last.checkpoint();
  assert.deepEqual(await codesOf(last), [], 'between rounds a checkpoint needs no lines');

  for (const isWitnessed of [true, false]) {
    const round = await Story.begin();
    await round.checkpoint();
    await round.log(roundStart);
    await round.checkpoint([round.roster.log], isWitnessed ? round.roster.silos : []);
    await round.log(masked(1));
    await round.log(masked(2));
    await round.checkpoint();
    assert.deepEqual(await codesOf(round), isWitnessed ? [] : ['V1 witness_lines_missing']);
  }
});

test('Witnesses: a line of a stranger, of another text, and of another silo', async () => {
  for (const [code, spoil] of [
    ['V1 note_unsigned', (note: string) => note.replace(/\n— silo-1 .*\n$/, '\n')],
    ['V1 note_unsigned', (note: string) => note.replace('— silo-1 ', '— silo-2 ')],
    ['V1 log_fork', (note: string) => note.replace(/^[^\n]*/, 'other/log')],
    ['V1 note_signature_invalid', (note: string) => note.slice(0, -12) + (note.at(-12) === 'A' ? 'B' : 'A') + note.slice(-11)],
  ] as const) {
    const story = await Story.begin();
    await story.checkpoint();
    await story.log(access);
    await story.checkpoint();
    await story.log(access);
    await story.checkpoint();
    const path = 'log/cosigned/2/silo-1';
    const note = utf8(story.files.get(path) ?? new Uint8Array(0)) ?? '';
    story.files.set(path, bytesOf(spoil(note)));
    assert.deepEqual(await codesOf(story), [code]);
  }
});

test('The log’s key: rotation with an overlap of seven days', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  const [old, next] = [story.roster.log, await makeKey()];
  await story.changeLogKey('key_rotated', next);
  await story.checkpoint([old]);
  await story.log(access);
  await story.checkpoint([old, next]);
  story.time += 7 * Day;
  await story.log({ actor: 'coordinator', type: 'key_retired', subjects: { old: old.fingerprint, new: next.fingerprint }, fields: { purpose: 'lk' } });
  await story.checkpoint([next]);
  assert.deepEqual(await codesOf(story), []);
});

test('The log’s key: changes against the rules', async () => {
  const old = async (): Promise<Story> => {
    const story = await Story.begin();
    await story.checkpoint();
    return story;
  };

  const early = await old();
  const [first, next] = [early.roster.log, await makeKey()];
  await early.changeLogKey('key_rotated', next);
  await early.checkpoint([first]);
  await early.log(access);
  await early.checkpoint([next]);
  assert.deepEqual(await codesOf(early), ['V1 note_unsigned'], 'one key alone during the overlap');

  const retired = await old();
  const before = retired.roster.log;
  await retired.changeLogKey('key_rotated', next);
  await retired.checkpoint([before]);
  await retired.log({ actor: 'coordinator', type: 'key_retired', subjects: { old: before.fingerprint }, fields: { purpose: 'lk' } });
  await retired.checkpoint([before, next]);
  assert.deepEqual(await codesOf(retired), ['V11 log_key_change'], 'retired before its time');

  const self = await old();
  const thief = await makeKey();
  await self.log({ actor: 'coordinator', type: 'key_rotated', subjects: { old: self.roster.log.fingerprint, new: thief.fingerprint, roster: self.rosterDigest }, fields: { purpose: 'lk' } });
  await self.checkpoint([self.roster.log]);
  await self.log(access);
  await self.checkpoint([thief]);
  assert.deepEqual(await codesOf(self), ['V1 note_unsigned', 'V11 log_key_change'], 'a key that no roster names');
});

test('The log’s key: one that was lost is replaced at once', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  const next = await makeKey();
  await story.changeLogKey('key_replaced', next);
  await story.checkpoint([next]);
  assert.deepEqual(await codesOf(story), []);
  await story.log(access);
  await story.checkpoint([await makeKey()]);
  assert.deepEqual(await codesOf(story), ['V1 note_unsigned']);
});

test('Keys of other roles change to keys that have the role', async () => {
  assert.deepEqual(await codesWith({ actor: 'coordinator', type: 'key_rotated', subjects: { old: Zero, new: Zero }, fields: { purpose: 'ck' } }), ['V11 key_change_unknown']);
});

test('A key that is not in the evidence is missed', async () => {
  const story = await Story.begin();
  await story.checkpoint();
  story.files.delete(`keys/${story.roster.coordinator.fingerprint}.der`);
  assert.deepEqual(await codesOf(story), ['V5 public_key_missing']);
});
