// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { decimal, isDigest, isIdentifier } from './bytes';
import type { Json } from './json';

export type ActorKind = 'coordinator' | 'silo' | 'admin';

/** The members of an entry that the rules of its type are about. */
export interface EntryContent {
  readonly kind: ActorKind;
  readonly job: string | null;
  readonly round: number | null;
  readonly subjects: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, Json>;
}

type Rule = (entry: EntryContent) => string | null;
type Scope = 'any' | 'job' | 'round';

interface Member {
  readonly name: string;
  readonly isRequired: boolean;
}

// Any number of digests: the name with _1, _2, … behind it.
interface Subject extends Member {
  readonly isNumbered: boolean;
}

interface Field extends Member {
  readonly allows: (value: Json) => boolean;
}

interface Schema {
  readonly signers: readonly ActorKind[];
  readonly scope: Scope;
  readonly subjects: readonly Subject[];
  readonly fields: readonly Field[];
  readonly rule: Rule;
}

const C: readonly ActorKind[] = ['coordinator'];
const S: readonly ActorKind[] = ['silo'];
const A: readonly ActorKind[] = ['admin'];
const KeyPurposes = ['ik', 'wk', 'ak', 'ck', 'lk', 'kek'];
const BudgetCodes = ['reserve', 'charge', 'settle', 'refuse', 'limit', 'recompute'];

/** The rows of audit-log, section 7. The specification names subjects and fields in words; their names in JSON are these. */
const Rows: ReadonlyMap<string, Schema> = new Map([
  ['roster', row(C, 'any', [digest('roster')], [integer('version'), integer('n'), integer('t'), integer('signatures')])],
  ['policy', row(A, 'any', [digest('policy')], [silo()])],
  ['plan_submitted', row(C, 'job', [digest('config'), digest('initial_model')], [code('role')])],
  ['plan_approved', row([...A, ...S], 'job', [digest('config'), digest('initial_model'), optional(digest('policy'))], [code('role')], policyOfSilo)],
  ['plan_refused', row([...A, ...S], 'job', [digest('config'), digest('initial_model'), optional(digest('policy'))], [code('role'), code('reason')], policyOfSilo)],
  ['epoch_open', row(C, 'any', [digest('sid'), digest('l1')], [integer('epoch'), integer('slots')])],
  ['epoch_ready', row(C, 'any', [digest('sid'), digest('u2')], [])],
  ['epoch_abandoned', row(C, 'any', [digest('sid'), optional(digest('u2'))], [code('reason')])],
  ['agent_started', row(S, 'any', [digest('nonce'), digest('journal_head'), optional(digests('ledger_head'))], [integer('idx'), flag('continuous')])],
  ['beacon_commit', row(S, 'any', [digest('commitment')], [integer('draw'), integer('idx')])],
  ['beacon_reveal', row(S, 'any', [digest('commitment')], [integer('draw'), integer('idx'), field('value', isDigest)])],
  ['beacon_void', row(C, 'any', [], [integer('draw'), field('missing', isIndexes)])],
  ['round_start', row(C, 'round', [digest('rid'), digest('model'), digest('config')], [integer('slot'), integer('d'), integer('k'), integer('deadline')])],
  ['masked', row(C, 'round', [digest('rid'), digest('masked'), digest('ledger_head'), digest('journal_head')], [integer('idx')])],
  ['burned', row(S, 'round', [digest('rid'), digest('burned')], [integer('idx')])],
  ['u3', row(C, 'round', [digest('rid'), digest('u3')], [integer('count')])],
  ['result', row(C, 'round', [digest('rid'), digest('u3'), digest('seeds'), digest('aggregate'), digest('new_model')], [])],
  ['round_failed', row(C, 'round', [digest('rid')], [code('reason')])],
  ['gate', row(C, 'job', [optional(digest('model')), optional(digest('aggregate'))], [code('gate'), flag('passed'), code('basis', 'public', 'metric', 'aggregate', 'excluded')], oneEvaluated)],
  ['alarm', row([...S, ...C], 'any', [digests('evidence')], [code('code')])],
  ['budget', row([...S, ...A], 'any', [digest('receipt'), digest('dataset'), digest('head_before'), digest('head_after')], [code('code', ...BudgetCodes)], budgetScope)],
  ['model_released', row(C, 'job', [digest('model'), digest('evaluation')], [integer('version'), integer('votes'), code('basis', 'public', 'metric', 'excluded')])],
  ['channel_moved', row(C, 'any', [digest('model')], [code('adapter'), code('channel'), integer('version'), code('reason')])],
  ['model_rolled_back', row(C, 'job', [digest('model'), digest('rollback')], [integer('version'), integer('first_round')])],
  ['kek_current', row(C, 'any', [digest('kek')], [field('kid', isKeyIdentifier)])],
  ['key_rotated', row(C, 'any', [digest('old'), digest('new'), optional(digest('roster'))], [code('purpose', ...KeyPurposes)], rosterOfLogKey)],
  ['key_replaced', row(C, 'any', [digest('old'), digest('new'), optional(digest('roster'))], [code('purpose', ...KeyPurposes)], rosterOfLogKey)],
  ['key_retired', row(C, 'any', [digest('old'), optional(digest('new')), optional(digest('roster'))], [code('purpose', ...KeyPurposes)])],
  ['silo_invited', row(C, 'any', [digest('commitment')], [silo()])],
  ['identity_enrolled', row(C, 'any', identity(), [silo()])],
  ['identity_revoked', row(C, 'any', identity(), [silo(), integer('first_index')])],
  ['federation_closed', row(C, 'any', [digest('signatures')], [code('reason')])],
  ['access', row(C, 'any', [digest('resource')], [code('operation'), code('result')])],
  ['deploy', row(C, 'any', [digest('image'), digest('materials'), digest('code')], [])],
  ['export', row(C, 'any', [digest('bundle')], [code('recipient')])],
]);

