// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { bytesOf, concat, hex, toBase64, type Bytes } from '../src/verify/bytes';
import { formatTime } from '../src/verify/entries';
import { canonical, type Json } from '../src/verify/json';
import { pae } from '../src/verify/keys';
import { CompactRange, hashLeaf, perfectLevels, rootOf, sha256, sha256Hex } from '../src/verify/merkle';
import { bundlePath, FullWidth, newBundles, newTiles, tilePath } from '../src/verify/tiles';
import type { Files } from './zips';

const Ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const Federation = 'story-federation';
export const Origin = 'story-federation/log';
export const Zero = '0'.repeat(64);

/** A key pair for one story. */
export interface Key {
  readonly spki: Bytes;
  readonly fingerprint: string;
  readonly sign: (message: Bytes) => Promise<Bytes>;
}

export interface Silo {
  readonly name: string;
  readonly identity: Key;
  readonly witness: Key;
  readonly admin: Key;
}

export interface Entry {
  readonly actor: 'coordinator' | Silo;
  readonly kind?: 'admin';
  readonly type: string;
  readonly job?: string;
  readonly round?: number;
  readonly subjects?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

interface RosterBody {
  readonly version: number;
  readonly silos: readonly Silo[];
  readonly coordinator: Key;
  readonly log: Key;
}

export async function makeKey(): Promise<Key> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(Ecdsa, true, ['sign', 'verify']);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  return { spki, fingerprint: hex(await sha256(spki)), sign: async (message) => new Uint8Array(await crypto.subtle.sign(Ecdsa, privateKey, message)) };
}

export async function makeSilo(name: string): Promise<Silo> {
  const [identity, witness, admin] = await Promise.all([makeKey(), makeKey(), makeKey()]);
  return { name, identity, witness, admin };
}

export function vkeyOf(name: string, key: Key): string {
  return `${name}+${key.fingerprint.slice(0, 8)}+${toBase64(concat(Uint8Array.of(2), key.spki))}`;
}

/** A log with members, witnesses and entries of its own, and the files that it leaves. */
export class Story {
  readonly files: Files = new Map();
  readonly signed: { readonly size: number; readonly text: string }[] = [];
  roster: RosterBody;
  rosterDigest = Zero;
  time = Date.parse('2026-01-01T00:00:00Z');
  private readonly raw: Bytes[] = [];
  private readonly leaves: Bytes[] = [];
  private readonly numbers = new Map<string, number>();

  private constructor(roster: RosterBody) {
    this.roster = roster;
  }

  /** A log of which entry 0 is the roster of so many silos; no checkpoint is signed yet. */
  static async begin(silos = 3): Promise<Story> {
    const members = await Promise.all(Array.from({ length: silos }, (_, i) => makeSilo(`silo-${i + 1}`)));
    const story = new Story({ version: 0, silos: members, coordinator: await makeKey(), log: await makeKey() });
    story.files.set(`keys/${story.roster.coordinator.fingerprint}.der`, story.roster.coordinator.spki);
    await story.change({});
    return story;
  }

  get size(): number {
    return this.raw.length;
  }

  silo(index: number): Silo {
    const found = this.roster.silos[index - 1];
    if (found === undefined) {
      throw new RangeError(`no silo ${index}`);
    }

    return found;
  }

