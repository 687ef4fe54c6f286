import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { gosched } from 'gopark';
import { Answering } from '#dist/cli/gateway/journal/answering.js';
import { VirtualClock } from '../../lib/virtual-clock.ts';

describe('gateway: answers to a batch', { timeout: 110_000 }, () => {
  const clock = new VirtualClock();
  before(() => clock.install());
  after(() => clock.restore());
  /** Each takes 20 us. */
  const askers = (count: number, answered: number[], first = 0) =>
    Array.from({ length: count }, (_, i) => ({
      answerKnown() {
        clock.stall(0.02);
        answered.push(first + i);
      },
    }));

  test('few are answered at once', () => {
    const answered: number[] = [];
    new Answering().answer(askers(100, answered));
    assert.equal(answered.length, 100);
  });

  test('of many, others have their turns in between, and nobody is forgotten or overtaken', async () => {
    const answered: number[] = [];
    const answering = new Answering();
    answering.answer(askers(5000, answered));
    answering.answer(askers(1, answered, 5000));
    // 100 ms of work, of which a turn takes two, and what comes between two looks at the clock.
    let longest = answered.length;
    while (answered.length < 5001) {
      const { length } = answered;
      await immediate();
      longest = Math.max(longest, answered.length - length);
    }
    assert.ok(longest <= 116, `${longest} in one turn`);
    assert.deepEqual(
      answered,
      Array.from({ length: 5001 }, (_, i) => i),
    );
    // The turn after the last ones, too.
    await gosched();
    const later: number[] = [];
    answering.answer(askers(3, later));
    assert.equal(later.length, 3, 'and then at once again');
  });
});
