import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  enterTurn,
  excuseHold,
  lendTurns,
  TICK,
  turnCount,
  turnNow,
  turnTick,
  watchClosely,
  watchHolds,
} from '#dist/runtime/turns.js';
import { VirtualClock } from '../lib/virtual-clock.ts';

const [TURN, RAN_FROM, RAN_FOR] = [3, 4, 5];

/** What native/poller.c does with its three words, by a clock that stands still. */
class Loop {
  readonly words = new Int32Array(8);
  readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
    this.words[RAN_FROM] = this.micros;
    lendTurns(this.words, TURN);
  }

  /** Microseconds of a clock that began at another time than ours, and wraps. */
  get micros(): number {
    return (performance.now() * 1000 + 2 ** 31 - 500_000) | 0;
  }

  sleep(ms: number): void {
    const { words } = this;
    words[TURN]! += 1;
    if (words[RAN_FROM] !== 0) {
      words[RAN_FOR] = (this.micros - words[RAN_FROM]!) | 0;
      words[RAN_FROM] = 0;
    }
    this.clock.stall(ms);
  }
}

describe('turns of the event loop', () => {
  const clock = new VirtualClock();
  let loop: Loop;
  let holds: [ms: number, sinceTick: number, byCaller: boolean][];
  before(() => clock.install());
  after(() => {
    watchHolds(0, () => {});
    clock.restore();
  });
  beforeEach(() => {
    holds = [];
    loop = new Loop(clock);
    watchHolds(100, (...hold) => holds.push([Math.round(hold[0]), hold[1], hold[2]]));
    watchClosely(false);
    // What the first turns hold is the main module's.
    for (let i = 0; i < 3; i++) {
      turnNow();
      loop.sleep(1);
    }
  });

  test('the clock is looked at once a turn', () => {
    const first = turnNow();
    clock.stall(50);
    assert.equal(turnNow(), first);
    assert.equal(turnTick(), Math.trunc(first / TICK));
    loop.sleep(1000);
    assert.equal(turnNow(), first + 1050);
    const turns = turnCount();
    loop.sleep(1);
    assert.equal(turnCount(), turns + 1);
  });

  test('sleeping is no hold, however long', () => {
    for (const ms of [1, 150, 60_000, 3_600_000]) {
      turnNow();
      clock.stall(99);
      loop.sleep(ms);
    }
    turnNow();
    assert.deepEqual(holds, []);
  });

  test('a turn that goes on for longer than the limit is told of in the next one', () => {
    const tick = turnTick();
    clock.stall(250);
    loop.sleep(5000);
    assert.deepEqual(holds, []);
    turnNow();
    assert.deepEqual(holds, [[250, tick, false]]);
    loop.sleep(1);
    turnNow();
    assert.equal(holds.length, 1, 'once');
  });

  test('turns in which nobody asked do not count for the one in which somebody did', () => {
    turnNow();
    loop.sleep(10);
    for (let i = 0; i < 5; i++) {
      clock.stall(500);
      loop.sleep(10);
    }
    turnNow();
    assert.deepEqual(holds, []);
  });

  test('slices of one turn are measured one by one', () => {
    enterTurn(performance.now());
    for (let i = 0; i < 5; i++) {
      clock.stall(60);
      enterTurn(performance.now());
    }
    loop.sleep(1);
    turnNow();
    assert.deepEqual(holds, []);
    const tick = turnTick();
    clock.stall(120);
    enterTurn(performance.now());
    assert.deepEqual(holds, [[120, tick, false]]);
  });

  test('watched closely, every look tells who held the loop until then', () => {
    watchClosely(true);
    turnNow();
    clock.stall(130);
    turnNow();
    clock.stall(50);
    turnTick();
    assert.deepEqual(
      holds.map(([ms, , byCaller]) => [ms, byCaller]),
      [[130, true]],
    );
  });

  test('a dump is nobody’s hold', () => {
    turnNow();
    clock.stall(400);
    excuseHold();
    clock.stall(50);
    loop.sleep(1);
    turnNow();
    assert.deepEqual(holds, []);
  });
});
