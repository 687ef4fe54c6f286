import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import fc from 'fast-check';
import { type Timer, TimerHeap } from '#dist/runtime/timers.js';
import { until } from '../lib/waiting.ts';

class TestTimer implements Timer {
  when = 0;
  index = -1;
  holds = false;
  fired = 0;
  firedAt = 0;
  readonly onFire: () => void;

  constructor(onFire: () => void = () => {}) {
    this.onFire = onFire;
  }

  fire(): void {
    this.fired++;
    this.firedAt = performance.now();
    this.onFire();
  }
}

describe('timer heap', () => {
  test('any mix of set, move and delete: who stays fires once, never early, the others never', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            timer: fc.nat(15),
            action: fc.constantFrom('set', 'set', 'set', 'delete'),
            ms: fc.integer({ min: -5, max: 8 }),
          }),
          { maxLength: 80 },
        ),
        async (steps) => {
          const heap = new TimerHeap();
          const timers = Array.from({ length: 16 }, () => new TestTimer());
          const due = new Map<TestTimer, number>();
          const start = performance.now();
          for (const { timer: at, action, ms } of steps) {
            const timer = timers[at]!;
            if (action === 'set') {
              heap.set(timer, start + ms);
              due.set(timer, start + ms);
            } else {
              heap.delete(timer);
              due.delete(timer);
            }
          }
          assert.equal(heap.size, due.size);
          await until(() => heap.size === 0, 'all timers to fire');
          for (const timer of timers) {
            const when = due.get(timer);
            assert.equal(timer.fired, when === undefined ? 0 : 1);
            if (when !== undefined) assert.ok(timer.firedAt >= when, 'never early');
            assert.equal(timer.index, -1);
          }
          assert.equal(heap.size, 0);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a timer that another one deletes in the same ring does not fire', async () => {
    const heap = new TimerHeap();
    const victim = new TestTimer();
    const first = new TestTimer(() => heap.delete(victim));
    const now = performance.now();
    heap.set(first, now + 1);
    heap.set(victim, now + 2);
    const end = performance.now() + 10;
    while (performance.now() < end);
    await later(5);
    assert.equal(first.fired, 1);
    assert.equal(victim.fired, 0);
  });

  test('a timer that sets itself again fires again', async () => {
    const heap = new TimerHeap();
    const timer: TestTimer = new TestTimer(() => {
      if (timer.fired < 3) heap.set(timer, performance.now() + 1);
    });
    heap.set(timer, 0);
    while (timer.fired < 3) await later(1);
    await later(5);
    assert.equal(timer.fired, 3);
  });

  test('times beyond what the event loop can wait for do not fire early', async () => {
    const heap = new TimerHeap();
    const far = new TestTimer();
    heap.set(far, performance.now() + 2 ** 40);
    const infinite = new TestTimer();
    heap.set(infinite, Infinity);
    await later(10);
    assert.equal(far.fired + infinite.fired, 0);
    heap.delete(far);
    heap.delete(infinite);
    assert.equal(heap.size, 0);
  });
});
