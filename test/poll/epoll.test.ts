import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import type { TCPConn } from 'gopark/net';
import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
import { loadNative } from '#dist/poll/drivers/epoll/native.js';
import { pattern, sameBytes } from '../lib/bytes.ts';
import { connSuite } from '../lib/conn-suite.ts';
import { fdOf } from '../lib/inside.ts';
import { Network } from '../lib/network.ts';
import type { Pair } from '../lib/pair.ts';
import { drain, readToEnd } from '../lib/peers.ts';
import { turns, watch } from '../lib/waiting.ts';

// The whole suite once more on epoll, with the contract between FD and driver looked at on every call. The sizes are
// small on purpose: the slab runs full, chains and batches hit their limits.
const network = new Network(
  new EpollDriver(loadNative(), {
    slots: 512,
    inbound: 48 * 1024,
    outbound: 96 * 1024,
    maxRecv: 16 * 1024,
  }),
);
const { checked } = network;
const listener = await network.listen();
const makePair = () => network.pair(listener);

after(async () => {
  await listener.close();
  await network.atRest();
});

connSuite('epoll, checked', makePair, new Set(['buffered', 'socket']));

describe('epoll: more than the shared memory takes', () => {
  test('300 connections become readable at once: nobody is forgotten', async () => {
    const pairs: Pair<TCPConn>[] = [];
    for (let i = 0; i < 100; i++) pairs.push(await makePair());
    try {
      const sent = pairs.map((_, i) => pattern(4000, i + 1));
      const buffers = pairs.map(() => new Uint8Array(4096));
      for (let round = 0; round < 3; round++) {
        const reads = pairs.map(({ a }, i) => a.read(buffers[i]!));
        await turns(2);
        await Promise.all(pairs.map(({ b }, i) => b.write(sent[i]!)));
        const counts = await Promise.all(reads);
        for (const [i, { a }] of pairs.entries()) {
          let count = counts[i]!;
          while (count < 4000) count += (await a.read(buffers[i]!.subarray(count)))!;
          sameBytes(buffers[i]!.subarray(0, 4000), sent[i]!);
        }
      }
    } finally {
      for (const { a, b } of pairs) {
        a.closeNow();
        b.closeNow();
      }
      await turns(2);
    }
  });

  test('one turn writes far more than the outbound slab holds, over many connections', async () => {
    const pairs: Pair<TCPConn>[] = [];
    for (let i = 0; i < 40; i++) pairs.push(await makePair());
    const received = pairs.map(({ b }) => readToEnd(b));
    const message = pattern(3000);
    for (const { a } of pairs) {
      for (let i = 0; i < 21; i++) assert.ok(a.tryWrite(message));
    }
    await Promise.all(pairs.map(({ a }) => a.close()));
    for (const bytes of await Promise.all(received)) {
      assert.equal(bytes.length, 63_000);
      for (let i = 0; i < 21; i++) sameBytes(bytes.subarray(i * 3000, (i + 1) * 3000), message);
    }
    for (const { b } of pairs) await b.close();
  });

  test('tens of thousands of tiny writes in one turn: the segments run out, no byte does', async () => {
    const pairs: Pair<TCPConn>[] = [];
    for (let i = 0; i < 20; i++) pairs.push(await makePair());
    const received = pairs.map(({ b }) => readToEnd(b));
    for (let i = 0; i < 2000; i++) for (const { a } of pairs) assert.ok(a.tryWrite(Uint8Array.of(i, i >> 8)));
    await Promise.all(pairs.map(({ a }) => a.close()));
    const expected = new Uint8Array(4000);
    for (let i = 0; i < 2000; i++) expected.set([i, i >> 8], 2 * i);
    for (const bytes of await Promise.all(received)) sameBytes(bytes, expected);
    for (const { b } of pairs) await b.close();
  });

  test('bursts by turns: a chain grows where it is, another one lies behind it, and the first goes on', async () => {
    const pairs: Pair<TCPConn>[] = [];
    for (let i = 0; i < 3; i++) pairs.push(await makePair());
    const received = pairs.map(({ b }) => readToEnd(b));
    const bytes = pattern(20_000);
    const written = pairs.map(() => 0);
    for (let burst = 0; burst < 40; burst++) {
      const which = (burst * 7) % 3;
      for (let i = 0; i < 1 + (burst % 5); i++) {
        const at = written[which]!;
        const length = (burst * 37 + i * 211) % 700;
        assert.ok(pairs[which]!.a.tryWrite(bytes.subarray(at, at + length)));
        written[which] = at + length;
      }
    }
    await Promise.all(pairs.map(({ a }) => a.close()));
    for (const [i, got] of (await Promise.all(received)).entries()) {
      assert.ok(written[i]! > 5000);
      sameBytes(got, bytes.subarray(0, written[i]));
    }
    for (const { b } of pairs) await b.close();
  });

  test('random traffic over many connections, with deadlines, aborts and closes', async () => {
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state % below;
    };
    for (let round = 0; round < 4; round++) {
      const pairs: Pair<TCPConn>[] = [];
      for (let i = 0; i < 20; i++) pairs.push(await makePair());
      const calls: Promise<void>[] = [];
      for (let i = 0; i < 1500; i++) {
        const pair = pairs[random(pairs.length)]!;
        const conn = random(2) ? pair.a : pair.b;
        const controller = new AbortController();
        const call = (promise: Promise<unknown>) => calls.push(watch(promise).promise);
        switch (random(9)) {
          case 0:
          case 1:
            call(conn.read(new Uint8Array(1 + random(40_000)), controller));
            break;
          case 2:
          case 3:
            call(conn.write(pattern(random(random(2) ? 100_000 : 500)), controller));
            break;
          case 4:
            call(conn.waitReadable(controller));
            break;
          case 5:
            if (!fdOf(conn).closed) conn.setTimeout([null, 0, 1, 5][random(4)]!);
            break;
          case 6:
            call(conn.flush(controller));
            break;
          case 7:
            switch (random(40)) {
              case 0:
              case 1:
                call(conn.close());
                break;
              case 2:
                call(conn.closeWrite());
                break;
              case 3:
                conn.closeNow();
            }
            break;
          default:
            if (random(3) === 0) await turns(1);
            else await Promise.resolve();
        }
        const aborted = random(6);
        if (aborted === 0) controller.abort('random');
        if (aborted === 1) setImmediate(() => controller.abort('random'));
      }
      await later(5);
      for (const { a, b } of pairs) {
        a.closeNow();
        void drain(b);
        b.closeNow();
      }
      await Promise.all(calls);
      await turns(3);
      assert.deepEqual(checked.violations, []);
      assert.equal(checked.holds, 0, 'nobody waits any more');
    }
  });
});
