// `npm test`: set up, lint, hold the floors of the house, run every test. Extra arguments narrow the
// run to test files whose path contains one of them: `npm test -- bufio`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkFloors } from './floors.mjs';
import { setup } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
setup({ projects: ['.'] });

const filters = process.argv.slice(2);
if (filters.length === 0) {
  const lint = spawnSync(process.execPath, [`${root}node_modules/@biomejs/biome/bin/biome`, 'check', '.'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (lint.status !== 0) process.exit(1);
  const violations = checkFloors();
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exit(1);
}

const files = readdirSync(`${root}build/test`, { recursive: true })
  .filter(
    (name) => name.endsWith('.test.js') && (filters.length === 0 || filters.some((f) => name.includes(f))),
  )
  .map((name) => `build/test/${name}`)
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}
const args = ['--enable-source-maps', '--expose-gc', '--test', '--test-timeout=120000'];

// Latency can only be judged by a test that has the machine to itself.
const alone = files.filter((name) => name.includes('fairness'));
const together = files.filter((name) => !alone.includes(name));
for (const group of [together, alone]) {
  if (group.length === 0) continue;
  const concurrency = `--test-concurrency=${group === alone ? 1 : 2}`;
  const result = spawnSync(process.execPath, [...args, concurrency, ...group], {
    cwd: root,
    stdio: 'inherit',
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
