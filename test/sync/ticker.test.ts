import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { recv, select, stats, Ticker, ticker } from 'gopark';
import { runChild } from '../lib/child.ts';
import { VirtualClock } from '../lib/virtual-clock.ts';
import { watch } from '../lib/waiting.ts';

describe('ticker, by a clock that stands still', () => {
  const clock = new VirtualClock();
  before(() => clock.install());
  after(() => clock.restore());

  test('ticks in its rhythm, and keeps one tick for who is slow', async () => {
    using seconds = ticker(1000);
    assert.equal(seconds.interval, 1000);
    assert.equal(seconds.c.tryRecv(), undefined);
    clock.advance(999);
    assert.equal(seconds.c.length, 0);
    clock.advance(1);
    assert.ok(seconds.c.tryRecv() instanceof Date);
    for (let i = 0; i < 5; i++) clock.advance(1000);
    assert.equal(seconds.c.length, 1, 'the others were dropped');
    assert.ok(seconds.c.tryRecv() instanceof Date);
    assert.equal(seconds.c.tryRecv(), undefined);
  });

  test('what a held loop has missed is not made up for, and the rhythm stays', () => {
    using tenths = ticker(100);
    clock.advance(350);
    assert.equal(tenths.c.length, 1);
    tenths.c.tryRecv();
    clock.advance(49);
    assert.equal(tenths.c.length, 0);
    clock.advance(1);
    assert.equal(tenths.c.length, 1, 'at 400, not at 450');
  });

  test('stop, once or twice, drops what was not taken; reset starts anew', () => {
    const { timers } = stats();
    const one = ticker(10);
    clock.advance(10);
    one.stop();
    one.stop();
    assert.equal(one.c.tryRecv(), undefined);
    assert.equal(stats().timers, timers);
    clock.advance(100);
    assert.equal(one.c.length, 0);
    one.reset(50);
    clock.advance(49);
    assert.equal(one.c.length, 0);
    clock.advance(1);
    assert.equal(one.c.length, 1);
    one.reset(500);
    one.c.tryRecv();
    clock.advance(499);
    assert.equal(one.c.length, 0);
    one.stop();
    assert.equal(stats().timers, timers);
  });

  test('in a select, and a stopped one is never ready', async () => {
    const one = ticker(10);
    const chosen = select(recv(one.c, (at) => at instanceof Date));
    clock.advance(10);
    assert.equal(await chosen, true);
    one.stop();
    const never = watch(one.c.recv());
    clock.advance(100);
    await Promise.resolve();
    assert.ok(never.pending);
  });

  test('for await sees the ticks and ends with stop', async () => {
    const one = ticker(10);
    let seen = 0;
    const looping = (async () => {
      for await (const at of one) {
        assert.ok(at instanceof Date);
        if (++seen === 3) one.stop();
      }
    })();
    for (let i = 0; i < 10; i++) {
      clock.advance(10);
      for (let k = 0; k < 20; k++) await Promise.resolve();
    }
    await looping;
    assert.equal(seen, 3);
    const other = ticker(10);
    const waiting = other[Symbol.asyncIterator]().next();
    other.stop();
    assert.equal((await waiting).done, true, 'also while it waits');
  });

  test('no interval, no ticker', () => {
    for (const wrong of [0, -1, Number.NaN, '5' as never, undefined as never]) {
      assert.throws(() => ticker(wrong), RangeError);
    }
    const one = ticker(0.1);
    assert.ok(one instanceof Ticker);
    assert.equal(one.interval, 1);
    assert.throws(() => one.reset(0), RangeError);
    one.stop();
  });
});

describe('ticker: the process', () => {
  test('a running one holds it, a stopped or unrefed one does not, and who waits for that is not deadlocked', async () => {
    const held = await runChild(
      `import { ticker } from 'gopark';
      const one = ticker(5);
      let n = 0;
      for await (const at of one) { console.log(at instanceof Date); if (++n === 2) one.stop(); }`,
    );
    assert.deepEqual([held.code, held.stdout, held.stderr], [0, 'true\ntrue\n', '']);
    const free = await runChild(
      `import { go, gosched, ticker } from 'gopark';
      const one = ticker(60_000).unref();
      go(async () => { await gosched(); await one.c.recv(); });
      go(async () => { for await (const at of one); });`,
    );
    assert.deepEqual([free.code, free.stderr], [0, '']);
  });

  test('to wait for a stopped one is a deadlock', async () => {
    const ended = await runChild(
      `import { go, ticker } from 'gopark';
      const one = ticker(5);
      one.stop();
      go(async function waiter() { await one.c.recv(); });`,
    );
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /deadlock!\n\ngoroutine 1 waiter \[chan receive/);
  });
});
