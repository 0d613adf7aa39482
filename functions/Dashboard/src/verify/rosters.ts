// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { base64, isDigest, isSame, bytesOf, toBase64, type Bytes } from './bytes';
import { Failure } from './failure';
import type { Findings } from './findings';
import type { Inventory } from './inventory';
import { parseCanonical, parseJson, type Json } from './json';
import { KeyRing, NoteKey, VerificationKey, pae } from './keys';
import { digestName, rosterPath, rosterVersion } from './layout';
import { sha256Hex } from './merkle';
import { Shape } from './shape';

const RosterType = 'application/vnd.fedcloud.roster+json';
const EnrolmentType = 'application/vnd.fedcloud.enrolment+json';
const MaxMembers = 255;

export interface RosterMember {
  readonly idx: number;
  readonly siloId: string;
  /** The fingerprint of the identity key IK. */
  readonly identity: string;
  /** The witness key WK. */
  readonly witness: NoteKey;
  /** The fingerprint of the administrator key AK. */
  readonly admin: string;
}

/** The members of a federation (keys-and-identity, section 3). Only a quorum of its members can change it. */
export interface Roster {
  /** The SHA-256 of its signed bytes. */
  readonly digest: string;
  readonly federation: string;
  readonly version: number;
  readonly n: number;
  readonly members: readonly RosterMember[];
  /** The fingerprints of the coordinator's message keys CK. */
  readonly coordinator: readonly string[];
  /** The log key LK. */
  readonly log: NoteKey;
}

/** A roster and the index of the entry that put it in force. */
export interface LoggedRoster {
  readonly index: number;
  readonly roster: Roster;
}

interface Envelope {
  readonly payloadType: string;
  readonly payload: Bytes;
  readonly signatures: readonly { readonly keyId: string; readonly sig: Bytes }[];
}

interface Bundle {
  readonly path: string;
  readonly version: number;
  readonly envelope: Envelope;
}

/** The number of member signatures that a change needs: t = floor(2n/3) + 1 (secure-aggregation, section 2). */
export function threshold(n: number): number {
  return Math.floor((2 * n) / 3) + 1;
}

export function memberOf(roster: Roster, silo: string): RosterMember | null {
  return roster.members.find((member) => member.siloId === silo) ?? null;
}

/** The members of the old roster that the new one removes or whose keys it replaces. */
export function touched(previous: Roster, next: Roster): ReadonlySet<string> {
  return new Set(previous.members.filter((old) => !hasSameKeys(old, memberOf(next, old.siloId))).map((old) => old.siloId));
}

/** Each key of a roster with the role that it has there. */
export function rolesOf(roster: Roster): readonly (readonly [key: string, role: string])[] {
  return [
    ...roster.members.flatMap((member) => [
      [member.identity, `ik of ${member.siloId}`] as const,
      [member.witness.key.fingerprint, `wk of ${member.siloId}`] as const,
      [member.admin, `ak of ${member.siloId}`] as const,
    ]),
    ...roster.coordinator.map((key) => [key, 'ck'] as const),
    [roster.log.key.fingerprint, 'lk'],
  ];
}

/** The rosters of the evidence: their chain of signatures (V6), and the keys that come with them. */
export class RosterFiles {
  private readonly verified: Roster[] = [];
  private readonly signatures: number[] = [];

  private constructor() {}

  /** The rosters that their chain carries, version 1 first. */
  get chain(): readonly Roster[] {
    return this.verified;
  }

  /** How many signatures a roster of the chain carries. */
  signaturesOf(version: number): number {
    return this.signatures[version - 1] ?? 0;
  }