  /** Makes the next roster, with the signatures given or those of all its members, and logs it. */
  async change(to: Partial<RosterBody>, signers?: readonly Silo[]): Promise<void> {
    const before = this.roster.silos;
    this.roster = { ...this.roster, ...to, version: this.roster.version + 1 };
    const { version, silos, coordinator, log } = this.roster;
    const body = object({
      coordinator_spki_sha256: [coordinator.fingerprint],
      federation: Federation,
      log_vkey: vkeyOf(Origin, log),
      members: silos.map((silo, i) => object({ admin_spki_sha256: silo.admin.fingerprint, idx: i + 1, ik_spki_sha256: silo.identity.fingerprint, silo_id: silo.name, witness_vkey: vkeyOf(silo.name, silo.witness) })),
      n: silos.length,
      policy: object({}),
      version,
    });
    const payload = bytesOf(canonical(body));
    const type = 'application/vnd.fedcloud.roster+json';
    const who = signers ?? [...new Set([...before.filter((silo) => silos.includes(silo)), ...silos])];
    const roster = await envelope(type, payload, who.map((silo) => silo.identity));
    const joins = await Promise.all(silos.map(joinOf));
    this.files.set(`rosters/${String(version).padStart(6, '0')}.json`, bytesOf(`{"roster":${roster},"joins":[${joins.join(',')}]}`));
    this.rosterDigest = await sha256Hex(payload);
    await this.log({ actor: 'coordinator', type: 'roster', subjects: { roster: this.rosterDigest }, fields: { version, n: silos.length, t: Math.floor((2 * silos.length) / 3) + 1, signatures: who.length } });
  }

  /** Gives the log another key: the roster, and the entry that follows it. */
  async changeLogKey(type: 'key_rotated' | 'key_replaced', next: Key, between: () => Promise<void> = async () => {}): Promise<void> {
    const old = this.roster.log.fingerprint;
    await this.change({ log: next });
    await between();
    await this.log({ actor: 'coordinator', type, subjects: { old, new: next.fingerprint, roster: this.rosterDigest }, fields: { purpose: 'lk' } });
  }

  /** Logs an entry, with its signature or as somebody else made it. */
  async log(entry: Entry, spoil: (members: Map<string, Json>) => void = () => {}): Promise<void> {
    const isCoordinator = entry.actor === 'coordinator';
    const kind = entry.kind ?? (isCoordinator ? 'coordinator' : 'silo');
    const id = isCoordinator ? 'coordinator' : (entry.actor as Silo).name;
    const key = isCoordinator ? this.roster.coordinator : entry.kind === 'admin' ? (entry.actor as Silo).admin : (entry.actor as Silo).identity;
    const seq = (this.numbers.get(`${kind} ${id}`) ?? 0) + 1;
    this.numbers.set(`${kind} ${id}`, seq);
    const members = new Map<string, Json>([
      ['v', 1],
      ['type', entry.type],
      ['time', formatTime((this.time += 1000))],
      ['actor', object({ kind, id, key_id: key.fingerprint })],
      ['federation', Federation],
      ['job', entry.job ?? null],
      ['round', entry.round ?? null],
      ['subjects', object(entry.subjects ?? {})],
      ['fields', object(entry.fields ?? {})],
      ['seq', seq],
    ]);
    spoil(members);
    const payload_type = 'application/vnd.fedcloud.audit+json';
    const sig = await key.sign(pae(payload_type, bytesOf(canonical(members))));
    members.set('dsse', object({ payload_type, keyid: key.fingerprint, sig: toBase64(sig) }));
    await this.append(bytesOf(canonical(members)));
  }

  async append(entry: Bytes): Promise<void> {
    this.raw.push(entry);
    this.leaves.push(await hashLeaf(entry));
  }

  /** Signs and archives a checkpoint over all entries so far. */
  async checkpoint(keys: readonly Key[] = [this.roster.log], witnesses: readonly Silo[] = this.roster.silos): Promise<void> {
    const text = `${Origin}\n${this.size}\n${toBase64(await this.root())}\n`;
    const note = `${text}\n${(await Promise.all(keys.map((key) => lineOf(Origin, key, text)))).join('')}`;
    this.files.set(`log/checkpoint-archive/${this.size}`, bytesOf(note));
    this.files.set('log-head/checkpoint', bytesOf(note));
    for (const silo of witnesses) {
      this.files.set(`log/cosigned/${this.size}/${silo.name}`, bytesOf(note + (await lineOf(silo.name, silo.witness, text))));
    }

    this.signed.push({ size: this.size, text });
    await this.writeTiles(this.signed.at(-2)?.size ?? 0);
  }

