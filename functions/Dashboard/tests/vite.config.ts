// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vite';

const Tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts') || name === 'large.ts');

// The sources are written for a bundler; Node.js runs what it makes of them.
export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  build: {
    ssr: true,
    target: 'node20',
    outDir: '../node_modules/.tests',
    emptyOutDir: true,
    minify: false,
    rollupOptions: {
      input: Object.fromEntries(Tests.map((name) => [name.slice(0, -'.ts'.length), join(import.meta.dirname, name)])),
      output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
    },
  },
});
