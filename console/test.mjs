// Checks the types, compiles test/*.test.ts with esbuild and runs them with node's own test runner.

import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const run = (...args) => spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit' }).status ?? 1;

const types = run('node_modules/typescript/bin/tsc', '-p', '.');
if (types !== 0) process.exit(types);

const names = (await readdir(join(here, 'test'))).filter((name) => name.endsWith('.test.ts'));
const folder = await mkdtemp(join(tmpdir(), 'barrio-console-'));
try {
  await build({
    absWorkingDir: here,
    entryPoints: names.map((name) => `test/${name}`),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    mainFields: ['module', 'main'],  // as for the browser
    format: 'esm',
    target: 'node18',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  process.exitCode = run('--test', ...names.map((name) => join(folder, name.replace(/\.ts$/, '.mjs'))));
} finally {
  await rm(folder, { recursive: true, force: true });
}