  private async root(): Promise<Bytes> {
    const range = new CompactRange();
    const whole = Math.floor(this.leaves.length / FullWidth);
    for (let tile = 0; tile < whole; tile++) {
      await range.append(await this.tileRoot(tile));
    }

    const rest = new CompactRange();
    for (const leaf of this.leaves.slice(whole * FullWidth)) {
      await rest.append(leaf);
    }

    return rootOf([...range.peaks, ...rest.peaks]);
  }

  private readonly tileRoots = new Map<number, Bytes>();

  private async tileRoot(tile: number): Promise<Bytes> {
    const known = this.tileRoots.get(tile) ?? (await perfectLevels(this.leaves.slice(tile * FullWidth, (tile + 1) * FullWidth))).at(-1)?.[0];
    this.tileRoots.set(tile, known as Bytes);
    return known as Bytes;
  }

  private async writeTiles(before: number): Promise<void> {
    for (const bundle of newBundles(before, this.size)) {
      const entries = this.raw.slice(bundle.index * FullWidth, bundle.index * FullWidth + bundle.width);
      this.files.set(`log/${bundlePath(bundle)}`, concat(...entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 255), entry])));
    }

    for (const tile of newTiles(before, this.size)) {
      const first = tile.index * FullWidth;
      const hashes = await Promise.all(Array.from({ length: tile.width }, (_, i) => this.hashAt(tile.level, first + i)));
      this.files.set(`log/${tilePath(tile)}`, concat(...hashes));
    }
  }

  private async hashAt(level: number, index: number): Promise<Bytes> {
    if (level === 0) {
      return this.leaves[index] as Bytes;
    }

    return level === 1 ? this.tileRoot(index) : ((await perfectLevels(await Promise.all(Array.from({ length: FullWidth }, (_, i) => this.hashAt(level - 1, index * FullWidth + i))))).at(-1)?.[0] as Bytes);
  }
}

export function object(members: Readonly<Record<string, Json>>): Json {
  return new Map(Object.entries(members));
}

async function joinOf(silo: Silo): Promise<string> {
  const body = object({ type: 'join', federation: Federation, silo_id: silo.name, ik_spki: toBase64(silo.identity.spki), witness_vkey: vkeyOf(silo.name, silo.witness), admin_spki: toBase64(silo.admin.spki), data_card_sha256: Zero });
  return envelope('application/vnd.fedcloud.enrolment+json', bytesOf(canonical(body)), [silo.identity, silo.admin]);
}

async function envelope(type: string, payload: Bytes, keys: readonly Key[]): Promise<string> {
  const signatures = await Promise.all(keys.map(async (key) => `{"keyid":"${key.fingerprint}","sig":"${toBase64(await key.sign(pae(type, payload)))}"}`));
  return `{"payloadType":"${type.replace('+', '\\u002B')}","payload":"${toBase64(payload)}","signatures":[${signatures.join(',')}]}`;
}

async function lineOf(name: string, key: Key, text: string): Promise<string> {
  const id = Uint8Array.from(key.fingerprint.slice(0, 8).match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return `— ${name} ${toBase64(concat(id, derOf(await key.sign(bytesOf(text)))))}\n`;
}

function derOf(signature: Bytes): Bytes {
  const integers = [signature.slice(0, 32), signature.slice(32)].map((scalar) => {
    const first = scalar.findIndex((byte) => byte !== 0);
    const value = scalar.slice(first);
    const sign = (value[0] ?? 0) >= 0x80 ? [0] : [];
    return Uint8Array.of(0x02, sign.length + value.length, ...sign, ...value);
  });
  const body = concat(...integers);
  return concat(Uint8Array.of(0x30, body.length), body);
}
