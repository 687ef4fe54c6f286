import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Connection, configure, EventLoop } from 'gopark/eventloop';
import { dial, listen, type TCPConn } from 'gopark/net';
import { Balance } from '#dist/eventloop/balance.js';
import { threadPoller } from '#dist/poll/index.js';
import { bytes, text } from './lib.ts';

const echo = (conn: Connection) => {
  conn.moveTo(conn);
  conn.writer.flush();
};

async function pingAll(conns: readonly TCPConn[]): Promise<void> {
  await Promise.all(
    conns.map(async (conn, i) => {
      const p = new Uint8Array(10);
      await conn.write(bytes(`ping${i}`));
      assert.equal(text(p.subarray(0, (await conn.read(p))!)), `ping${i}`);
    }),
  );
}

describe('poller sets', { timeout: 60_000 }, () => {
  after(() => configure({ pollers: 1, loadBalance: 'round-robin' }));

  for (const loadBalance of ['round-robin', 'random', 'least-connections'] as const) {
    test(`four, by ${loadBalance}: every connection is served; fewer and more at run time, too (N-21)`, async () => {
      configure({ pollers: 4, loadBalance });
      const listener = await listen('tcp', '127.0.0.1:0');
      const loop = new EventLoop({ onRequest: echo });
      const serving = loop.serve(listener);
      const conns: TCPConn[] = [];
      const more = async (count: number) => {
        for (let i = 0; i < count; i++) conns.push(await dial('tcp', String(listener.addr)));
      };
      await more(20);
      await pingAll(conns);
      configure({ pollers: 2 });
      await more(10);
      await pingAll(conns);
      configure({ pollers: 8 });
      await more(20);
      for (let i = 0; i < 5; i++) await pingAll(conns);
      for (const conn of conns) conn.closeNow();
      await loop.shutdown();
      await serving;
    });
  }

  test('the policies choose as they say', () => {
    const { driver } = threadPoller();
    configure({ pollers: 3, loadBalance: 'round-robin' });
    const sets = Math.min(3, driver.pollers(3));
    const balance = new Balance(driver);
    const picks = Array.from({ length: 6 }, () => balance.pick());
    assert.deepEqual(
      picks,
      Array.from({ length: 6 }, (_, i) => i % sets),
    );
    if (sets < 3) return;
    configure({ loadBalance: 'least-connections' });
    balance.left(1);
    balance.left(1);
    assert.deepEqual([balance.pick(), balance.pick()], [1, 1]);
    assert.deepEqual(balance.counts, [2, 2, 2]);
    configure({ loadBalance: 'random' });
    for (let i = 0; i < 100; i++) assert.ok([0, 1, 2].includes(balance.pick()));
  });

  test('bad settings are refused by name', () => {
    assert.throws(() => configure({ pollers: 0 }), /pollers/);
    assert.throws(() => configure({ goroutines: -1 }), /goroutines/);
    assert.throws(() => configure({ blockSize: 10 }), /blockSize/);
    assert.throws(() => configure({ loadBalance: 'best' as never }), /loadBalance/);
    assert.throws(() => new EventLoop({ onRequest: 1 as never }), /onRequest/);
    assert.throws(() => new EventLoop({ onRequest: echo, readTimeout: -1 }), /readTimeout/);
    assert.throws(() => new EventLoop({ onRequest: echo, readHighWater: 100 }), /readHighWater/);
    assert.throws(() => new EventLoop({ onRequest: echo, readLowWater: 1e9 }), /readLowWater/);
    assert.throws(() => new EventLoop({ onRequest: echo, whenFull: 'drop' as never }), /whenFull/);
  });
});
