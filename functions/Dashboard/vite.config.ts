// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const Sources = ['index.html', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts', 'public', 'src', 'tests'];

function filesOf(path: string): string[] {
  return path.includes('.')
    ? [path]
    : readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? filesOf(`${path}/${entry.name}`) : [`${path}/${entry.name}`]));
}

// What was built from what, as sha256sum lists it: the tests see by it that nobody forgot to build.
function list(): Plugin {
  return {
    name: 'list-of-files',
    closeBundle() {
      const lines = [...Sources, 'dist']
        .flatMap(filesOf)
        .sort()
        .map((path) => `${createHash('sha256').update(readFileSync(join(import.meta.dirname, path))).digest('hex')}  ${path}\n`);
      writeFileSync(join(import.meta.dirname, 'files.sha256'), lines.join(''));
    },
  };
}

// Files keep their names, so that each build gives the same list; nothing is inlined, which the page's policy would refuse.
export default defineConfig({
  base: '/dashboard/',
  plugins: [list()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: 'dashboard.js',
        assetFileNames: 'dashboard.[ext]',
      },
    },
  },
  worker: {
    format: 'es',
    rollupOptions: { output: { entryFileNames: 'verifier.js' } },
  },
  server: {
    proxy: { '/api': { target: process.env['FEDCLOUD_URL'] ?? 'http://127.0.0.1:5080' } },
  },
});
