// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { writeFileSync } from 'node:fs';
import { Story, Zero } from './story';
import { pack } from './zips';

// node node_modules/.tests/large.mjs 100000 large.zip: a log of so many entries for measuring, a checkpoint every 64 of them.
declare const process: { readonly argv: readonly string[] };

const BatchEntries = 64;
const [, , entries = '100000', out = 'large.zip'] = process.argv;
const story = await Story.begin(3);
await story.checkpoint();
while (story.size < Number(entries)) {
  await story.log({ actor: 'coordinator', type: 'access', subjects: { resource: Zero }, fields: { operation: 'read', result: 'ok' } });
  if (story.size % BatchEntries === 0 || story.size === Number(entries)) {
    await story.checkpoint();
  }
}

writeFileSync(out, pack(story.files));
