import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { comparisonRow } from '#dist/cli/bench/comparison.js';
import type { Result } from '#dist/cli/bench/result.js';
import { echo, runBench, withPath, withServer } from './lib.ts';

const slow = (socket: Socket) => {
  socket.on('data', (data) => setTimeout(() => socket.write(data), 150));
};

describe('gopark bench: comparing', { timeout: 120_000 }, () => {
  test('two servers in turns: the slow one is found', async () => {
    await withServer(echo, async (fast) => {
      await withServer(slow, async (other) => {
        await withPath(async (path) => {
          const args = [
            '--against',
            other,
            '--rounds',
            '6',
            '--slice',
            '300ms',
            '--warm-up',
            '100ms',
            '--json',
            path,
          ];
          const { code, stdout, stderr } = await runBench([fast, ...args, '--connections', '4']);
          assert.equal(code, 0, stdout + stderr);
          assert.match(stdout, RegExp(`A is ${fast}\nB is ${other}\n`));
          assert.match(stdout, /answers\/s .* A is better\n/);
          assert.match(stdout, /p50 .* A is better\n/);
          const { a, b } = JSON.parse(readFileSync(path, 'utf8')) as { a: Result; b: Result };
          assert.deepEqual([a.target, b.target], [fast, other]);
          assert.deepEqual([a.perSecond.length, b.perSecond.length], [6, 6]);
          assert.ok(a.rate > 2 * b.rate && b.latency!.min >= 149_000);
        });
      });
    });
  });

  test('two files', async () => {
    await withPath(async (first) => {
      await withPath(async (second) => {
        const args = ['--duration', '700ms', '--warm-up', '100ms', '--connections', '4', '--json'];
        await withServer(echo, (address) => runBench([address, ...args, first]));
        await withServer(slow, (address) => runBench([address, '--depth', '2', ...args, second]));
        const { code, stdout } = await runBench(['compare', first, second]);
        assert.equal(code, 0);
        assert.match(stdout, /not the same load: depth 1 and 2\n/);
        assert.match(stdout, /answers\/s +\d.*too few measurements to tell\n/);
        assert.match(stdout, /\n {2}p99\.9 +\d.* [um]s +\d.* ms +\d+\.\d{3}\n/);
      });
    });
  });

  test('seconds without an answer have a rate, and no latencies', async () => {
    await withPath(async (path) => {
      const silent = { rate: 0, p50: null, p99: null };
      const second = { rate: 100, p50: 10, p99: 20 };
      const result = { format: 'gopark bench 1', target: 'x', at: 'now', load: {}, latency: null };
      writeFileSync(path, JSON.stringify({ ...result, perSecond: [...Array(6).fill(second), silent] }));
      const { stdout } = await runBench(['compare', path, path]);
      assert.match(stdout, /answers\/s +100 +100 +1\.000 +0\.000 to - +no difference/);
      assert.match(stdout, /p50 +10 us +10 us +1\.000 +1\.000 to 1\.000 +no difference to be seen/);
      writeFileSync(path, JSON.stringify({ ...result, perSecond: [silent] }));
      assert.match((await runBench(['compare', path, path])).stdout, /answers\/s +0 +0 +- +- +too few/);
    });
  });

  test('what is no result is told', async () => {
    await withPath(async (path) => {
      const missing = await runBench(['compare', path, path]);
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /ENOENT/);
      for (const text of ['{}', 'null', 'x']) {
        writeFileSync(path, text);
        const { code, stderr } = await runBench(['compare', path, path]);
        assert.equal(code, 2, stderr);
        assert.match(stderr, /^gopark: bench compare: /);
      }
    });
  });

  test('verdicts', () => {
    const ten = (value: number) => Array.from({ length: 10 }, (_, i) => value * (1 + (i % 3) / 1000));
    const verdict = (unit: 'rate' | 'time', a: number[], b: number[], paired: boolean) =>
      comparisonRow({ name: 'x', unit, a, b, paired }).at(-1);
    for (const paired of [true, false]) {
      assert.equal(verdict('rate', ten(100), ten(110), paired), 'B is better');
      assert.equal(verdict('rate', ten(110), ten(100), paired), 'A is better');
      assert.equal(verdict('time', ten(100), ten(110), paired), 'A is better');
      assert.equal(verdict('time', ten(100), ten(100).toReversed(), paired), 'no difference to be seen');
      assert.equal(verdict('time', [1, 2], [2, 3], paired), 'too few measurements to tell');
    }
  });
});
