import assert from 'node:assert/strict';
import { setTimeout as later } from 'node:timers/promises';
import { ClosedError, type Conn, DeadlineExceededError } from 'gopark/net';
import { pattern, sameBytes, text } from '../bytes.ts';
import {
  assertTimeout,
  drain,
  echo,
  readExactly,
  readForever,
  readToEnd,
  resync,
  roundTrip,
  writeForever,
} from '../peers.ts';
import { busy, rejection, stillPending, turns, watch } from '../waiting.ts';
import { HUGE, huge, PAST, type Row } from './row.ts';

export function deadlines(row: Row): void {
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

  row('T-6 read timeout: reads succeed until the time comes, then fail even with data left', async (a, b) => {
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
  });

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

  row('a stalled loop: what came before the deadline settles the read, the next one fails', async (a, b) => {
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
  });

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
