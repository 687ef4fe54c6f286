import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { gosched } from 'gopark';
import { Answering } from '#dist/cli/gateway/journal/answering.js';

describe('gateway: answers to a batch', { timeout: 110_000 }, () => {
  const askers = (count: number, answered: number[]) =>
    Array.from({ length: count }, (_, i) => ({ answerKnown: () => void answered.push(i) }));

  test('few are answered at once', () => {
    const answered: number[] = [];
    new Answering().answer(askers(512, answered));
    assert.equal(answered.length, 512);
  });

  test('of many, others have their turns in between, and nobody is forgotten or overtaken', async () => {
    const answered: number[] = [];
    const answering = new Answering();
    answering.answer(askers(5000, answered));
    answering.answer([{ answerKnown: () => void answered.push(5000) }]);
    let turns = 0;
    for (; answered.length < 5001; turns++) await immediate();
    assert.ok(turns >= 9, `${turns} turns`);
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
