import assert from 'node:assert/strict';
import { go } from 'gopark';
import { readFull } from 'gopark/io';
import { ClosedError, type Conn } from 'gopark/net';
import { concat, pattern, sameBytes } from '../bytes.ts';
import {
  assertTimeout,
  chunkedCopy,
  drain,
  echo,
  readForever,
  resync,
  roundTrip,
  writeForever,
} from '../peers.ts';
import { rejection, turns, watch } from '../waiting.ts';
import { huge, PAST, type Row } from './row.ts';

export function nettest(row: Row): void {
  row('NT-1 basic I/O: 1 MiB goes round, both ends close cleanly', async (a, b) => {
    const sent = pattern(1 << 20);
    let offset = 0;
    const source = {
      async read(p: Uint8Array) {
        if (offset === sent.length) return null;
        const n = Math.min(p.length, sent.length - offset);
        p.set(sent.subarray(offset, offset + n));
        offset += n;
        return n;
      },
    };
    const parts: Uint8Array[] = [];
    const sink = {
      async write(p: Uint8Array) {
        parts.push(p.slice());
        return p.length;
      },
    };
    await Promise.all([
      chunkedCopy(a, source).then(() => a.close()),
      chunkedCopy(sink, b).then(() => b.close()),
    ]);
    sameBytes(concat(parts), sent);
  });

  row('NT-2 ping-pong: each side sees its counter grow by 2', async (a, b) => {
    const play = async (conn: Conn) => {
      const p = new Uint8Array(8);
      const view = new DataView(p.buffer);
      let previous = 0n;
      for (;;) {
        const n = await readFull(conn, p);
        if (n === null) break;
        const value = view.getBigUint64(0, true);
        if (previous !== 0n) assert.equal(value, previous + 2n);
        previous = value + 0n;
        view.setBigUint64(0, value + 1n, true);
        if (value >= 1000n) break;
        await conn.write(p);
      }
      await conn.close();
    };
    const games = [play(a), play(b)];
    await a.write(new Uint8Array(8));
    await Promise.all(games);
  });

  row('NT-3 racy read: no buffer is touched after its read returned', async (a, b) => {
    const noise = pattern(1024).map((byte) => byte | 1);
    const feeding = writeForever(b, noise);
    a.setReadTimeout(1);
    const reader = async () => {
      const p = new Uint8Array(1024);
      const late = new Uint8Array(1024);
      for (let i = 0; i < 100; i++) {
        try {
          const n = await a.read(p);
          assert.ok(n !== null && n > 0);
        } catch (error) {
          assertTimeout(error);
          a.setReadTimeout(1);
        }
        p.fill(0);
        if (i % 10 === 0) {
          await turns(1);
          sameBytes(p, late);
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, reader));
    a.closeNow();
    b.closeNow();
    await feeding;
  });

  row('NT-4 racy write: no buffer is read after its write returned', async (a, b) => {
    // Every write is one byte repeated: whoever reads the buffer later sends another byte in the middle.
    const received: number[] = [];
    const checking = (async () => {
      const p = new Uint8Array(8192);
      for (let n = await b.read(p); n !== null; n = await b.read(p)) {
        for (let i = 0; i < n; i++) if (received.at(-1) !== p[i]) received.push(p[i]!);
      }
    })().catch(() => {});
    a.setWriteTimeout(1);
    const writer = async (_: unknown, id: number) => {
      const p = new Uint8Array(1024);
      for (let i = 0; i < 100; i++) {
        p.fill(id + 1);
        try {
          await a.write(p);
        } catch (error) {
          assertTimeout(error);
          a.setWriteTimeout(1);
        }
        p.fill(0xee);
      }
    };
    await Promise.all(Array.from({ length: 10 }, writer));
    // What is outbound has the time that it takes: not every kind of connection has large buffers.
    a.setWriteTimeout(null);
    await a.close();
    await checking;
    assert.ok(!received.includes(0xee), 'the connection sent a byte from after the write had returned');
  });

  row('NT-5 read timeout: a past deadline fails the read, writes go on', async (a, b) => {
    const draining = drain(b);
    a.setReadDeadline(PAST);
    assertTimeout(await rejection(a.read(new Uint8Array(1024))));
    assert.equal(await a.write(new Uint8Array(1024)), 1024);
    a.closeNow();
    await draining;
  });

  row('NT-6 write timeout: a past deadline fails the write, reads go on', async (a, b) => {
    const feeding = writeForever(b, pattern(1024));
    a.setWriteDeadline(PAST);
    assertTimeout(await rejection(a.write(new Uint8Array(1024))));
    assert.ok((await a.read(new Uint8Array(1024)))! > 0);
    a.closeNow();
    b.closeNow();
    await feeding;
  });

  row('NT-7 past timeout: both directions fail at once and recover without a stray byte', async (a, b) => {
    void echo(b);
    await roundTrip(a);
    a.setDeadline(PAST);
    const write = await rejection(a.write(new Uint8Array(1024)));
    assertTimeout(write);
    assert.equal(write.bytesWritten, 0);
    assertTimeout(await rejection(a.read(new Uint8Array(1024))));
    await roundTrip(a);
    a.setDeadline(PAST);
    await roundTrip(a);
  });

  row('NT-8 present timeout: a past deadline wakes a blocked reader and a blocked writer', async (a) => {
    const reading = watch(a.read(new Uint8Array(1)));
    const writing = watch(a.write(huge()));
    await turns(20);
    assert.ok(reading.pending && writing.pending, 'both should be blocked');
    a.setDeadline(PAST);
    await Promise.all([reading.promise, writing.promise]);
    assert.ok(reading.outcome.state === 'rejected' && writing.outcome.state === 'rejected');
    assertTimeout(reading.outcome.error);
    assertTimeout(writing.outcome.error);
  });

  row('NT-9 future timeout: both directions end when it passes, the connection lives on', async (a, b) => {
    const start = performance.now();
    a.setDeadline(new Date(Date.now() + 50));
    const [read, write] = await Promise.all([
      rejection(a.read(new Uint8Array(1))),
      writeForever(a, pattern(4096)),
    ]);
    assertTimeout(read);
    assertTimeout(write);
    // A Date has whole milliseconds.
    assert.ok(performance.now() - start >= 48, 'never early');
    void echo(b);
    await resync(a);
    await roundTrip(a);
  });

  row('NT-10 close timeout: close ends an endless reader and an endless writer', async (a, b) => {
    void echo(b);
    const p = pattern(1024);
    const ends = Promise.all([readForever(a), writeForever(a, p)]);
    await turns(50);
    a.close().catch(() => {});
    const [read, write] = await ends;
    assert.ok(read === null || read instanceof ClosedError, String(read));
    assert.ok(write instanceof ClosedError, String(write));
  });

  row('NT-11 concurrent methods: 100 x 7 at once, then it still works', async (a, b) => {
    void echo(b);
    const calls: Promise<unknown>[] = [];
    const call = (method: () => unknown) =>
      calls.push(
        go(async () => {
          await Promise.resolve(method()).catch(assertTimeout);
        }).done,
      );
    for (let i = 0; i < 100; i++) {
      call(() => a.read(new Uint8Array(1024)));
      call(() => a.write(new Uint8Array(1024)));
      call(() => a.setDeadline(new Date(Date.now() + 10)));
      call(() => a.setReadDeadline(PAST));
      call(() => a.setWriteDeadline(PAST));
      call(() => String(a.localAddr));
      call(() => String(a.remoteAddr));
    }
    await Promise.all(calls);
    await resync(a);
    await roundTrip(a);
  });
}