  static async read(evidence: Inventory, keys: KeyRing, findings: Findings): Promise<RosterFiles> {
    for (const path of evidence.of('key')) {
      const bytes = await evidence.read(path);
      await findings.try('V11', path, () => addKey(path, bytes, keys));
    }

    const bundles: Bundle[] = [];
    for (const path of evidence.of('roster')) {
      const bytes = await evidence.read(path);
      await findings.try('V6', path, async () => {
        bundles.push(await readBundle(path, bytes, keys));
      });
    }

    const files = new RosterFiles();
    await files.verifyChain(bundles.sort((one, other) => one.version - other.version), keys, findings);
    files.requireDistinctKeys(findings);
    return files;
  }

  private async verifyChain(bundles: readonly Bundle[], keys: KeyRing, findings: Findings): Promise<void> {
    for (const { path, version, envelope } of bundles) {
      const passed = await findings.try('V6', path, async () => {
        if (version !== this.verified.length + 1) {
          throw new Failure('roster_missing', `version ${this.verified.length + 1} before it is missing or does not verify`);
        }

        const signers = await requireSigned(envelope, keys);
        if (envelope.payloadType !== RosterType) {
          throw invalid('expected a roster, found another payload type');
        }

        const roster = await parseRoster(envelope.payload);
        requireStep(this.verified.at(-1) ?? null, roster);
        requireSignatures(this.verified.at(-1) ?? null, roster, signers);
        this.verified.push(roster);
        this.signatures.push(envelope.signatures.length);
      });
      if (!passed) {
        return;
      }
    }
  }

  private requireDistinctKeys(findings: Findings): void {
    const roles = new Map<string, string>();
    for (const roster of this.verified) {
      for (const [key, role] of rolesOf(roster)) {
        const before = roles.get(key) ?? role;
        roles.set(key, before);
        if (before !== role) {
          findings.atFile('V6', 'roster_key_reused', rosterPath(roster.version), `key ${key.slice(0, 16)}… is ${role} and was ${before}`);
        }
      }
    }
  }
}

async function addKey(path: string, bytes: Bytes, keys: KeyRing): Promise<void> {
  const key = await VerificationKey.fromSpki(bytes);
  if (key.fingerprint !== digestName(path)) {
    throw new Failure('evidence_mismatch', 'the key is not the one whose fingerprint names it');
  }

  keys.add(key);
}

// The joins show the keys of the members in full; what a roster says of its members must be what their joins say.
async function readBundle(path: string, bytes: Bytes, keys: KeyRing): Promise<Bundle> {
  const shape = Shape.of(jsonOf(bytes), 'roster bundle', ['roster', 'joins'], [], 'roster_invalid');
  const envelope = envelopeOf(shape.get('roster'));
  const joins = shape.list('joins').map(envelopeOf);
  const text = `{"roster":${textOf(envelope)},"joins":[${joins.map(textOf).join(',')}]}`;
  if (!isSame(bytes, bytesOf(text))) {
    throw new Failure('roster_invalid', 'the bytes are not what a roster bundle is written as');
  }

  const roster = await parseRoster(envelope.payload);
  const members = await Promise.all(joins.map((join, i) => readJoin(join, i + 1, keys)));
  keys.add(roster.log.key);
  if (members.length !== roster.n || !members.every((member, i) => roster.members[i]?.idx === member.idx && roster.members[i]?.siloId === member.siloId && hasSameKeys(member, roster.members[i] ?? null))) {
    throw new Failure('roster_invalid', 'the joins are not those of the roster’s members, in their order');
  }

  return { path, version: rosterVersion(path) ?? 0, envelope };
}

function jsonOf(bytes: Bytes): Json {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw error instanceof Failure ? new Failure('roster_invalid', `the stored roster: ${error.found}`) : error;
  }
}

function envelopeOf(value: Json): Envelope {
  const shape = Shape.of(value, 'envelope', ['payloadType', 'payload', 'signatures'], [], 'roster_invalid');
  const payload = base64(shape.text('payload'));
  const signatures = shape.list('signatures').map((item) => {
    const signature = Shape.of(item, 'signature', ['keyid', 'sig'], [], 'roster_invalid');
    return { keyId: signature.text('keyid'), sig: base64(signature.text('sig')) };
  });
  if (payload === null || signatures.some(({ sig }) => sig === null)) {
    throw new Failure('roster_invalid', 'the stored roster: expected base64, found other text');
  }

  return { payloadType: shape.text('payloadType'), payload, signatures: signatures as Envelope['signatures'] };
}

