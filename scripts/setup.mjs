// Everything a command needs before it can run, from a fresh clone on: dependencies as the lock file
// pins them, the native part, the TypeScript. Each step is skipped when nothing it depends on changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildNative } from './build-native.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) fail(what, result.error.message);
  if (result.status !== 0) fail(what, `exit code ${result.status ?? result.signal}`);
}

function fail(what, why) {
  console.error(`setup: ${what} failed: ${why}`);
  process.exit(1);
}

/** npm keeps its own copy of the lock beside the installed tree; where a pinned package differs or lacks, install. */
function dependenciesAreCurrent() {
  const installed = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version,
  );
}

export function setup({ projects = ['src'] } = {}) {
  if (!dependenciesAreCurrent()) {
    console.log('setup: installing dependencies');
    // Not `npm ci`: it refuses a lock file that was written where the registry has no packages for other platforms,
    // which are optional. What is in the lock file is installed as pinned all the same.
    run('npm install', 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  buildNative();
  run('tsc', process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b', ...projects]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup({ projects: process.argv.length > 2 ? process.argv.slice(2) : ['.'] });
}
