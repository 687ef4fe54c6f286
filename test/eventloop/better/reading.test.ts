import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import type { Connection } from 'gopark/eventloop';
import { NoProgressError } from 'gopark/io';
import type { LinkSlice } from 'gopark/linkbuffer';
import { defaultPool } from 'gopark/linkbuffer';
import { until } from '../../lib/waiting.ts';
import { bytes, quietErrors, withLoop } from '../lib.ts';

const MiB = 1024 * 1024;

describe("better where Netpoll's users suffer: reading", { timeout: 120_000 }, () => {
  test('F5, N-02: a handler that reads nothing is called once for each arrival, and once at the end', async () => {
    let calls = 0;
    let gone = false;
    await withLoop(
      {
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            gone = true;
          }),
        onRequest: () => void calls++,
      },
      async ({ connect }) => {
        const conn = await connect();
        for (let i = 1; i <= 3; i++) {
          await conn.write(bytes('x'));
          await until(() => calls === i, `call ${i}`);
          await later(20);
          assert.equal(calls, i);
        }
        await conn.close();
        await until(() => gone, 'the connection to end');
        assert.ok(calls <= 4);
      },
    );
  });

  test('F5, N-02: where nothing more can come, no progress is a named error, and the end of the connection', async () => {
    const errors = quietErrors();
    let reason: unknown;
    await withLoop(
      {
        readHighWater: 16 * 1024,
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            reason = conn.reason;
          }),
        onRequest() {},
      },
      async ({ connect }) => {
        const conn = await connect();
        conn.write(new Uint8Array(MiB)).catch(() => {});
        await until(() => reason !== undefined, 'the connection to be closed');
        assert.ok(reason instanceof NoProgressError);
        assert.match(reason.message, /readHighWater/);
      },
    );
    errors.restore();
  });

  test('who has paused the connection leaves bytes on purpose, up to the mark', async () => {
    const mark = 16 * 1024;
    let conn: Connection | undefined;
    let calls = 0;
    await withLoop(
      {
        readHighWater: mark,
        onRequest(one) {
          conn = one;
          calls++;
          one.pause();
        },
      },
      async ({ connect }) => {
        const peer = await connect();
        await peer.write(new Uint8Array(4096));
        await until(() => calls > 0, 'the first call');
        const sent = peer.write(new Uint8Array(MiB));
        let total = 0;
        while (total < MiB + 4096) {
          await until(() => conn!.len > 0, 'more bytes');
          assert.ok(conn!.isActive, String(conn!.reason));
          total += conn!.len;
          conn!.reader.trySkip(conn!.len);
          conn!.release();
          conn!.resume();
        }
        await sent;
      },
    );
  });

  test('F3, N-03: a handler that sleeps: no more than the high-water mark is held, the peer stalls, then all arrives', async () => {
    const most = 64 * MiB;
    const mark = 256 * 1024;
    let held = 0;
    let total = 0;
    let release: () => void = () => {};
    const sleeping = new Promise<void>((resolve) => {
      release = resolve;
    });
    let conn: Connection | undefined;
    await withLoop(
      {
        readHighWater: mark,
        async onRequest(one) {
          conn = one;
          await sleeping;
          for (;;) {
            held = Math.max(held, one.len);
            const n = await one.reader.peek(1);
            if (n === null) return;
            total += one.len;
            one.reader.trySkip(one.len);
            one.reader.release();
          }
        },
      },
      async ({ connect }) => {
        const client = await connect();
        let sent = 0;
        const chunk = new Uint8Array(MiB);
        const sending = (async () => {
          for (; sent < most; sent += MiB) await client.write(chunk);
          await client.closeWrite();
        })();
        let last = -1;
        // It stalls: nothing more is taken.
        while (sent !== last) {
          last = sent;
          await later(100);
        }
        assert.ok(sent < most, 'the peer has to wait');
        assert.ok(conn!.len <= mark, `${conn!.len} bytes are held`);
        release();
        await sending;
        await until(() => total === most, 'all bytes', 60_000);
        assert.ok(held <= mark, `${held} bytes were held`);
      },
    );
  });

  test('N-04: slices that are not released count', async () => {
    const mark = 64 * 1024;
    const slices: LinkSlice[] = [];
    let sliced = 0;
    await withLoop(
      {
        readHighWater: mark,
        onRequest({ reader }) {
          sliced += reader.len;
          slices.push(reader.trySlice(reader.len)!);
        },
      },
      async ({ connect }) => {
        const client = await connect();
        const most = 20 * MiB;
        const sending = client.write(new Uint8Array(most)).then(() => client.closeWrite());
        sending.catch(() => {});
        await until(() => sliced >= mark / 2, 'some slices');
        let last = -1;
        while (sliced !== last) {
          last = sliced;
          await later(50);
        }
        assert.ok(sliced <= mark, `${sliced} bytes are held by slices`);
        const draining = setInterval(() => {
          for (const slice of slices.splice(0)) slice.release();
        }, 1);
        try {
          await sending;
          await until(() => sliced === most, 'all bytes', 30_000);
        } finally {
          clearInterval(draining);
        }
        for (const slice of slices.splice(0)) slice.release();
      },
    );
    await until(() => defaultPool.stats().blocksInUse === 0, 'all blocks to be back');
  });

  test('a call that waits for more than the mark gets it; unreleased memory that stops it is a named error', async () => {
    const found: unknown[] = [];
    const errors = quietErrors();
    await withLoop(
      {
        readHighWater: 16 * 1024,
        async onRequest({ reader, writer }) {
          found.push((await reader.next(300_000))!.length);
          await reader.next(1000).catch((error: unknown) => found.push(error));
          reader.release();
          found.push((await reader.next(1000))!.length);
          writer.writeString('ok');
          await writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        const sending = client.write(new Uint8Array(400_000)).catch(() => {});
        await until(() => found.length >= 2, 'the first two');
        assert.equal(found[0], 300_000);
        // It may have been there already; only a wait can fail.
        if (typeof found[1] !== 'number') assert.ok(found[1] instanceof NoProgressError);
        client.closeNow();
        await sending;
      },
    );
    errors.restore();
  });

  test('expect: the handler is called once for a message that comes in pieces, larger than the mark', async () => {
    let calls = 0;
    const lengths: number[] = [];
    await withLoop(
      {
        readHighWater: 16 * 1024,
        onRequest(conn) {
          calls++;
          const header = conn.reader.tryPeek(4);
          if (!header) return conn.expect(4);
          const length = new DataView(header.buffer, header.byteOffset).getUint32(0);
          if (conn.len < 4 + length) return conn.expect(4 + length);
          conn.reader.trySkip(4);
          lengths.push(conn.reader.tryNext(length)!.length);
        },
      },
      async ({ connect }) => {
        const client = await connect();
        const message = new Uint8Array(4 + 500_000);
        new DataView(message.buffer).setUint32(0, 500_000);
        for (let at = 0; at < message.length; at += 50_000) {
          await client.write(message.subarray(at, at + 50_000));
          await client.flush();
          await later(2);
        }
        await until(() => lengths.length === 1, 'the message');
        assert.deepEqual(lengths, [500_000]);
        assert.ok(calls <= 3, `${calls} calls`);
      },
    );
  });

  test('F4, N-05: after a burst small messages hold little again', async () => {
    const held: number[] = [];
    const sizes: number[] = [];
    await withLoop(
      {
        readHighWater: MiB,
        onRequest(conn) {
          sizes.push(conn.len);
          conn.reader.tryNext(conn.len);
          held.push(defaultPool.stats().bytesInUse);
          conn.writer.writeByte(1);
          conn.writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        const reading = (async () => {
          const p = new Uint8Array(4096);
          while ((await client.read(p)) !== null);
        })().catch(() => {});
        await client.write(new Uint8Array(32 * MiB));
        await until(() => sizes.reduce((sum, n) => sum + n, 0) === 32 * MiB, 'the burst');
        for (let i = 0; i < 20; i++) {
          const before = held.length;
          await client.write(new Uint8Array(100));
          await until(() => held.length > before, 'a message');
        }
        assert.ok(held.at(-1)! <= 16 * 1024, `${held.at(-1)} bytes for a message of 100`);
        client.closeNow();
        await reading;
      },
    );
    assert.equal(defaultPool.stats().blocksInUse, 0);
    defaultPool.trim();
    assert.ok(defaultPool.stats().bytesIdle <= 5 * MiB);
  });

  test('N-08: fresh malloc memory never shows what somebody else left there', async () => {
    const secret = new Uint8Array(4000).fill(0x53);
    await withLoop(
      {
        onRequest({ reader, writer }) {
          const request = reader.tryNext(reader.len)!;
          if (request[0] === 0x53) return;
          const lent = writer.malloc(1000);
          lent[0] = 1;
          writer.flush();
        },
      },
      async ({ connect }) => {
        const victim = await connect();
        const spy = await connect();
        const p = new Uint8Array(1000);
        for (let i = 0; i < 20; i++) {
          await victim.write(secret);
          await victim.flush();
          await later(1);
          await spy.write(bytes('?'));
          for (let got = 0; got < 1000; got += (await spy.read(p.subarray(got)))!);
          assert.equal(p[0], 1);
          const blank = process.env.GOPARK_POISON === '1' ? 0xdb : 0;
          assert.ok(p.subarray(1).every((byte) => byte === blank));
        }
      },
    );
  });
});
