import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { type Goroutine, go, gosched, numGoroutine, sleep, stack, stats } from 'gopark';
import { dial, listen } from 'gopark/net';
import { allGoroutines } from '#dist/runtime/registry.js';
import { timers } from '#dist/runtime/timers.js';
import { allWaits, waitCount } from '#dist/runtime/waits.js';
import { turns, until } from '../lib/waiting.ts';
import { Parking } from './parking.ts';

async function usedHeap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await immediate();
  }
  return process.memoryUsage().heapUsed;
}

describe('registry', () => {
  test('any order of starting and ending: exactly the live ones are listed, and stats agree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 9 }), { maxLength: 40 }), async (steps) => {
        const model = new Map<Goroutine, Parking>();
        const { goroutinesStarted } = stats();
        let started = 0;
        for (const step of steps) {
          if (step < 5) {
            const parking = new Parking();
            model.set(
              go(() => parking.enter()),
              parking,
            );
            started++;
            await turns(1);
          } else {
            const chosen = [...model.keys()][step % Math.max(1, model.size)];
            if (chosen === undefined) continue;
            model.get(chosen)!.leave();
            model.delete(chosen);
            await chosen.done;
          }
          assert.deepEqual(new Set(allGoroutines()), new Set(model.keys()));
          assert.deepEqual(
            new Set([...allWaits()].filter((wait) => wait instanceof Parking)),
            new Set(model.values()),
          );
          const { goroutines, waits } = stats();
          assert.equal(goroutines, model.size);
          assert.equal(waits['sync.Mutex.Lock'] ?? 0, model.size);
        }
        assert.equal(stats().goroutinesStarted - goroutinesStarted, started);
        for (const parking of model.values()) parking.leave();
        await turns(2);
        assert.equal(numGoroutine(), 0);
        assert.equal(waitCount(), 0);
      }),
      { numRuns: 50 },
    );
  });

  test('goroutines that have ended leave nothing behind, whether they were in a dump or not', async () => {
    async function nap(): Promise<void> {
      await sleep(1);
    }
    async function generation(): Promise<void> {
      const all = Array.from({ length: 20_000 }, () => go(nap));
      await turns(1);
      stack();
      await Promise.all(all.map((goroutine) => goroutine.done));
    }
    await generation();
    const before = await usedHeap();
    for (let i = 0; i < 3; i++) await generation();
    const growth = (await usedHeap()) - before;
    assert.equal(numGoroutine(), 0);
    assert.ok(growth < 2e6, `grew by ${growth} bytes`);
  });

  test('waits are counted by reason', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const controller = new AbortController();
    const { signal } = controller;
    const naps = [1, 2, 3].map(() => sleep(60_000, { signal }));
    const accepting = listener.accept({ signal });
    const { waits, turns: before } = stats();
    assert.equal(waits.sleep, 3);
    assert.equal(waits['IO wait'], 1);
    for (let i = 0; i < 3; i++) await gosched();
    assert.ok(stats().turns > before);
    controller.abort();
    await Promise.allSettled([...naps, accepting]);
    assert.deepEqual(stats().waits, {});
    await listener.close();
  });
});

describe('timers leave nothing behind', () => {
  test('a million armed and cancelled', async () => {
    const size = timers.size;
    const before = await usedHeap();
    for (let round = 0; round < 100; round++) {
      const armed = Array.from({ length: 10_000 }, () => ({ when: 0, index: -1, holds: true, fire() {} }));
      for (const [i, timer] of armed.entries()) timers.set(timer, 1e9 + ((i * 7919) % 10_000));
      for (const timer of armed) timers.delete(timer);
    }
    assert.equal(timers.size, size);
    const growth = (await usedHeap()) - before;
    assert.ok(growth < 1e6, `grew by ${growth} bytes`);
  });

  test('sleeps that a signal ends, and deadlines that are set again and again', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const conn = await dial('tcp', String(listener.addr));
    const { timers: size } = stats();
    async function generation(): Promise<void> {
      const controller = new AbortController();
      const { signal } = controller;
      const naps = Array.from({ length: 1000 }, () => sleep(1e6, { signal }));
      controller.abort();
      await Promise.allSettled(naps);
      const reading = conn.read(new Uint8Array(1));
      for (let i = 0; i < 10_000; i++) conn.setTimeout(1e6 - i);
      conn.setTimeout(0);
      await reading.catch(() => {});
      conn.setTimeout(null);
    }
    await generation();
    const before = await usedHeap();
    for (let i = 0; i < 10; i++) await generation();
    const growth = (await usedHeap()) - before;
    assert.ok(growth < 1e6, `grew by ${growth} bytes`);
    // The connection's own timer may stand in the heap until it finds that nobody waits.
    assert.ok(stats().timers <= size + 1);
    await conn.close();
    await listener.close();
    await until(() => stats().timers === size, 'no timer');
  });
});
