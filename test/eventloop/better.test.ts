import assert from 'node:assert/strict';
import { connect as rawConnect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { type Connection, dial, EventLoop, WriteBufferFullError } from 'gopark/eventloop';
import { NoProgressError, readAll } from 'gopark/io';
import type { LinkSlice } from 'gopark/linkbuffer';
import { defaultPool } from 'gopark/linkbuffer';
import { listen } from 'gopark/net';
import { pattern, sameBytes } from '../lib/bytes.ts';
import { until } from '../lib/waiting.ts';
import { bytes, quietErrors, text, withLoop } from './lib.ts';

const MiB = 1024 * 1024;

describe("better where Netpoll's users suffer", { timeout: 120_000 }, () => {
  test('F6, N-01: a half close is the end of reading: the answer of a handler that takes its time goes out', async () => {
    await withLoop(
      {
        async onRequest({ reader, writer }) {
          const word = await reader.readString(5);
          await later(20);
          writer.writeString(`<${word}>`);
          await writer.flush();
        },
      },
      async ({ connect }) => {
        const conn = await connect();
        await conn.write(bytes('hello'));
        await conn.closeWrite();
        assert.equal(text(await readAll(conn)), '<hello>');
      },
    );
  });

  test('F6: and of a large answer that the peer reads slowly, whose handler has long returned', async () => {
    const answer = pattern(8 * MiB);
    await withLoop(
      {
        onRequest({ reader, writer }) {
          reader.trySkip(reader.len);
          writer.writeBinary(answer);
          writer.flush();
        },
      },
      async ({ connect }) => {
        const conn = await connect();
        await conn.write(bytes('x'));
        await conn.closeWrite();
        await later(50);
        sameBytes(await readAll(conn), answer);
      },
    );
  });

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

  test('F7, N-06: the end is null, again and again; readAll gives everything and no error', async () => {
    let all: Uint8Array | undefined;
    const ends: unknown[] = [];
    await withLoop(
      {
        async onRequest(conn) {
          all = await readAll(conn);
          const { reader } = conn;
          ends.push(await reader.next(1), await reader.read(new Uint8Array(1)), await reader.until('\n'));
          ends.push(reader.tryNext(1), reader.tryRead(new Uint8Array(1)));
        },
      },
      async ({ connect, loop }) => {
        const client = await connect();
        const sent = pattern(200_000);
        await client.write(sent);
        await client.closeWrite();
        await until(() => ends.length === 5 && loop.connections === 0, 'the end');
        sameBytes(all!, sent);
        assert.deepEqual(ends, [null, null, null, null, null]);
      },
    );
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

  test('F8, N-11: close during a blocked next and a blocked flush: both fail, close settles once', async () => {
    const outcome: unknown[] = [];
    let conn: Connection | undefined;
    await withLoop(
      {
        async onRequest(one) {
          conn = one;
          one.reader.trySkip(one.len);
          const flushing = (async () => {
            one.writer.writeBinary(new Uint8Array(32 * MiB));
            await one.writer.flush();
          })();
          const waits = [flushing, one.reader.next(100)];
          outcome.push(...(await Promise.allSettled(waits)).map(({ status }) => status));
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => conn !== undefined, 'the handler');
        await later(20);
        conn!.closeNow();
        await assert.rejects(conn!.close(), { code: 'ERR_CLOSED' });
        await until(() => outcome.length === 2, 'both');
        assert.deepEqual(outcome, ['rejected', 'rejected']);
      },
    );
  });

  test('use after close: every call names it, none crashes', async () => {
    const { reader, writer, conn } = await new Promise<{
      conn: Connection;
      reader: Connection['reader'];
      writer: Connection['writer'];
    }>((resolve) => {
      void withLoop(
        { onConnect: (one) => resolve({ conn: one, reader: one.reader, writer: one.writer }) },
        async (running) => {
          await running.connect();
          await later(20);
        },
      );
    });
    await until(() => !conn.isActive, 'the loop to close it');
    const closed = { code: 'ERR_CLOSED' };
    for (const call of [
      () => writer.malloc(1),
      () => writer.mallocAck(0),
      () => writer.writeBinary(new Uint8Array(1)),
      () => writer.writeString('x'),
      () => writer.writeByte(1),
      () => writer.writeDirect(new Uint8Array(1)),
      () => reader.tryNext(1),
      () => reader.tryRead(new Uint8Array(1)),
      () => conn.setReadTimeout(1),
      () => conn.tryWrite(new Uint8Array(1)),
    ]) {
      assert.throws(call, closed);
    }
    for (const call of [
      () => writer.flush(),
      () => writer.write(new Uint8Array(1)),
      () => reader.next(1),
      () => reader.read(new Uint8Array(1)),
      () => reader.until('\n'),
      () => conn.close(),
    ]) {
      await assert.rejects(call(), closed);
    }
    reader.release();
    assert.equal(reader.len, 0);
    assert.equal(writer.mallocLen, 0);
    conn.closeNow();
    assert.match(String(conn.remoteAddr), /^127\.0\.0\.1:\d+$/);
  });

  test('N-12: a flush that a write deadline cut: everything arrives once, in order, with the next one', async () => {
    const first = pattern(16 * MiB, 1);
    const second = pattern(1000, 2);
    let cut: unknown;
    let done = false;
    await withLoop(
      {
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          conn.setWriteTimeout(30);
          conn.writer.writeBinary(first);
          cut = await conn.writer.flush().catch((error: unknown) => error);
          conn.setWriteTimeout(null);
          conn.writer.writeBinary(second);
          await conn.writer.flush();
          done = true;
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await client.closeWrite();
        await until(() => cut !== undefined, 'the deadline');
        assert.equal((cut as { code: string }).code, 'ERR_DEADLINE_EXCEEDED');
        await later(10);
        assert.equal(done, false);
        const all = await readAll(client);
        sameBytes(all.subarray(0, first.length), first);
        sameBytes(all.subarray(first.length), second);
      },
    );
  });

  test('N-13: a deadline set into the past wakes a call that waits; readTimeout counts for each wait', async () => {
    const outcome: string[] = [];
    await withLoop(
      {
        readTimeout: 30,
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          await conn.reader.next(1).catch((error) => outcome.push(error.code));
          const waiting = conn.reader.next(1);
          conn.setReadDeadline(new Date(0));
          await waiting.catch((error) => outcome.push(error.code));
          conn.setReadDeadline(null);
          outcome.push(text((await conn.reader.next(1))!));
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => outcome.length === 2, 'two timeouts');
        await client.write(bytes('y'));
        await until(() => outcome.length === 3, 'the byte');
        assert.deepEqual(outcome, ['ERR_DEADLINE_EXCEEDED', 'ERR_DEADLINE_EXCEEDED', 'y']);
      },
    );
  });

  test('F9, N-16, N-17: a descriptor number that is used again never reaches the wrong owner', async () => {
    const listeners = await Promise.all(['a', 'b'].map(() => listen('tcp', '127.0.0.1:0')));
    const loops = ['a', 'b'].map(
      (name) =>
        new EventLoop({
          onRequest(conn) {
            conn.reader.trySkip(conn.len);
            conn.writer.writeString(name);
            conn.writer.flush();
            conn.close();
          },
        }),
    );
    const serving = loops.map((loop, i) => loop.serve(listeners[i]!));
    await Promise.all(
      Array.from({ length: 10 }, async (_, client) => {
        for (let round = 0; round < 20; round++) {
          const which = (client + round) % 2;
          const conn = await dial('tcp', String(listeners[which]!.addr));
          await conn.write(bytes('x'));
          assert.equal(text((await conn.reader.next(1))!), 'ab'[which]);
          await conn.close();
        }
      }),
    );
    await Promise.all(loops.map((loop) => loop.shutdown()));
    await Promise.all(serving);
  });

  test('N-18, N-19: shutdown: who has asked is answered, the idle are closed, the stubborn are cut off', async () => {
    let giveIn: () => void = () => {};
    const stubbornness = new Promise<void>((resolve) => {
      giveIn = resolve;
    });
    const loop = new EventLoop({
      async onRequest({ reader, writer }) {
        const word = reader.tryReadString(reader.len)!;
        if (word === 'stay') return stubbornness;
        await later(30);
        writer.writeString('answer');
        await writer.flush();
      },
    });
    const listener = await listen('tcp', '127.0.0.1:0');
    const serving = loop.serve(listener);
    const connect = async () => dial('tcp', String(listener.addr));
    const idle = await connect();
    const asking = await connect();
    const justNow = await connect();
    const stubborn = await connect();
    await asking.write(bytes('ask'));
    await stubborn.write(bytes('stay'));
    await until(() => loop.connections === 4, 'all');
    await later(10);
    await justNow.write(bytes('just now'));
    await justNow.flush();
    const cut = loop.shutdown({ timeout: 300 });
    assert.equal(await idle.reader.next(1), null);
    assert.equal(text(await readAll(asking)), 'answer');
    assert.equal(text(await readAll(justNow)), 'answer');
    assert.equal(await cut, 1);
    await serving;
    giveIn();
    await until(() => loop.connections === 0, 'its handler to end');
    for (const conn of [idle, asking, justNow, stubborn]) conn.closeNow();
  });

  test('N-20: the local address is the connection’s own, also on a wildcard listener', async () => {
    const listener = await listen('tcp', '0.0.0.0:0');
    let local = '';
    const loop = new EventLoop({
      onConnect: (conn) => {
        local = String(conn.localAddr);
      },
      onRequest() {},
    });
    const serving = loop.serve(listener);
    const port = String(listener.addr).split(':').at(-1)!;
    const conn = await dial('tcp', `127.0.0.1:${port}`);
    await until(() => local !== '', 'the connection');
    assert.equal(local, `127.0.0.1:${port}`);
    conn.closeNow();
    await loop.shutdown();
    await serving;
  });

  test('writes are bounded, with a named policy: close', async () => {
    const errors = quietErrors();
    let reason: unknown;
    await withLoop(
      {
        whenFull: 'close',
        writeHighWater: MiB,
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            reason = conn.reason;
          }),
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          while (conn.isActive) {
            conn.writer.writeBinary(new Uint8Array(100_000));
            await conn.writer.flush().catch(() => {});
            await later(0);
          }
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => reason !== undefined, 'the connection to be closed');
        assert.ok(reason instanceof WriteBufferFullError);
      },
    );
    errors.restore();
  });

  test('writes are bounded, with a named policy: error drops what it refuses, whole; what was taken arrives', async () => {
    let taken = 0;
    let refused = 0;
    const message = (i: number) => pattern(50_000, i);
    await withLoop(
      {
        whenFull: 'error',
        writeHighWater: MiB,
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          while (refused < 10) {
            conn.writer.writeBinary(message(taken + 1));
            try {
              await conn.writer.flush();
              taken++;
            } catch (error) {
              assert.ok(error instanceof WriteBufferFullError);
              refused++;
            }
          }
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await client.closeWrite();
        await until(() => refused === 10, 'refusals');
        const all = await readAll(client);
        assert.equal(all.length, taken * 50_000);
        for (let i = 0; i < taken; i++) sameBytes(all.subarray(i * 50_000, (i + 1) * 50_000), message(i + 1));
      },
    );
  });

  test('writes are bounded, with a named policy: wait: a handler that does not wait is not called while its answer waits', async () => {
    let calls = 0;
    const answer = new Uint8Array(MiB);
    await withLoop(
      {
        onRequest(conn) {
          calls++;
          conn.reader.trySkip(1);
          conn.writer.writeBinary(answer);
          conn.writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(new Uint8Array(100));
        let last = -1;
        while (calls !== last) {
          last = calls;
          await later(100);
        }
        assert.ok(calls < 50, `${calls} answers of 1 MiB wait`);
        await client.closeWrite();
        assert.equal((await readAll(client)).length, 100 * MiB);
        assert.equal(calls, 100);
      },
    );
  });

  test('writeTimeout: a peer that does not read its answer is cut off', async () => {
    const errors = quietErrors();
    let reason: unknown;
    await withLoop(
      {
        writeTimeout: 50,
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            reason = conn.reason;
          }),
        onRequest(conn) {
          conn.reader.trySkip(conn.len);
          conn.writer.writeBinary(new Uint8Array(32 * MiB));
          conn.writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => reason !== undefined, 'the connection to be closed');
        assert.equal((reason as { code: string }).code, 'ERR_DEADLINE_EXCEEDED');
      },
    );
    errors.restore();
  });

  test('idleTimeout: who is silent is closed, who is not stays, who is at work stays', async () => {
    await withLoop(
      {
        // Longer than a busy machine lets anybody wait between two pings.
        idleTimeout: 800,
        async onRequest({ reader, writer }) {
          const word = reader.tryReadString(reader.len)!;
          if (word === 'work') await later(1200);
          writer.writeString(word);
          await writer.flush();
        },
      },
      async ({ connect, loop }) => {
        const [silent, busy, working] = await Promise.all([connect(), connect(), connect()]);
        await working.write(bytes('work'));
        const p = new Uint8Array(10);
        const ended = silent.read(p).then((n) => assert.equal(n, null));
        for (let i = 0; i < 40; i++) {
          await busy.write(bytes('ping'));
          assert.equal(await busy.read(p), 4);
          await later(30);
        }
        await ended;
        assert.equal(text(p.subarray(0, (await working.read(p))!)), 'work');
        await until(() => loop.connections === 0, 'all to be closed in the end');
      },
    );
  });

  test('N-25: one connection streams, others ping: these get their turn', async () => {
    await withLoop(
      {
        onRequest(conn) {
          conn.moveTo(conn);
          conn.writer.flush();
        },
      },
      async ({ connect, listener }) => {
        const raw = rawConnect(Number(String(listener.addr).split(':')[1]), '127.0.0.1');
        raw.on('data', () => {});
        let flooding = true;
        const chunk = new Uint8Array(256 * 1024);
        const flood = () => {
          while (flooding && raw.write(chunk));
          if (flooding) raw.once('drain', flood);
        };
        flood();
        const pings = await Promise.all(Array.from({ length: 20 }, connect));
        const p = new Uint8Array(4);
        let slowest = 0;
        for (let round = 0; round < 10; round++) {
          for (const conn of pings) {
            const start = performance.now();
            await conn.write(bytes('ping'));
            await conn.read(p);
            slowest = Math.max(slowest, performance.now() - start);
          }
        }
        flooding = false;
        raw.destroy();
        assert.ok(slowest < 1000, `a ping took ${slowest} ms`);
      },
    );
  });
});
