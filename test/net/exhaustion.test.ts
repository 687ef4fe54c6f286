import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TCPConn } from 'gopark/net';
import { sameBytes } from '../lib/bytes.ts';
import { driverUnderTest } from '../lib/drivers.ts';
import { Network } from '../lib/network.ts';
import type { Pair } from '../lib/pair.ts';
import { readToEnd } from '../lib/peers.ts';
import { seeded } from '../lib/random.ts';
import { storm, transfer } from '../lib/storm.ts';
import { streamBytes } from '../lib/stream.ts';

// Two receives at a time and a single chain: whoever comes next has to wait for memory.
const { driver, assertEmpty } = driverUnderTest({
  slots: 128,
  inbound: 8 * 1024,
  outbound: 64 * 1024,
  maxRecv: 4 * 1024,
});
const network = new Network(driver);
const PAIRS = 40;

async function pairs(count: number): Promise<Pair<TCPConn>[]> {
  const listener = await network.listen();
  const made: Pair<TCPConn>[] = [];
  for (let i = 0; i < count; i++) made.push(await network.pair(listener));
  await listener.close();
  return made;
}

describe('exhaustion: a handful of blocks for everybody', () => {
  test('everybody transfers at once, both ways: slow, never stuck, never wrong', async () => {
    const random = seeded();
    const transfers = (await pairs(PAIRS)).map((pair) => transfer(pair, random, (sent) => sent > 200_000));
    for (const transferred of await Promise.all(transfers)) assert.ok(transferred > 400_000);
    await network.atRest();
    await assertEmpty();
  });

  test('everybody fills its chain in one turn, long before anybody reads', async () => {
    const made = await pairs(PAIRS);
    const sent = made.map(({ a }, seed) => {
      let total = 0;
      while (a.tryWrite(streamBytes(seed, total, total + 3000))) total += 3000;
      return total;
    });
    const closing = made.map(({ a }) => a.close());
    const received = await Promise.all(made.map(({ b }) => readToEnd(b)));
    for (const [seed, bytes] of received.entries()) sameBytes(bytes, streamBytes(seed, 0, sent[seed]!));
    await Promise.all([...closing, ...made.map(({ b }) => b.close())]);
    await network.atRest();
    await assertEmpty();
  });

  test('connections are reset meanwhile: memory comes back', { timeout: 90_000 }, async () => {
    const random = seeded();
    await storm(network, random, { cutOff: 300, atOnce: 30, transfers: 4, bytes: 100_000 });
    await network.atRest();
    await assertEmpty();
  });
});
