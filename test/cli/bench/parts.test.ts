import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Instants } from '#dist/cli/bench/instants.js';
import { addLateness, latenessOf, newLateness, recordLateness } from '#dist/cli/bench/lateness.js';
import { parseEscapes, payloadOf, repeated } from '#dist/cli/bench/payload.js';
import { share } from '#dist/cli/bench/processes.js';
import { formatTime, parseAmount, parseTime } from '#dist/cli/bench/quantities.js';
import { median, medianInterval } from '#dist/cli/bench/statistics.js';

describe('bench: its parts', () => {
  test('escapes', () => {
    const bytes = parseEscapes('text', 'a\\r\\n\\t\\0\\\\\\x41\\xfFé');
    assert.deepEqual([...bytes], [...Buffer.from('a\r\n\t\0\\A'), 0xff, ...Buffer.from('é')]);
    for (const wrong of ['\\q', '\\x4', 'end\\']) {
      assert.throws(() => parseEscapes('text', wrong), /--text: \\.* is none of/);
    }
  });

  test('messages', () => {
    assert.equal(payloadOf({}).length, 64);
    assert.equal(payloadOf({ size: 5 }).length, 5);
    assert.deepEqual([...payloadOf({ hex: '0aff 00' })], [10, 255, 0]);
    assert.throws(() => payloadOf({ hex: 'abc' }), /--hex/);
    assert.throws(() => payloadOf({ hex: '00', size: 1 }), /one of them/);
    assert.throws(() => payloadOf({ text: '' }), /empty/);
    assert.throws(() => payloadOf({ size: 2 ** 27 }), /at most/);
    assert.throws(() => payloadOf({ file: '/nowhere/at-all' }), /--file: ENOENT/);
  });

  test('a repeated message can be compared from any place in the first one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 99 }), fc.nat(500), (payload, length) => {
        const stream = repeated(payload, length);
        assert.ok(stream.length >= length + payload.length - 1);
        stream.forEach((byte, i) => {
          assert.equal(byte, payload[i % payload.length]);
        });
      }),
    );
  });

  test('lateness: shares of what was recorded, together too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (times, share) => {
          const [all, some] = [newLateness(), newLateness()];
          for (const [i, ms] of times.entries()) recordLateness(i % 2 === 0 ? all : some, ms);
          addLateness(all, some);
          const sorted = times.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(share * times.length) - 1)]! * 1000;
          const found = latenessOf(all, share);
          // A bucket is named by its end.
          assert.ok(
            found >= exact * 0.999 && found <= Math.max(1, exact) * 2 ** (1 / 8) * 1.001,
            `${found} for ${exact}`,
          );
        },
      ),
    );
    assert.equal(latenessOf(newLateness(), 0.99), 0);
  });

  test('amounts and times', () => {
    assert.equal(parseAmount('rate', '1.5k', 1000), 1500);
    assert.equal(parseAmount('size', '64k', 1024), 65_536);
    assert.equal(parseAmount('rate', '2M', 1000), 2e6);
    for (const wrong of ['', '0', '-1', '1.5', '1e3', '1g', 'k']) {
      assert.throws(() => parseAmount('rate', wrong, 1000), /--rate: expected/);
    }
    assert.equal(parseTime('duration', '2m', 1), 120_000);
    assert.throws(() => parseTime('duration', '10', 1), /10s or 10ms/);
    assert.throws(() => parseTime('duration', '0', 1), /--duration/);
    assert.deepEqual([0, 950, 9999, 1e6, 123.4e6, 2.5e9].map(formatTime), [
      '0.0 us',
      '0.9 us',
      '10 us',
      '1.00 ms',
      '123.4 ms',
      '2.50 s',
    ]);
  });

  test('a queue of instants is one', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.double({ noNaN: true }))), (steps) => {
        const [queue, model] = [new Instants(), [] as number[]];
        for (const step of steps) {
          if (step !== null) {
            queue.push(step);
            model.push(step);
          } else if (model.length > 0) {
            assert.equal(queue.shift(), model.shift());
          }
          assert.equal(queue.length, model.length);
        }
      }),
    );
  });

  test('shares add up', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 20 }), (total, parts) => {
        const all = Array.from({ length: parts }, (_, i) => share(total, parts, i));
        assert.equal(
          all.reduce((sum, one) => sum + one),
          total,
        );
        assert.ok(Math.max(...all) - Math.min(...all) <= 1);
      }),
    );
  });

  test('the interval of a median: textbook values', () => {
    const values = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
    assert.equal(medianInterval(values(5)), null);
    assert.deepEqual(medianInterval(values(6)), [1, 6]);
    assert.deepEqual(medianInterval(values(10)), [2, 9]);
    assert.deepEqual(medianInterval(values(20).toReversed()), [6, 15]);
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
  });

  test('the interval holds the median as often as it says', () => {
    // A fixed sequence of numbers that look random: the same result each time.
    let state = 12345;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    let inside = 0;
    for (let i = 0; i < 2000; i++) {
      const [low, high] = medianInterval(Array.from({ length: 12 }, () => random() ** 3))!;
      if (low <= 0.125 && 0.125 <= high) inside++;
    }
    assert.ok(inside > 1900, `${inside} of 2000`);
  });
});
