import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { after, type Goroutine, runtime, sleep, stats } from 'gopark';
import { runChild } from '../lib/child.ts';

describe('after', () => {
  test('runs the function once, as a goroutine, not early, with its arguments', async () => {
    const start = performance.now();
    const seen: unknown[] = [];
    const timer = after(
      20,
      async (...args: [number, string]) => {
        seen.push(...args, performance.now() - start);
      },
      1,
      'x',
    );
    assert.equal(timer.active, true);
    await sleep(60);
    assert.deepEqual(seen.slice(0, 2), [1, 'x']);
    assert.ok((seen[2] as number) >= 20);
    assert.equal(seen.length, 3);
    assert.equal(timer.active, false);
    assert.equal(timer.stop(), false);
  });

  test('stop and reset say whether it was still to come', async () => {
    let fired = 0;
    const timer = after(1e6, () => fired++);
    assert.equal(timer.reset(1e6), true);
    assert.equal(timer.stop(), true);
    assert.equal(timer.stop(), false);
    assert.equal(timer.reset(1), false);
    await sleep(10);
    assert.equal(fired, 1);
    {
      using disposed = after(1, () => fired++);
      assert.ok(disposed.active);
    }
    await sleep(10);
    assert.equal(fired, 1);
  });

  test('an error in it is reported with the site of the after', async () => {
    const reported: [unknown, string][] = [];
    runtime.onPanic = (error, goroutine: Goroutine) => reported.push([error, goroutine.site]);
    const bug = new Error('bug');
    after(0, function thrower() {
      throw bug;
    });
    await sleep(5);
    runtime.onPanic = null;
    assert.equal(reported.length, 1);
    assert.equal(reported[0]![0], bug);
    assert.match(reported[0]![1], /after\.test\.[jt]s:\d+:\d+$/);
  });

  test('keeps the process alive, and does not after unref or stop', async () => {
    const held = await runChild(`import { after } from 'gopark'; after(30, () => console.log('fired'));`);
    assert.deepEqual([held.code, held.stdout], [0, 'fired\n']);
    const free = await runChild(
      `import { after } from 'gopark';
      after(60_000, () => console.log('fired')).unref();
      after(60_000, () => console.log('fired')).stop();
      const again = after(60_000, () => {});
      again.unref().reset(60_000);`,
    );
    assert.deepEqual([free.code, free.stdout], [0, '']);
  });

  test('wrong arguments are refused, and leave nothing armed', () => {
    const { timers } = stats();
    assert.throws(() => after(Number.NaN, () => {}), RangeError);
    assert.throws(() => after('1' as never, () => {}), RangeError);
    assert.throws(() => after(1, 'x' as never), TypeError);
    const timer = after(1e6, () => {});
    assert.throws(() => timer.reset(Number.NaN), RangeError);
    timer.stop();
    assert.equal(stats().timers, timers);
  });
});
