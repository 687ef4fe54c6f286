import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('../../../examples/statsd.js', import.meta.url));

test('examples/statsd: a thousand reports, none lost', () => {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [example], {
    encoding: 'utf8',
    // A busy machine is no news here.
    env: { ...env, GOPARK_HOLD_LIMIT: '0' },
  });
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(stdout, '{ requests: 1000, bytes: 64000 }\n');
});