// As the coordinator writes it: members in this order, and in strings all escaped that HTML could take for its own.
function textOf(envelope: Envelope): string {
  const signatures = envelope.signatures.map(({ keyId, sig }) => `{"keyid":${escaped(keyId)},"sig":"${toBase64(sig)}"}`);
  return `{"payloadType":${escaped(envelope.payloadType)},"payload":"${toBase64(envelope.payload)}","signatures":[${signatures.join(',')}]}`;
}

function escaped(text: string): string {
  const body = text.replace(/["&'+<>`\\\u0000-\u001f\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  return `"${body}"`;
}

async function readJoin(envelope: Envelope, idx: number, keys: KeyRing): Promise<RosterMember> {
  const shape = Shape.of(parseCanonical(envelope.payload, 'join'), 'join', ['type', 'federation', 'silo_id', 'ik_spki', 'witness_vkey', 'admin_spki', 'data_card_sha256']);
  const siloId = shape.identifier('silo_id');
  shape.identifier('federation');
  shape.digest('data_card_sha256');
  const identity = await VerificationKey.fromBase64(shape.text('ik_spki'));
  const admin = await VerificationKey.fromBase64(shape.text('admin_spki'));
  const witness = await NoteKey.parse(shape.text('witness_vkey'));

  // The keys come from the body itself: the signatures prove possession, the roster quorum decides who they are.
  const own = new KeyRing();
  own.add(identity);
  own.add(admin);
  const signers = await requireSigned(envelope, own);
  const isDistinct = new Set([identity.fingerprint, admin.fingerprint, witness.key.fingerprint]).size === 3;
  if (envelope.payloadType !== EnrolmentType || shape.text('type') !== 'join' || !isDistinct || !signers.has(identity.fingerprint) || !signers.has(admin.fingerprint)) {
    throw new Failure('join_refused', 'expected signatures of three distinct keys’ owner, identity and administrator, found another form');
  }

  keys.add(identity);
  keys.add(admin);
  keys.add(witness.key);
  return { idx, siloId, identity: identity.fingerprint, witness, admin: admin.fingerprint };
}

// Evidence holds nothing that cannot be checked: a signature of nobody known is refused, even where enough others are there.
async function requireSigned(envelope: Envelope, keys: KeyRing): Promise<ReadonlySet<string>> {
  const message = pae(envelope.payloadType, envelope.payload);
  for (const { keyId, sig } of envelope.signatures) {
    if ((await keys.find(keyId)?.verify(message, sig)) !== true) {
      throw new Failure('signature_invalid', 'a signature is of no key of the evidence, or does not verify');
    }
  }

  return new Set(envelope.signatures.map(({ keyId }) => keyId));
}

async function parseRoster(payload: Bytes): Promise<Roster> {
  const shape = Shape.of(parseCanonical(payload, 'roster'), 'roster', ['federation', 'version', 'n', 'members', 'coordinator_spki_sha256', 'log_vkey', 'policy']);
  const coordinator = shape.list('coordinator_spki_sha256');
  if (!coordinator.every(isDigest) || [...shape.map('policy').values()].some((value) => typeof value !== 'string')) {
    throw new Failure('body_malformed', 'roster: coordinator keys or policy do not have the expected form');
  }

  const roster: Roster = {
    digest: await sha256Hex(payload),
    federation: shape.identifier('federation'),
    version: shape.int32('version'),
    n: shape.int32('n'),
    members: await Promise.all(shape.list('members').slice(0, MaxMembers + 1).map(parseMember)),
    coordinator,
    log: await NoteKey.parse(shape.text('log_vkey')),
  };
  requireShape(roster);
  return roster;
}

async function parseMember(value: Json): Promise<RosterMember> {
  const shape = Shape.of(value, 'member', ['idx', 'silo_id', 'ik_spki_sha256', 'witness_vkey', 'admin_spki_sha256']);
  return {
    idx: shape.int32('idx'),
    siloId: shape.identifier('silo_id'),
    identity: shape.digest('ik_spki_sha256'),
    witness: await NoteKey.parse(shape.text('witness_vkey')),
    admin: shape.digest('admin_spki_sha256'),
  };
}

// What needs no other document: indexes, names, distinct keys (RS5).
function requireShape(roster: Roster): void {
  const { version, n, members, coordinator } = roster;
  if (version < 1 || n !== members.length || n < 2 || n > MaxMembers) {
    throw invalid(`expected 2 to ${MaxMembers} members as counted, found n = ${n} with ${members.length} listed`);
  }

  if (members.some((member, i) => member.idx !== i + 1) || new Set(members.map((member) => member.siloId)).size !== n) {
    throw invalid('expected each silo once, with indexes from 1 without gaps');
  }

  if (coordinator.length === 0) {
    throw invalid('no coordinator key is listed');
  }

  const seen = new Set<string>();
  for (const [key] of rolesOf(roster)) {
    if (seen.has(key)) {
      throw new Failure('roster_key_reused', `key ${key.slice(0, 16)}… appears in two roles`);
    }

    seen.add(key);
  }
}

function requireStep(previous: Roster | null, next: Roster): void {
  if (previous === null) {
    if (next.version !== 1) {
      throw invalid(`expected version 1 as the first, found ${next.version}`);
    }

    return;
  }

  if (next.federation !== previous.federation || next.version !== previous.version + 1) {
    throw invalid(`expected version ${previous.version + 1} of federation ${previous.federation}, found version ${next.version} of ${next.federation}`);
  }

  if (touched(previous, next).size > 1) {
    throw invalid('one version removes or replaces more than one member');
  }

  // RS5: no key appears twice, in any role, also across versions: a key may only stay where it was.
  const before = new Map(rolesOf(previous));
  for (const [key, role] of rolesOf(next)) {
    const old = before.get(key) ?? role;
    if (old !== role) {
      throw new Failure('roster_key_reused', `key ${key.slice(0, 16)}… was ${old} and becomes ${role}`);
    }
  }
}

function requireSignatures(previous: Roster | null, next: Roster, signers: ReadonlySet<string>): void {
  if (previous === null) {
    // RS1: version 1 is signed by all members.
    const missing = next.members.find((member) => !signers.has(member.identity));
    if (missing !== undefined) {
      throw new Failure('roster_signatures_missing', `version 1 needs every member; ${missing.siloId} has not signed`);
    }

    return;
  }

  // RS2: t(v) members of the version before; a removed or replaced member does not count, and then min(t(v), n(v) - 1) others suffice.
  const without = touched(previous, next);
  const needed = without.size === 0 ? threshold(previous.n) : Math.min(threshold(previous.n), previous.n - 1);
  const found = previous.members.filter((member) => !without.has(member.siloId) && signers.has(member.identity)).length;
  if (found < needed) {
    throw new Failure('roster_signatures_missing', `expected ${needed} members of version ${previous.version}, found ${found}`);
  }

  // And each member that is new or has a new identity key.
  const silent = next.members.find((member) => memberOf(previous, member.siloId)?.identity !== member.identity && !signers.has(member.identity));
  if (silent !== undefined) {
    throw new Failure('roster_signatures_missing', `the new member ${silent.siloId} has not signed`);
  }
}

function hasSameKeys(one: RosterMember, other: RosterMember | null): boolean {
  return other !== null && one.identity === other.identity && one.witness.vkey === other.witness.vkey && one.admin === other.admin;
}

function invalid(found: string): Failure {
  return new Failure('roster_invalid', found);
}
