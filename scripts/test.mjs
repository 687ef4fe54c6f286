// `npm test`: set up, lint, hold the floors of the house, run every test, what depends on a driver once on each
// driver. Extra arguments narrow the run to test files whose path contains one of them: `npm test -- bufio`, and
// `npm test -- --driver portable net` to one driver.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkFloors } from './floors.mjs';
import { setup } from './setup.mjs';
import { availableDrivers, plan, whyNoFileRing } from './test-plan.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function fail(message) {
  console.error(message);
  process.exit(1);
}

function lint() {
  const biome = `${root}node_modules/@biomejs/biome/bin/biome`;
  const { status } = spawnSync(process.execPath, [biome, 'check', '.'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  const violations = checkFloors();
  if (violations.length > 0) fail(violations.join('\n'));
}

/** Runs test files in processes of their own and gives the counts, null when the runner itself broke down. */
function run({ driver, engine, files, alone }) {
  const counts = `${root}build/test-counts.json`;
  rmSync(counts, { force: true });
  const args = [
    '--enable-source-maps',
    '--expose-gc',
    '--test',
    '--test-timeout=120000',
    `--test-concurrency=${alone ? 1 : 2}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${new URL('./test-counts.mjs', import.meta.url)}`,
    `--test-reporter-destination=${counts}`,
  ];
  // On a busy machine anybody may seem to hold the event loop; the watchdog's own tests set their limit.
  const env = { GOPARK_HOLD_LIMIT: '0', ...process.env };
  if (engine !== null) env.GOPARK_FILES = engine;
  if (driver !== null) env.GOPARK_DRIVER = driver;
  // Said once, at the end: not by every process that a test starts.
  else if (available.length === 1) env.GOPARK_DRIVER = available[0];
  const { status } = spawnSync(process.execPath, [...args, ...files], { cwd: root, stdio: 'inherit', env });
  try {
    const result = JSON.parse(readFileSync(counts, 'utf8'));
    // What the runner holds against them although no test failed.
    if (status !== 0 && result.failed === 0) return null;
    return result;
  } catch {
    return null;
  }
}

function merge(a, b) {
  const lacking = { ...a.lacking };
  for (const [name, count] of Object.entries(b.lacking)) lacking[name] = (lacking[name] ?? 0) + count;
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    lacking,
    failures: [...a.failures, ...b.failures],
  };
}

function summary(totals, missing) {
  console.log(
    `\n${'driver'.padEnd(16)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'skipped'.padStart(9)}`,
  );
  for (const [name, { passed, failed, skipped, lacking }] of totals) {
    const reasons = Object.entries(lacking)
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${reason} ${count}`);
    const row = [passed, failed].map((count) => String(count).padStart(8)).join('');
    console.log(
      `${name.padEnd(16)}${row}${String(skipped).padStart(9)}${reasons.length > 0 ? `  for want of ${reasons.join(', ')}` : ''}`,
    );
  }
  for (const { driver, why } of missing) console.log(`${driver.padEnd(16)} not run: ${why}`);
  for (const [name, { failures }] of totals) {
    for (const { name: test, file, line } of failures) {
      console.log(`failed, ${name}: ${test} (${file.replace(root, '').replace('file://', '')}:${line})`);
    }
  }
}

const { values, positionals: filters } = parseArgs({
  options: { driver: { type: 'string' } },
  allowPositionals: true,
});
const only = values.driver ?? null;

setup({ projects: ['.'] });
if (filters.length === 0) lint();
const { available, missing } = await availableDrivers();
if (only !== null && !available.includes(only)) {
  const why = missing.find(({ driver }) => driver === only)?.why ?? 'there is no such driver';
  fail(`--driver ${only}: ${why}`);
}
const noFileRing = await whyNoFileRing();
if (noFileRing !== null) missing.push({ driver: 'any, uring files', why: noFileRing });
const runs = plan(filters, available, only, noFileRing === null);
if (runs.length === 0) fail(`no test file matches ${filters.join(' ')}`);

const totals = new Map();
let broken = false;
for (const one of runs) {
  const name = `${one.driver ?? 'any'}${one.engine === null ? '' : `, ${one.engine} files`}`;
  console.log(
    `\n${one.driver === null ? 'independent of drivers' : `on ${one.driver}`}${one.engine === null ? '' : `, files through ${one.engine}`}: ${one.files.length} files`,
  );
  const result = run(one);
  if (result === null) broken = true;
  else totals.set(name, totals.has(name) ? merge(totals.get(name), result) : result);
}
summary(totals, only === null ? missing : []);
if (broken) console.log('the test runner itself failed: see above');
process.exitCode = broken || [...totals.values()].some(({ failed }) => failed > 0) ? 1 : 0;
