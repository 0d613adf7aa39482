// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { get, type Key } from '../api';
import { element, table, type Column } from '../dom';
import { badge, fingerprint, time } from '../format';

const Uses: Readonly<Record<string, string>> = {
  messages: 'signs messages',
  log: 'signs the log',
  wrapping: 'unwraps uploads',
};

const Keys: readonly Column<Key>[] = [
  { title: 'Key', cell: (key) => key.key },
  { title: 'For', cell: (key) => Uses[key.key] ?? '' },
  { title: 'Status', cell: (key) => badge(key.status) },
  { title: 'Until', cell: (key) => time(key.until) },
  { title: 'Fingerprint (SHA-256)', cell: (key) => fingerprint(key.spki_sha256) },
  { title: 'Version', cell: (key) => element('code', { class: 'hash' }, key.kid) },
];

export async function keys(signal: AbortSignal): Promise<Node[]> {
  const { keys: all } = await get<{ keys: readonly Key[] }>('keys', signal);
  return [element('h1', {}, 'Keys'), table('The coordinator’s keys, oldest version first', Keys, all, 'The coordinator has no key yet.')];
}
