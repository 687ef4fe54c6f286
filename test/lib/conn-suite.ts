import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { go } from 'gopark';
import { readFull } from 'gopark/io';
import { ClosedError, type Conn, DeadlineExceededError, OpError } from 'gopark/net';
import { concat, pattern, sameBytes, text } from './bytes.ts';
import { type MakePair, withPair } from './pair.ts';
import {
  assertTimeout,
  chunkedCopy,
  code,
  drain,
  echo,
  readExactly,
  readForever,
  readToEnd,
  resync,
  roundTrip,
  writeForever,
} from './peers.ts';
import { busy, rejection, stillPending, turns, watch } from './waiting.ts';

/** What not every kind of connection has; a row says which it needs. */
export type ConnCapability =
  /** A write settles without a reader at the other end: there is a send buffer. */
  | 'buffered'
  /** Linux sockets: what was sent before the end arrives, with megabytes in kernel buffers. */
  | 'socket';

const PAST = new Date(0);
const HUGE = 64 * 1024 * 1024;
let hugeBuffer: Uint8Array | null = null;

/** More than the buffers of any connection take. Shared: never write into it. */
function huge(): Uint8Array {
  hugeBuffer ??= new Uint8Array(HUGE);
  return hugeBuffer;
}

/** The behaviour that every stream connection has, whatever carries its bytes. */
export function connSuite<C extends Conn>(
  name: string,
  makePair: MakePair<C>,
  capabilities: ReadonlySet<ConnCapability>,
): void {
  const row = (title: string, run: (a: C, b: C) => Promise<void>, needs: readonly ConnCapability[] = []) => {
    const missing = needs.find((capability) => !capabilities.has(capability));
    test(title, { timeout: 20_000, skip: missing ? `needs ${missing}` : false }, () =>
      withPair(makePair, ({ a, b }) => run(a, b)),
    );
  };

  describe(`${name}: x/net nettest`, () => {
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
  });

  describe(`${name}: reading`, () => {
    row('C-8 zero-byte read: 0, without waiting and without data', async (a, b) => {
      assert.equal(await a.read(new Uint8Array(0)), 0);
      assert.equal(await b.read(new Uint8Array(0)), 0);
    });

    row('the end of the stream comes again and again', async (a, b) => {
      const writing = b.write(text('x'));
      sameBytes(await readExactly(a, 1), text('x'));
      await writing;
      await b.close();
      for (let i = 0; i < 3; i++) assert.equal(await a.read(new Uint8Array(10)), null);
    });

    row('bytes that came before the peer closed are delivered before the end', async (a, b) => {
      const sent = pattern(100_000);
      const writing = b.write(sent).then(() => b.close());
      sameBytes(await readToEnd(a, 777), sent);
      await writing;
    });

    row('readers queue: each byte goes to exactly one, in order', async (a, b) => {
      const buffers = Array.from({ length: 8 }, () => new Uint8Array(4));
      const reads = buffers.map((p) => a.read(p));
      await b.write(pattern(32, 5));
      let bytes = concat(
        await Promise.all(reads.map(async (read, index) => buffers[index]!.subarray(0, (await read)!))),
      );
      if (bytes.length < 32) bytes = concat([bytes, await readExactly(a, 32 - bytes.length)]);
      sameBytes(bytes, pattern(32, 5));
    });

    row('C-9 the peer closes while we wait: the end', async (a, b) => {
      const reading = a.read(new Uint8Array(1));
      await stillPending(reading, 'the read');
      await b.close();
      assert.equal(await reading, null);
    });

    row('what is left of a message after a short read comes first in the next', async (a, b) => {
      const writing = b.write(text('abcdefghij'));
      sameBytes(await readExactly(a, 3), text('abc'));
      sameBytes(await readExactly(a, 1), text('d'));
      sameBytes(await readExactly(a, 6), text('efghij'));
      await writing;
    });

    row('arguments: what is no Uint8Array is refused, and nothing breaks', async (a, b) => {
      await assert.rejects(a.read('x' as never), TypeError);
      await assert.rejects(a.write('x' as never), TypeError);
      await assert.rejects(a.write(undefined as never), TypeError);
      void echo(b);
      await roundTrip(a);
    });
  });

  describe(`${name}: deadlines`, () => {
    row(
      'T-6 read timeout: with data waiting an expired deadline gives 0 bytes, twice, and loses none',
      async (a, b) => {
        const writing = b.write(text('hello'));
        await turns(5);
        a.setReadDeadline(new Date(Date.now() - 5000));
        for (let i = 0; i < 2; i++) {
          const error = await rejection(a.read(new Uint8Array(5)));
          assert.ok(error instanceof DeadlineExceededError);
          assert.equal(error.code, 'ERR_DEADLINE_EXCEEDED');
        }
        a.setReadDeadline(null);
        sameBytes(await readExactly(a, 5), text('hello'));
        await writing;
      },
    );

    row(
      'T-6 read timeout: reads succeed until the time comes, then fail even with data left',
      async (a, b) => {
        const feeding = writeForever(b, pattern(512));
        const start = performance.now();
        a.setReadTimeout(20);
        const error = await readForever(a);
        assert.ok(error instanceof DeadlineExceededError);
        assert.ok(performance.now() - start >= 20, 'never early');
        assertTimeout(await rejection(a.read(new Uint8Array(1))));
        a.setReadTimeout(null);
        assert.ok((await a.read(new Uint8Array(1))) === 1);
        a.closeNow();
        b.closeNow();
        await feeding;
      },
    );

    row('T-7 read timeout must not return: past, then none: the read waits until close', async (a) => {
      a.setDeadline(PAST);
      a.setWriteDeadline(PAST);
      a.setReadDeadline(null);
      const reading = a.read(new Uint8Array(1));
      reading.catch(() => {});
      await stillPending(reading, 'the read');
      a.closeNow();
      const error = await rejection(reading);
      assert.ok(error instanceof ClosedError);
      assert.equal(error.timeout, false);
    });

    row('T-9 write timeout: an expired deadline gives 0 bytes although there is room', async (a, b) => {
      a.setWriteDeadline(PAST);
      for (let i = 0; i < 2; i++) {
        const error = await rejection(a.write(text('lost')));
        assert.ok(error instanceof DeadlineExceededError);
        assert.equal(error.bytesWritten, 0);
      }
      a.setWriteTimeout(10);
      assertTimeout(await writeForever(a, new Uint8Array(1024).fill(7)));
      await a.close().catch(() => {});
      const received = await readToEnd(b).catch(() => new Uint8Array());
      assert.ok(
        received.every((byte) => byte === 7),
        'nothing of the refused write may arrive',
      );
    });

    row('T-10 write timeout must not return: past, then none: a full writer waits until close', async (a) => {
      a.setDeadline(PAST);
      a.setReadDeadline(PAST);
      a.setWriteDeadline(null);
      const writing = a.write(huge());
      writing.catch(() => {});
      await stillPending(writing, 'the write');
      a.closeNow();
      const error = await rejection(writing);
      assert.ok(error instanceof ClosedError);
      assert.equal(error.timeout, false);
    });

    row('T-11 fluctuation: read timeouts are never early, and soon close to what was asked', async (a) => {
      await fluctuation(async (ms) => {
        a.setReadTimeout(ms);
        return rejection(a.read(new Uint8Array(1)));
      });
    });

    row('T-11 fluctuation: write timeouts are never early, and soon close to what was asked', async (a) => {
      a.setWriteTimeout(20);
      assertTimeout(await writeForever(a, pattern(64 * 1024)));
      await fluctuation((ms) => {
        a.setWriteTimeout(ms);
        return writeForever(a, pattern(64 * 1024));
      });
    });

    row('T-12 various deadlines: reading to the end always ends with a timeout', async (a, b) => {
      const feeding = writeForever(b, pattern(4096));
      for (const ms of [1e-6, 1e-5, 1e-3, 0.1, 0.5, 1, 2, 5, 10, 25, 50]) {
        a.setReadTimeout(ms);
        assertTimeout(await readForever(a));
      }
      a.closeNow();
      b.closeNow();
      await feeding;
    });

    row('T-13 prolonged: both directions re-arm an hour before each byte', async (a, b) => {
      const side = async (conn: Conn, first: boolean) => {
        const p = new Uint8Array(1);
        for (let i = 0; i < 1000; i++) {
          for (const write of first ? [true, false] : [false, true]) {
            conn.setDeadline(new Date(Date.now() + 3_600_000));
            if (write) await conn.write(p);
            else assert.equal(await conn.read(p), 1);
          }
        }
      };
      await Promise.all([side(a, true), side(b, false)]);
    });

    row('T-14 read, write and deadline race: no crash, no hang', async (a, b) => {
      const side = async (conn: Conn, step: (conn: Conn) => Promise<unknown>) => {
        for (let i = 0; i < 1000; i++) await step(conn).catch(assertTimeout);
      };
      let racing = true;
      const setting = (async () => {
        while (racing) {
          for (const conn of [a, b]) conn.setTimeout(0.002);
          await Promise.resolve();
          if (Math.random() < 0.01) await turns(1);
        }
      })();
      const p = new Uint8Array(1);
      await Promise.all([side(a, (conn) => conn.read(new Uint8Array(1))), side(b, (conn) => conn.write(p))]);
      racing = false;
      await setting;
      b.setTimeout(null);
      void echo(b);
      await resync(a);
    });

    row('T-15 concurrent set deadline: ever earlier times keep the timer heap whole', async (a, b) => {
      const reading = [a.read(new Uint8Array(1)), b.read(new Uint8Array(1))].map(watch);
      for (let i = 0; i < 1000; i++) for (const conn of [a, b]) conn.setTimeout(60_000 - i * 50);
      await turns(2);
      assert.ok(reading.every((read) => read.pending));
      for (const conn of [a, b]) conn.setTimeout(1);
      await Promise.all(reading.map((read) => read.promise));
      for (const read of reading) {
        assert.ok(read.outcome.state === 'rejected');
        assertTimeout(read.outcome.error);
      }
    });

    row('T-16 a past read deadline, set by another goroutine, wakes a blocked read', async (a) => {
      const reading = a.read(new Uint8Array(1));
      reading.catch(() => {});
      await stillPending(reading, 'the read');
      a.setReadDeadline(PAST);
      assertTimeout(await rejection(reading));
    });

    row('moved forward before the waiter ran: there was no timeout', async (a, b) => {
      const reading = a.read(new Uint8Array(2));
      reading.catch(() => {});
      await turns(3);
      a.setReadDeadline(PAST);
      a.setReadDeadline(new Date(Date.now() + 60_000));
      await stillPending(reading, 'the read');
      a.setReadTimeout(0);
      a.setReadTimeout(null);
      await stillPending(reading, 'the read');
      await b.write(text('ok'));
      assert.equal(await reading, 2);
    });

    row('shortened while blocked: takes effect for the waiting call', async (a) => {
      a.setReadTimeout(60_000);
      const reading = a.read(new Uint8Array(1));
      reading.catch(() => {});
      await turns(3);
      a.setReadTimeout(5);
      assertTimeout(await rejection(reading));
    });

    row('extended while blocked: the old instant passes without effect', async (a, b) => {
      a.setReadTimeout(15);
      const reading = a.read(new Uint8Array(1));
      reading.catch(() => {});
      a.setReadTimeout(60_000);
      await later(30);
      await stillPending(reading, 'the read');
      await b.write(text('x'));
      assert.equal(await reading, 1);
      // And the new one counts.
      const start = performance.now();
      a.setReadTimeout(5);
      const late = a.read(new Uint8Array(1));
      a.setReadTimeout(25);
      assertTimeout(await rejection(late));
      assert.ok(performance.now() - start >= 25, 'never early');
    });

    row(
      'a stalled loop: what came before the deadline settles the read, the next one fails',
      async (a, b) => {
        const p = new Uint8Array(16);
        const reading = watch(a.read(p));
        await turns(2);
        // In one turn: the bytes are in the kernel, and nothing runs until the deadline is long over.
        const writing = b.write(text('in time'));
        const flushing = (b as { flush?: () => Promise<void> }).flush?.();
        a.setReadTimeout(5);
        busy(30);
        await Promise.all([reading.promise, writing, flushing]);
        assert.deepEqual(reading.outcome, { state: 'resolved', value: 7 });
        sameBytes(p.subarray(0, 7), text('in time'));
        assertTimeout(await rejection(a.read(p)));
        a.setReadTimeout(null);
        const more = b.write(text('more'));
        sameBytes(await readExactly(a, 4), text('more'));
        await more;
      },
    );

    row('queued readers obey the deadline', async (a, b) => {
      a.setReadTimeout(15);
      const errors = await Promise.all(Array.from({ length: 5 }, () => rejection(a.read(new Uint8Array(1)))));
      for (const error of errors) assertTimeout(error);
      a.setReadTimeout(null);
      void echo(b);
      await roundTrip(a);
    });

    row(
      'queued writers obey the deadline, and only the first has written',
      async (a, b) => {
        // Made before the time runs: the first one of a process takes longer than that.
        const p = huge();
        a.setWriteTimeout(15);
        const calls = [a.write(p), a.write(text('second')), a.write(text('third'))];
        const [first, second, third] = await Promise.all(calls.map(rejection));
        for (const error of [first, second, third]) assert.ok(error instanceof DeadlineExceededError);
        assert.ok(first!.bytesWritten! > 0 && first!.bytesWritten! < HUGE);
        assert.equal(second!.bytesWritten, 0);
        assert.equal(third!.bytesWritten, 0);
        a.setWriteTimeout(null);
        const closing = a.close();
        const received = await readToEnd(b);
        await closing;
        assert.equal(received.length, first!.bytesWritten, 'exactly what was counted arrives');
      },
      ['socket'],
    );

    row('one deadline does not touch the other direction', async (a, b) => {
      a.setReadDeadline(PAST);
      const draining = drain(b);
      assert.equal(await a.write(text('still writes')), 12);
      a.setReadDeadline(null);
      a.setWriteDeadline(PAST);
      const reading = a.read(new Uint8Array(1));
      await stillPending(reading, 'the read');
      await b.write(text('y'));
      assert.equal(await reading, 1);
      a.closeNow();
      await draining;
    });

    row(
      'values: NaN and invalid dates throw RangeError, Infinity and null mean none, 0 and less expired',
      async (a, b) => {
        for (const bad of [
          () => a.setDeadline(new Date(Number.NaN)),
          () => a.setReadDeadline(new Date('never')),
        ]) {
          assert.throws(bad, RangeError);
        }
        for (const bad of [
          () => a.setTimeout(Number.NaN),
          () => a.setReadTimeout(Number.NaN),
          () => a.setWriteTimeout(Number.NaN),
        ]) {
          assert.throws(bad, RangeError);
        }
        assert.throws(() => a.setDeadline(5 as never), TypeError);
        assert.throws(() => a.setTimeout('5' as never), TypeError);
        for (const expired of [0, -1, -Infinity, -0]) {
          a.setTimeout(expired);
          assertTimeout(await rejection(a.read(new Uint8Array(1))));
          assertTimeout(await rejection(a.write(new Uint8Array(1))));
        }
        a.setDeadline(new Date());
        assertTimeout(await rejection(a.read(new Uint8Array(1))));
        a.setTimeout(Infinity);
        void echo(b);
        await roundTrip(a);
        // The farthest Date there is must not overflow into the past.
        a.setDeadline(new Date(8.64e15));
        await stillPending(a.read(new Uint8Array(1)), 'the read');
        a.setTimeout(1e300);
        await turns(3);
      },
    );
  });

  describe(`${name}: signals`, () => {
    row('aborted before the call: rejects with the reason, and touches nothing', async (a, b) => {
      const reason = new Error('changed my mind');
      const signal = AbortSignal.abort(reason);
      assert.equal(await rejection(a.read(new Uint8Array(1), { signal })), reason);
      assert.equal(await rejection(a.write(text('lost'), { signal })), reason);
      void echo(b);
      await roundTrip(a);
    });

    row(
      'aborted while waiting: the read rejects with the reason, the next read gets the bytes',
      async (a, b) => {
        const controller = new AbortController();
        const reading = a.read(new Uint8Array(4), { signal: controller.signal });
        reading.catch(() => {});
        await turns(3);
        const reason = new Error('enough');
        controller.abort(reason);
        assert.equal(await rejection(reading), reason);
        const writing = b.write(text('late'));
        sameBytes(await readExactly(a, 4), text('late'));
        await writing;
      },
    );

    row('aborted in the same turn as bytes arrive: nothing is lost', async (a, b) => {
      for (let i = 0; i < 50; i++) {
        const controller = new AbortController();
        const p = new Uint8Array(1);
        const reading = a.read(p, { signal: controller.signal });
        const byte = Uint8Array.of(i);
        const writing = b.write(byte);
        if (i % 3 === 0) await turns(i % 5);
        controller.abort(new Error('race'));
        let got: number | null;
        try {
          assert.equal(await reading, 1);
          got = p[0]!;
        } catch (error) {
          assert.equal((error as Error).message, 'race');
          got = (await readExactly(a, 1))[0]!;
        }
        assert.equal(got, i);
        await writing;
      }
    });

    row('aborted after the call: no effect', async (a, b) => {
      const controller = new AbortController();
      const { signal } = controller;
      const writing = b.write(text('x'));
      assert.equal(await a.read(new Uint8Array(1), { signal }), 1);
      await writing;
      const receiving = readExactly(b, 1);
      await a.write(text('y'), { signal });
      sameBytes(await receiving, text('y'));
      controller.abort();
      const late = a.read(new Uint8Array(1));
      late.catch(() => {});
      await stillPending(late, 'a later read');
    });

    row('queued readers and writers obey their own signal only', async (a, b) => {
      const controllers = Array.from({ length: 3 }, () => new AbortController());
      const buffers = controllers.map(() => new Uint8Array(1));
      const reads = controllers.map(({ signal }, i) => watch(a.read(buffers[i]!, { signal })));
      const writes = [
        watch(a.write(huge(), { signal: controllers[0]!.signal })),
        watch(a.write(text('second'), { signal: controllers[1]!.signal })),
      ];
      await turns(3);
      controllers[1]!.abort('second only');
      await turns(3);
      assert.deepEqual(
        reads.map((read) => read.outcome.state),
        ['pending', 'rejected', 'pending'],
      );
      assert.deepEqual(
        writes.map((write) => write.outcome.state),
        ['pending', 'rejected'],
      );
      controllers[0]!.abort('first');
      await turns(3);
      assert.deepEqual(
        reads.map((read) => read.outcome.state),
        ['rejected', 'rejected', 'pending'],
      );
      await b.write(text('z'));
      await reads[2]!.promise;
      assert.deepEqual(reads[2]!.outcome, { state: 'resolved', value: 1 });
    });

    row(
      'a write aborted in the middle counts what went, and exactly that arrives',
      async (a, b) => {
        const controller = new AbortController();
        const sent = pattern(1 << 20);
        const big = new Uint8Array(HUGE / 2);
        for (let at = 0; at < big.length; at += sent.length) big.set(sent, at);
        const writing = a.write(big, { signal: controller.signal });
        writing.catch(() => {});
        await turns(5);
        const reason = new Error('enough');
        controller.abort(reason);
        const error = await rejection(writing);
        assert.ok(error instanceof OpError);
        assert.equal(error.code, 'ERR_ABORTED');
        assert.equal(error.cause, reason);
        const count = error.bytesWritten!;
        assert.ok(count > 0 && count < big.length);
        const closing = a.close();
        sameBytes(await readToEnd(b), big.subarray(0, count));
        await closing;
      },
      ['socket'],
    );
  });

  describe(`${name}: writing`, () => {
    row('whole writes never interleave, whatever their size', async (a, b) => {
      const sizes = [1, 100, 5000, 15_000, 16_384, 40_000, 70_000, 200_000];
      const messages = Array.from({ length: 40 }, (_, i) => {
        const bytes = new Uint8Array(8 + sizes[i % sizes.length]!).fill(i + 1);
        new DataView(bytes.buffer).setUint32(0, bytes.length);
        return bytes;
      });
      const receiving = readToEnd(b);
      const counts = await Promise.all(messages.map((message) => a.write(message)));
      assert.deepEqual(
        counts,
        messages.map((message) => message.length),
      );
      await a.close();
      sameBytes(await receiving, concat(messages));
    });

    row("the buffer is the caller's again once the write settled", async (a, b) => {
      const receiving = readToEnd(b);
      const expected: Uint8Array[] = [];
      for (const size of [1, 64, 4096, 16_383, 16_384, 65_536, 65_537, 300_000]) {
        const p = pattern(size, size);
        expected.push(p.slice());
        await a.write(p);
        p.fill(0xaa);
      }
      await a.close();
      sameBytes(await receiving, concat(expected));
    });

    row(
      'an empty write resolves 0 and sends nothing',
      async (a, b) => {
        assert.equal(await a.write(new Uint8Array(0)), 0);
        await a.write(text('only'));
        await a.close();
        sameBytes(await readToEnd(b), text('only'));
      },
      ['buffered'],
    );

    row(
      'a deadline in the middle of a big write: bytesWritten, and exactly those bytes arrive',
      async (a, b) => {
        const big = pattern(1 << 20);
        const whole = new Uint8Array(HUGE / 2);
        for (let at = 0; at < whole.length; at += big.length) whole.set(big, at);
        a.setWriteTimeout(15);
        const error = await rejection(a.write(whole));
        assert.ok(error instanceof DeadlineExceededError);
        const count = error.bytesWritten!;
        assert.ok(count > 0 && count < whole.length);
        a.setWriteTimeout(null);
        const tail = text('and on it goes');
        const receiving = readToEnd(b);
        await a.write(tail);
        await a.close();
        sameBytes(await receiving, concat([whole.subarray(0, count), tail]));
      },
      ['socket'],
    );

    row(
      'close in the middle of a write of 64 MiB: it fails with its count, and no byte beyond that arrives',
      async (a, b) => {
        const writing = watch(a.write(huge()));
        await turns(5);
        assert.ok(writing.pending);
        const closing = watch(a.close());
        await writing.promise;
        assert.ok(writing.outcome.state === 'rejected');
        const error = writing.outcome.error;
        assert.ok(error instanceof ClosedError);
        const received = await readToEnd(b);
        await closing.promise;
        assert.equal(closing.outcome.state, 'resolved');
        assert.equal(received.length, error.bytesWritten);
      },
      ['socket'],
    );
  });

  describe(`${name}: closing`, () => {
    row('C-3 after close reads and writes fail with ClosedError, and so do the setters', async (a) => {
      await a.close();
      for (const call of [
        a.read(new Uint8Array(1)),
        a.read(new Uint8Array(0)),
        a.write(new Uint8Array(1)),
        a.write(new Uint8Array(0)),
      ]) {
        const error = await rejection(call);
        assert.ok(error instanceof ClosedError, String(error));
        assert.equal(code(error), 'ERR_CLOSED');
        assert.equal(error.timeout, false);
        assert.match(error.message, /use of closed network connection/);
      }
      const setters: ((value: null) => void)[] = [
        (value) => a.setDeadline(value),
        (value) => a.setReadDeadline(value),
        (value) => a.setWriteDeadline(value),
        (value) => a.setTimeout(value),
        (value) => a.setReadTimeout(value),
        (value) => a.setWriteTimeout(value),
      ];
      for (const set of setters) assert.throws(() => set(null), ClosedError);
    });

    row('C-12 close: a second one rejects with ClosedError; closeNow and dispose do not mind', async (a) => {
      const first = a.close();
      const second = await rejection(a.close());
      assert.ok(second instanceof ClosedError);
      assert.equal(second.op, 'close');
      await first;
      assert.ok((await rejection(a.close())) instanceof ClosedError);
      a.closeNow();
      a.closeNow();
      await a[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
    });

    row('I-3 close wakes every waiting call, parked or queued, in both directions', async (a) => {
      const calls = [
        ...Array.from({ length: 5 }, () => a.read(new Uint8Array(1))),
        a.write(huge()),
        ...Array.from({ length: 5 }, () => a.write(text('x'))),
      ].map(watch);
      await turns(3);
      assert.ok(calls.every((call) => call.pending));
      a.closeNow();
      await Promise.all(calls.map((call) => call.promise));
      for (const call of calls) {
        assert.ok(call.outcome.state === 'rejected' && call.outcome.error instanceof ClosedError);
        assert.equal(call.settlements, 1);
      }
    });

    row('close fails new calls at once, in the same turn', async (a) => {
      const closing = a.close();
      assert.ok((await rejection(a.write(text('late')))) instanceof ClosedError);
      assert.ok((await rejection(a.read(new Uint8Array(1)))) instanceof ClosedError);
      await closing;
    });

    row(
      'await using closes, and what was written arrives',
      async (a, b) => {
        {
          await using conn = a;
          await conn.write(text('goodbye'));
        }
        sameBytes(await readToEnd(b), text('goodbye'));
        assert.ok((await rejection(a.read(new Uint8Array(1)))) instanceof ClosedError);
      },
      ['buffered'],
    );

    row('addresses stay known after close, and are the same objects', async (a) => {
      const { localAddr, remoteAddr } = a;
      const texts = [String(localAddr), String(remoteAddr)];
      await a.close();
      assert.equal(a.localAddr, localAddr);
      assert.equal(a.remoteAddr, remoteAddr);
      assert.deepEqual([String(a.localAddr), String(a.remoteAddr)], texts);
    });
  });
}

/** Ever longer timeouts until one is kept within 10 %; none may be early. */
async function fluctuation(wait: (ms: number) => Promise<Error>): Promise<void> {
  const seen: string[] = [];
  for (let ms = 1; ms <= 4000; ms *= 1.25) {
    const start = performance.now();
    assertTimeout(await wait(ms));
    const took = performance.now() - start;
    assert.ok(took >= ms, `${took} ms is earlier than ${ms} ms`);
    if (took <= ms * 1.1 + 1) return;
    seen.push(`${ms.toFixed(1)}: ${took.toFixed(1)}`);
  }
  assert.fail(`no timeout was kept within 10 %: ${seen.join(', ')}`);
}
