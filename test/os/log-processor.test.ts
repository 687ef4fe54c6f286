import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('../../examples/log-processor.js', import.meta.url));

test('examples/log-processor: 2,000 goroutines, no thread more', () => {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [example], {
    encoding: 'utf8',
    // A busy machine is no news here.
    env: { ...env, GOPARK_HOLD_LIMIT: '0' },
  });
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^2000000 lines in 2000 files, 20000 with errors, /);
  const threads = /2000 goroutines, (\d+) threads, at most \d+ file operations/.exec(stdout)?.[1];
  // Node itself has eleven with four processors or fewer.
  if (process.platform === 'linux') assert.ok(Number(threads) <= 16, stdout);
});
