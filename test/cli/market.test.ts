import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newCounters } from '#dist/cli/gateway/counters.js';
import { Market, type Topic } from '#dist/cli/gateway/market.js';
import type { Session } from '#dist/cli/gateway/session.js';

/** Subscribers that remember what they were sent. */
function crowd(market: Market, symbol: string, count: number): string[][] {
  const topic = market.topic(symbol)!;
  return Array.from({ length: count }, () => {
    const received: string[] = [];
    const tick = (of: Topic, line: Uint8Array) => {
      assert.equal(of, topic);
      received.push(Buffer.from(line).toString('latin1').split(' ')[2]!);
    };
    topic.subscribers.add({ tick } as unknown as Session);
    return received;
  });
}

/** Publishes until that is done at once: on a machine that is busy, this turn's time may be up by then. */
async function publishAtOnce(market: Market, symbol: string, prices: Iterable<number>): Promise<string> {
  for (const price of prices) {
    const done = market.publish(symbol, String(price));
    if (done === null) return String(price);
    await done;
  }
  throw new Error('others had their turn each time');
}

function* countFrom(first: number): Generator<number> {
  for (let i = 0; i < 100; i++) yield first + i;
}

describe('gateway: Market', () => {
  test('few subscribers are served at once', async () => {
    const market = new Market(10, newCounters());
    const received = crowd(market, 'A', 10);
    const price = await publishAtOnce(market, 'A', countFrom(1));
    for (const lines of received) assert.equal(lines.at(-1), price);
  });

  test('many are served in turns, and others have theirs in between', async () => {
    const market = new Market(10, newCounters());
    const received = crowd(market, 'A', 10_000);
    const done = market.publish('A', '1');
    assert.notEqual(done, null);
    const served = () => received.filter((lines) => lines.length > 0).length;
    assert.ok(served() < 2000, `${served()} in the first turn`);
    let turns = 0;
    let finished = false;
    const count = () => {
      turns++;
      if (!finished) setImmediate(count);
    };
    setImmediate(count);
    await done;
    finished = true;
    assert.equal(served(), 10_000);
    assert.ok(turns >= 5, `${turns} turns of the event loop meanwhile`);
  });

  test('everybody sees the prices in the order in which they were published', async () => {
    const market = new Market(10, newCounters());
    const many = crowd(market, 'MANY', 5000);
    const few = crowd(market, 'FEW', 3);
    const ends = [
      market.publish('MANY', '1'),
      market.publish('FEW', '1'),
      market.publish('MANY', '2'),
      market.publish('FEW', '2'),
    ];
    assert.ok(
      ends.every((end) => end !== null),
      'a broadcast under way comes first',
    );
    assert.deepEqual(few, Array(3).fill([]));
    await Promise.all(ends);
    assert.deepEqual(few, Array(3).fill(['1', '2']));
    assert.ok(many.every((lines) => lines.join() === '1,2'));
    // Afterwards it is as before.
    await publishAtOnce(market, 'FEW', countFrom(3));
  });

  test('a symbol without subscribers is forgotten', () => {
    const counters = newCounters();
    const market = new Market(1, counters);
    const topic = market.topic('A')!;
    assert.equal(market.topic('B'), null);
    market.release(topic);
    assert.equal(counters.symbols, 0);
    assert.equal(market.publish('A', '1'), null);
    assert.notEqual(market.topic('B'), null);
  });
});
