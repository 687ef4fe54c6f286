import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { splitLines } from '#dist/cli/gateway/line-splitter.js';
import { LONGEST_LINE, parseLine } from '#dist/cli/gateway/protocol.js';

const latin = (line: string) => Buffer.from(line, 'latin1');

describe('gateway: parseLine', () => {
  for (const [line, request] of [
    ['PING', { kind: 'ping' }],
    ['STATS', { kind: 'stats' }],
    ['SUB A', { kind: 'subscribe', symbols: ['A'], after: null }],
    ['SUB A,B-1,C_2.X', { kind: 'subscribe', symbols: ['A', 'B-1', 'C_2.X'], after: null }],
    ['SUB A,B 4711', { kind: 'subscribe', symbols: ['A', 'B'], after: 4711 }],
    ['UNSUB A', { kind: 'unsubscribe', symbols: ['A'] }],
    ['ORD 7 BUY A 1 2', { kind: 'order', id: '7', order: '7 BUY A 1 2' }],
    [
      'ORD a_b-C SELL 0123456789ABCDEF 999999999999 0.00000001',
      { kind: 'order', id: 'a_b-C', order: 'a_b-C SELL 0123456789ABCDEF 999999999999 0.00000001' },
    ],
    ['FEED A 0.5', { kind: 'feed', symbol: 'A', price: '0.5' }],
  ] as const) {
    test(line, () => assert.deepEqual(parseLine(latin(line)), request));
  }

  test('an order is one when each of its words is, and else it is said which is not', () => {
    const amount = fc
      .constantFrom('1', '0', '0.0', '0.10', '.5', '1.', '1.12345678', '1.123456789', '1e9', '-1', '')
      .map((text) => ({ text, good: /^\d{1,12}(\.\d{1,8})?$/.test(text) && Number(text) > 0 }));
    const longAmounts = fc.constantFrom('9'.repeat(12), '9'.repeat(13), '0'.repeat(11)).map((text) => ({
      text,
      good: text.length <= 12 && Number(text) > 0,
    }));
    const amounts = fc.oneof(amount, longAmounts);
    const symbol = fc.constantFrom('A', 'A-1_.Z', 'a', 'A'.repeat(16), 'A'.repeat(17), '');
    const side = fc.constantFrom('BUY', 'SELL', 'buy', '');
    const id = fc.constantFrom('1', 'a_b-C', 'x'.repeat(32), 'x'.repeat(33), '<', '');
    const given = fc.tuple(id, side, symbol, amounts, amounts);
    fc.assert(
      fc.property(given, ([id, side, symbol, quantity, price]) => {
        const order = `${id} ${side} ${symbol} ${quantity.text} ${price.text}`;
        const found = parseLine(latin(`ORD ${order}`));
        if (!/^[A-Za-z0-9_-]{1,32}$/.test(id))
          assert.deepEqual(found, { kind: 'error', reason: 'bad order id' });
        else if (side !== 'BUY' && side !== 'SELL')
          assert.deepEqual(found, { kind: 'reject', id, reason: 'bad side' });
        else if (!/^[A-Z0-9._-]{1,16}$/.test(symbol))
          assert.deepEqual(found, { kind: 'reject', id, reason: 'bad symbol' });
        else if (!quantity.good) assert.deepEqual(found, { kind: 'reject', id, reason: 'bad quantity' });
        else if (!price.good) assert.deepEqual(found, { kind: 'reject', id, reason: 'bad price' });
        else assert.deepEqual(found, { kind: 'order', id, order });
        assert.notEqual(parseLine(latin(`ORD ${order} `)).kind, 'order');
      }),
      { numRuns: 2000 },
    );
  });

  test('no bytes make it throw, and what it says contains nothing of them', () => {
    const word = fc.constantFrom(
      'SUB',
      'UNSUB',
      'ORD',
      'FEED',
      'PING',
      'STATS',
      'BUY',
      'A',
      '1',
      '1.5',
      '',
      '0',
      'é',
    );
    const almost = fc.array(word, { maxLength: 8 }).map((words) => latin(words.join(' ')));
    const anything = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.oneof(almost, anything), (line) => {
        const request = parseLine(line);
        if (request.kind === 'error') assert.match(request.reason, /^[A-Za-z<>|,.[\] ]+$/);
        if (request.kind === 'reject')
          assert.match(`${request.id} ${request.reason}`, /^[\w-]{1,32} [a-z ]+$/);
      }),
    );
  });
});

/** Splits a stream that comes in the given pieces, as a session does. */
function split(pieces: readonly Uint8Array[]): { lines: string[]; rest: string } {
  const lines: string[] = [];
  let carry: Uint8Array | null = null;
  for (const piece of pieces) {
    const rest = splitLines(carry, piece, (line) => lines.push(Buffer.from(line).toString('latin1')) > 0);
    if (rest === 'too long') return { lines, rest };
    carry = rest;
  }
  return { lines, rest: Buffer.from(carry ?? []).toString('latin1') };
}

describe('gateway: splitLines', () => {
  test('however a stream is cut, the lines are the same', () => {
    const text = fc.array(
      fc.constantFrom('PING', 'x', '', 'a\rb', 'y'.repeat(50), 'z'.repeat(LONGEST_LINE)),
      {
        maxLength: 12,
      },
    );
    const ends = fc.infiniteStream(fc.constantFrom('\n', '\r\n'));
    fc.assert(
      fc.property(text, ends, fc.array(fc.nat(), { maxLength: 10 }), (parts, end, cuts) => {
        const stream = latin(parts.map((part) => part + end.next().value).join(''));
        const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const pieces = at.slice(1).map((to, i) => stream.subarray(at[i]!, to));
        assert.deepEqual(split(pieces.filter((piece) => piece.length > 0)), {
          lines: parts,
          rest: '',
        });
      }),
    );
  });

  test('a line too long is one however it is cut, and nothing of it is kept', () => {
    const long = latin('x'.repeat(LONGEST_LINE + 2));
    for (const size of [1, 100, LONGEST_LINE, LONGEST_LINE + 1, long.length]) {
      const pieces: Uint8Array[] = [latin('PING\n')];
      for (let from = 0; from < long.length; from += size) pieces.push(long.subarray(from, from + size));
      assert.deepEqual(split(pieces), { lines: ['PING'], rest: 'too long' }, `pieces of ${size}`);
    }
  });

  test('a caller that stops gets the rest back whole', () => {
    const seen: string[] = [];
    const stopAfterFirst = (line: Uint8Array) => seen.push(Buffer.from(line).toString()) < 1;
    const rest = splitLines(latin('PI'), latin('NG\nPING\nPI'), stopAfterFirst) as Uint8Array;
    assert.deepEqual([seen, Buffer.from(rest).toString()], [['PING'], 'PING\nPI']);
  });
});
