// What only io_uring can get wrong: completions for somebody who has gone, memory that the kernel still has, more
// received than anybody wants.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect as nodeConnect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { dial, listen, type TCPConn } from 'gopark/net';
import { OP_NOP } from '#dist/poll/drivers/uring/abi.js';
import { streamBytes } from '../lib/stream.ts';
import { pair, uring } from '../lib/uring.ts';
import { turns, until } from '../lib/waiting.ts';

/** A connection whose peer is Node's, so that the driver sees one end only. */
async function withNode(check: (conn: TCPConn, raw: Socket) => Promise<void>): Promise<void> {
  await using listener = await listen('tcp', '127.0.0.1:0');
  const raw = nodeConnect({ host: '127.0.0.1', port: listener.addr.port, allowHalfOpen: true });
  raw.on('error', () => {});
  try {
    await using conn = (await listener.accept()) as TCPConn;
    await check(conn, raw);
  } finally {
    raw.destroy();
  }
}

describe('uring', () => {
  test('a completion for an earlier owner of the slot changes nothing, and is counted', async () => {
    const driver = uring();
    const [near, far] = await pair();
    const p = new Uint8Array(10);
    const reading = far.read(p);
    const before = driver.counts.stale;
    // As they would come: an end of the stream, readability, room, each for the owner before each slot's present one.
    for (let slot = 0; slot < 16; slot++) {
      const generation = driver.generationOf(slot) - 1;
      for (const kind of [0, 1, 2]) driver.ring.next(OP_NOP, -1, driver.tag, (kind << 20) | slot, generation);
    }
    await until(() => driver.counts.stale >= before + 48, 'stale completions');
    await near.write(Uint8Array.of(1, 2, 3));
    assert.equal(await reading, 3);
    near.closeNow();
    far.closeNow();
  });

  test('slots change owners while receives are under way: nobody gets the bytes of another', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const address = String(listener.addr);
    let wrong = 0;
    const one = async (id: number) => {
      const [near, far] = await Promise.all([dial('tcp', address), listener.accept()]);
      // Whose this connection is, is in every byte.
      const p = new Uint8Array(100);
      await near.write(new Uint8Array(64).fill(id));
      const n = await far.read(p);
      const from = p[0]!;
      if (n === null || p.subarray(0, n).some((byte) => byte !== from)) wrong++;
      // Closed while the kernel receives for them, at once or with more on the way.
      void near.write(new Uint8Array(64).fill(id));
      near.closeNow();
      far.closeNow();
    };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => one(1 + ((round * 20 + i) % 250))));
    }
    assert.equal(wrong, 0);
  });

  test('a peer that sends more than anybody reads has to wait: little is received ahead', async () => {
    await withNode(async (conn, raw) => {
      const p = new Uint8Array(1);
      const total = 32 * 1024 * 1024;
      raw.write(new Uint8Array(total));
      assert.equal(await conn.read(p), 1);
      // Until the kernel takes no more: what the peer has not got rid of does not change any more.
      let left = -1;
      await until(() => {
        const before = left;
        left = raw.writableLength;
        return before === left && left > 0;
      }, 'the peer to be stuck');
      await turns(20);
      assert.equal(uring().ahead <= 128 * 1024, true, `${uring().ahead} bytes ahead`);
      // And all of it arrives.
      let received = 1;
      for (const q = new Uint8Array(60_000); received < total; ) {
        const n = await conn.read(q.subarray(0, 1 + (received % q.length)));
        assert.ok(n !== null);
        received += n;
      }
      assert.equal(received, total);
    });
  });

  test('reads of all sizes and of every kind, in turns: each byte once, in order', async () => {
    await withNode(async (conn, raw) => {
      const total = 3_000_000;
      raw.end(streamBytes(7, 0, total));
      const hash = createHash('sha256');
      const sizes = [1, 7, 64, 1000, 4096, 5000, 16_384, 70_000, 200_000];
      let at = 0;
      for (let i = 0; ; i++) {
        const p = new Uint8Array(sizes[i % sizes.length]!);
        if (i % 5 === 0) await conn.waitReadable();
        const n = i % 3 === 0 ? conn.tryRead(p) : await conn.read(p);
        if (n === undefined) continue;
        if (n === null) break;
        hash.update(p.subarray(0, n));
        at += n;
      }
      assert.equal(at, total);
      assert.equal(
        hash.digest('hex'),
        createHash('sha256')
          .update(streamBytes(7, 0, total))
          .digest('hex'),
      );
    });
  });

  test('a connection goes over to plain calls with its first large read, and back after some small ones', async () => {
    const driver = uring();
    const [near, far] = await pair();
    const echo = async (size: number) => {
      const p = new Uint8Array(size);
      const reading = far.read(p);
      await turns(3);
      await near.write(streamBytes(1, 0, 100));
      assert.equal(await reading, 100);
      assert.deepEqual(p.subarray(0, 100), streamBytes(1, 0, 100));
    };
    await echo(1000);
    const before = driver.counts.handedOver;
    await echo(64 * 1024);
    await echo(64 * 1024);
    assert.equal(driver.counts.handedOver, before + 1, 'what was receiving has been stopped once');
    for (let i = 0; i < 20; i++) await echo(1000);
    assert.equal(driver.counts.handedOver, before + 1);
    await echo(64 * 1024);
    assert.equal(driver.counts.handedOver, before + 2, 'small reads had it receive again');
    near.closeNow();
    far.closeNow();
  });

  test('idle, it sleeps', async () => {
    const [near, far] = await pair();
    const p = new Uint8Array(10);
    const reading = far.read(p);
    await turns(10);
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 300_000, `${user + system} us of CPU time in a second of doing nothing`);
    await near.write(Uint8Array.of(1));
    assert.equal(await reading, 1);
    near.closeNow();
    far.closeNow();
  });

  test('closed with a receive under way: the descriptor is gone, and the peer sees the end', async () => {
    const [near, far] = await pair();
    const reading = far.read(new Uint8Array(10));
    reading.catch(() => {});
    await turns(5);
    await far.close();
    assert.equal(await near.read(new Uint8Array(10)), null);
    await assert.rejects(reading, { code: 'ERR_CLOSED' });
    near.closeNow();
  });
});