/** All types of entries, in the order of the table. */
export const EntryTypes: readonly string[] = [...Rows.keys()];

/** What is wrong with an entry under the rules of its type: a code and a sentence; null when nothing is. */
export function wrongWith(type: string, entry: EntryContent): readonly [code: string, found: string] | null {
  const schema = Rows.get(type);
  if (schema === undefined) {
    return ['entry_type_unknown', 'expected a type of the log’s table, found another'];
  }

  if (!schema.signers.includes(entry.kind)) {
    return ['entry_signer', `entries of type ${type} are not signed by actors of kind ${entry.kind}`];
  }

  const lacksScope = (schema.scope !== 'any' && entry.job === null) || (schema.scope === 'round' && entry.round === null) || (entry.job === null && entry.round !== null);
  const wrong = (lacksScope ? 'it lacks the job or the round that it is about' : null) ?? wrongSubject(schema, entry) ?? wrongField(schema, entry) ?? schema.rule(entry);
  return wrong === null ? null : ['entry_malformed', `${type}: ${wrong}`];
}

function wrongSubject(schema: Schema, entry: EntryContent): string | null {
  const names = [...entry.subjects.keys()];
  if (names.some((name) => !schema.subjects.some((subject) => isNamed(subject, name)))) {
    return 'it has a subject that its type does not know';
  }

  const lacking = schema.subjects.find((subject) => {
    const count = names.filter((name) => isNamed(subject, name)).length;
    const isGapless = !subject.isNumbered || Array.from({ length: count }, (_, i) => `${subject.name}_${i + 1}`).every((name) => entry.subjects.has(name));
    return (subject.isRequired && count === 0) || !isGapless;
  });
  return lacking === undefined ? null : `it lacks the subject ${lacking.name}`;
}

function wrongField(schema: Schema, entry: EntryContent): string | null {
  const lacking = schema.fields.find(({ name, isRequired, allows }) => {
    const value = entry.fields.get(name);
    return value === undefined ? isRequired : !allows(value);
  });
  if (lacking !== undefined) {
    return `it lacks a valid field ${lacking.name}`;
  }

  return [...entry.fields.keys()].some((name) => !schema.fields.some((known) => known.name === name)) ? 'it has a field that its type does not know' : null;
}

function isNamed(subject: Subject, name: string): boolean {
  if (!subject.isNumbered) {
    return name === subject.name;
  }

  const number = name.startsWith(`${subject.name}_`) ? decimal(name.slice(subject.name.length + 1)) : null;
  return number !== null && number >= 1;
}

// A silo signs alone only where its signed policy decides; then the entry names that policy.
function policyOfSilo(entry: EntryContent): string | null {
  return (entry.kind === 'silo') === entry.subjects.has('policy') ? null : 'the policy hash is given exactly where the silo signs';
}

function oneEvaluated(entry: EntryContent): string | null {
  return entry.subjects.has('model') !== entry.subjects.has('aggregate') ? null : 'either a model or an aggregate was evaluated';
}

function budgetScope(entry: EntryContent): string | null {
  const what = entry.fields.get('code');
  if ((what === 'limit') !== (entry.kind === 'admin')) {
    return 'limits are signed by the administrator, and nothing else is';
  }

  const isScoped = what === 'charge' ? entry.round !== null : entry.job !== null || what === 'limit' || what === 'recompute';
  return isScoped ? null : 'it lacks the job or the round that it is about';
}

function rosterOfLogKey(entry: EntryContent): string | null {
  return (entry.fields.get('purpose') === 'lk') === entry.subjects.has('roster') ? null : 'the roster’s hash is given exactly where the log key changes';
}

function row(signers: readonly ActorKind[], scope: Scope, subjects: readonly Subject[], fields: readonly Field[], rule: Rule = () => null): Schema {
  return { signers, scope, subjects, fields, rule };
}

function digest(name: string): Subject {
  return { name, isRequired: true, isNumbered: false };
}

function digests(name: string): Subject {
  return { name, isRequired: true, isNumbered: true };
}

function optional(subject: Subject): Subject {
  return { ...subject, isRequired: false };
}

function identity(): readonly Subject[] {
  return [digest('ik'), digest('wk'), digest('ak'), digest('join'), digest('data_card')];
}

function field(name: string, allows: (value: Json) => boolean): Field {
  return { name, isRequired: true, allows };
}

function integer(name: string): Field {
  return field(name, (value) => typeof value === 'number' && value >= 0);
}

function flag(name: string): Field {
  return field(name, (value) => typeof value === 'boolean');
}

function silo(): Field {
  return field('silo', isIdentifier);
}

// A word of a vocabulary: free text does not exist, since it could hold personal data (audit-log, A1).
function code(name: string, ...values: string[]): Field {
  return field(name, (value) => typeof value === 'string' && /^[a-z0-9_.-]{1,40}$/.test(value) && (values.length === 0 || values.includes(value)));
}

function isKeyIdentifier(value: Json): boolean {
  return typeof value === 'string' && /^[!-~]{1,200}$/.test(value);
}

// Roster indexes in decimal, ascending, with commas between.
function isIndexes(value: Json): boolean {
  const indexes = typeof value === 'string' ? value.split(',').map((part) => decimal(part) ?? 0) : [];
  return indexes.length > 0 && indexes.every((index, i) => index > (indexes[i - 1] ?? 0) && index <= 255);
}
