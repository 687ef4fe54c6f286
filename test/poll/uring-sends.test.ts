// What goroutines write in a round goes to the kernel as submissions, by one call: what goes wrong there is for the
// plain calls, and nobody's bytes are lost or sent twice.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TCPConn } from 'gopark/net';
import { OP_NOP } from '#dist/poll/drivers/uring/abi.js';
import { runChild } from '../lib/child.ts';
import { lacks } from '../lib/needs.ts';
import { streamBytes } from '../lib/stream.ts';
import { pair, uring } from '../lib/uring.ts';
import { turns } from '../lib/waiting.ts';

async function pairs(count: number): Promise<[near: TCPConn, far: TCPConn][]> {
  const made: [TCPConn, TCPConn][] = [];
  for (let i = 0; i < count; i++) made.push(await pair());
  return made;
}

/** Reads to the end: neither less nor more may come. */
async function readAll(conn: TCPConn): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const p = new Uint8Array(10_000);
    const n = await conn.read(p);
    if (n === null) return Buffer.concat(pieces);
    pieces.push(p.subarray(0, n));
  }
}

const skip = uring().whyPlainSends === null ? false : lacks('this kernel', 'sends as submissions');

describe('uring: sends', { skip }, () => {
  test('what many goroutines write in one turn goes in a few calls, more than one takes', async () => {
    const driver = uring();
    const pairs: [TCPConn, TCPConn][] = [];
    for (let i = 0; i < 300; i++) pairs.push(await pair());
    const p = pairs.map(() => new Uint8Array(64));
    const reading = pairs.map(([, far], i) => far.read(p[i]!));
    await turns(5);
    const before = driver.sent;
    await Promise.all(pairs.map(([near], i) => near.write(new Uint8Array(64).fill(i))));
    assert.deepEqual(new Set(await Promise.all(reading)), new Set([64]));
    const { calls, sends, short } = driver.sent;
    assert.equal(sends - before.sends, 300);
    assert.ok(calls - before.calls <= 3, `${calls - before.calls} calls`);
    assert.equal(short, before.short);
    for (const [i, bytes] of p.entries()) assert.ok(bytes.every((byte) => byte === (i & 0xff)));
    for (const ends of pairs) for (const end of ends) end.closeNow();
  });

  test('what the peer has no room for goes in part, and goes on when there is some', async () => {
    const driver = uring();
    const pairs = [await pair(), await pair()];
    const before = driver.sent.short;
    let written = 0;
    const piece = 10_000;
    while (driver.sent.short < before + 2) {
      for (const [near] of pairs) assert.ok(near.tryWrite(streamBytes(3, written, written + piece)));
      written += piece;
      await turns(2);
    }
    for (const [near, far] of pairs) {
      const p = new Uint8Array(60_000);
      for (let at = 0; at < written; ) {
        const n = await far.read(p);
        assert.ok(n !== null);
        assert.deepEqual(p.subarray(0, n), streamBytes(3, at, at + n));
        at += n;
      }
      near.closeNow();
      far.closeNow();
    }
  });

  test('a completion with the mark of the sends, which is not of this batch, says nothing of anybody', async () => {
    const driver = uring();
    const made = await pairs(3);
    const received = made.map(([, far]) => readAll(far));
    await turns(5);
    const before = driver.sent;
    // It would say of the first chain that nothing of it went, and all of it would be sent once more.
    for (let id = 0; id < 3; id++) driver.ring.next(OP_NOP, -1, driver.tag + 1, id, 0);
    for (const [i, [near]] of made.entries()) assert.ok(near.tryWrite(streamBytes(i, 0, 1000)));
    await turns(3);
    assert.equal(driver.sent.sends - before.sends, 3);
    assert.equal(driver.sent.short, before.short);
    for (const [near] of made) await near.close();
    for (const [i, bytes] of (await Promise.all(received)).entries())
      assert.deepEqual(new Uint8Array(bytes), streamBytes(i, 0, 1000));
    for (const [, far] of made) far.closeNow();
  });

  test('a chain of more pieces than a submission takes goes by itself, the others together', async () => {
    const driver = uring();
    const made = await pairs(6);
    const received = made.map(([, far]) => readAll(far));
    await turns(5);
    const before = driver.sent;
    const written = made.map(() => 0);
    const write = (i: number, length: number) => {
      assert.ok(made[i]![0].tryWrite(streamBytes(i, written[i]!, written[i]! + length)));
      written[i]! += length;
    };
    write(0, 10);
    // Each is a piece of its own: somebody else's lies between them.
    for (let n = 0; n < 80; n++) {
      write(1, 700);
      write(2, 700);
    }
    for (const i of [3, 4, 5]) write(i, 10);
    await turns(3);
    for (const [near] of made) await near.close();
    for (const [i, bytes] of (await Promise.all(received)).entries())
      assert.deepEqual(new Uint8Array(bytes), streamBytes(i, 0, written[i]!));
    assert.equal(driver.sent.sends - before.sends, 4, 'the others went by the ring');
    for (const [, far] of made) far.closeNow();
  });

  test('a ring that the kernel takes nothing from any more: what was filled in is sent by plain calls, once', async () => {
    const { code, stdout, stderr } = await runChild(
      `
      import assert from 'node:assert/strict';
      import { closeSync, readdirSync, readlinkSync } from 'node:fs';
      import { connect } from 'node:net';
      import { listen } from 'gopark/net';
      import { threadPoller } from '#dist/poll/index.js';
      const link = (fd) => {
        try {
          return readlinkSync('/proc/self/fd/' + fd);
        } catch {
          return '';
        }
      };
      const rings = () => readdirSync('/proc/self/fd').filter((fd) => link(fd).includes('io_uring'));
      // From 24 on Node has a ring of its own: that one stays.
      const others = rings();
      const { driver } = threadPoller();
      const own = rings().filter((fd) => !others.includes(fd));
      assert.equal(own.length, 1);
      const listener = await listen('tcp', '127.0.0.1:0');
      const made = [];
      for (let i = 0; i < 20; i++) {
        const raw = connect({ host: '127.0.0.1', port: listener.addr.port });
        made.push([await listener.accept(), raw]);
      }
      const before = driver.sent;
      closeSync(Number(own[0]));
      for (const [n, [conn]] of made.entries()) assert.ok(conn.tryWrite(new Uint8Array(1000).fill(n)));
      const received = await Promise.all(made.map(async ([, raw]) => {
        const pieces = [];
        for await (const piece of raw) {
          pieces.push(piece);
          if (Buffer.concat(pieces).length >= 1000) break;
        }
        return Buffer.concat(pieces);
      }));
      for (const [n, bytes] of received.entries()) assert.ok(bytes.length === 1000 && bytes.every((byte) => byte === n));
      assert.equal(driver.sent.calls, before.calls + 1);
      assert.equal(driver.sent.sends, before.sends);
      console.log('all of it');
      process.exit();
      `,
      { env: { GOPARK_DRIVER: 'uring' } },
    );
    assert.equal(stdout, 'all of it\n', stderr);
    assert.equal(code, 0);
  });
});
