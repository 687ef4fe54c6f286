import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { ClosedError, DeadlineExceededError } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { readExactly } from '../lib/peers.ts';
import { dialRaw, withRaw } from '../lib/raw-peer.ts';
import { busy, rejection, stillPending, turns, watch } from '../lib/waiting.ts';

function detach(p: Uint8Array): void {
  structuredClone(p.buffer, { transfer: [p.buffer as ArrayBuffer] });
}

describe('reading: large reads', () => {
  test('they take turns with their goroutines: nobody else receives before the first has seen its bytes', async () => {
    needs('direct');
    const pairs = [await tcpPair(), await tcpPair(), await tcpPair()];
    const buffers = pairs.map(() => new Uint8Array(32 * 1024));
    const received: number[] = [];
    const reading = pairs.map(async ({ a }, i) => {
      // The second time with bytes at hand: then, too, it is one after the other.
      for (let total = 0; total < 64 * 1024; ) {
        const n = await a.read(buffers[i]!);
        assert.ok(n !== null && n > 0);
        total += n;
        received.push(buffers.filter((p) => p[0] === 1).length);
        buffers[i]!.fill(0);
      }
    });
    await turns(3);
    // In one turn, so that one batch finds all of them.
    for (const { b } of pairs) void b.write(new Uint8Array(64 * 1024).fill(1));
    await Promise.all(reading);
    assert.ok(received.length >= 6);
    assert.deepEqual(new Set(received), new Set([1]));
    for (const { a, b } of pairs) await Promise.all([a.close(), b.close()]);
  });

  test('one that waits for its turn is closed, aborted or timed out like any other', async () => {
    needs('direct');
    const pairs = [await tcpPair(), await tcpPair(), await tcpPair(), await tcpPair()];
    const abort = new AbortController();
    const first = pairs[0]!.a.read(new Uint8Array(32 * 1024)).then(() => {
      pairs[1]!.a.closeNow();
      abort.abort(new Error('enough'));
      pairs[3]!.a.setReadDeadline(new Date(0));
    });
    const outcomes = [
      rejection(pairs[1]!.a.read(new Uint8Array(32 * 1024))),
      rejection(pairs[2]!.a.read(new Uint8Array(32 * 1024), { signal: abort.signal })),
      watch(pairs[3]!.a.read(new Uint8Array(32 * 1024))),
    ] as const;
    await turns(3);
    for (const { b } of pairs) void b.write(pattern(16 * 1024 - 1));
    await first;
    assert.ok((await outcomes[0]) instanceof ClosedError);
    assert.equal((await outcomes[1]).message, 'enough');
    // The bytes of the aborted one are the next reader's, and a deadline that is moved on is none.
    sameBytes(await readExactly(pairs[2]!.a, 16 * 1024 - 1), pattern(16 * 1024 - 1));
    await outcomes[2].promise.catch(() => {});
    pairs[3]!.a.setReadDeadline(null);
    if (outcomes[2].outcome.state === 'rejected') {
      sameBytes(await readExactly(pairs[3]!.a, 16 * 1024 - 1), pattern(16 * 1024 - 1));
    }
    for (const { a, b } of pairs) {
      a.closeNow();
      b.closeNow();
    }
  });
});

describe('reading: waitReadable, tryRead', () => {
  test('waitReadable resolves on bytes and consumes nothing', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const waiting = a.waitReadable();
      await stillPending(waiting, 'waitReadable');
      await b.write(text('abc'));
      assert.equal(await waiting, undefined);
      // Also when it does not wait: a Scanner takes any value for the reason of a failure.
      assert.equal(await a.waitReadable(), undefined);
      sameBytes(await readExactly(a, 3), text('abc'));
      await stillPending(
        a.waitReadable().catch(() => {}),
        'waitReadable',
      );
    });
  });

  test('waitReadable resolves on the end, and on an error', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const waiting = conn.waitReadable();
      raw.end();
      await waiting;
      assert.equal(await conn.read(new Uint8Array(1)), null);
      await conn.waitReadable();
    });
    await withRaw(dialRaw({}), async (conn, raw) => {
      const waiting = conn.waitReadable();
      await turns(2);
      raw.resetAndDestroy();
      await waiting;
      assert.equal((await rejection(conn.read(new Uint8Array(1)))).code, 'ECONNRESET');
    });
    // Nobody waits when it comes: to look for it must not use it up.
    await withRaw(dialRaw({}), async (conn, raw) => {
      raw.resetAndDestroy();
      await later(20);
      await conn.waitReadable();
      await conn.waitReadable();
      assert.equal((await rejection(conn.read(new Uint8Array(1)))).code, 'ECONNRESET');
    });
  });

  test('waitReadable obeys deadline, signal and close', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      a.setReadTimeout(5);
      assert.ok((await rejection(a.waitReadable())) instanceof DeadlineExceededError);
      await b.write(text('waiting'));
      await turns(3);
      assert.ok((await rejection(a.waitReadable())) instanceof DeadlineExceededError, 'although bytes wait');
      a.setReadTimeout(null);
      await readExactly(a, 7);
      assert.equal(await rejection(a.waitReadable({ signal: AbortSignal.abort('no') })), 'no');
      const controller = new AbortController();
      const aborted = a.waitReadable({ signal: controller.signal });
      aborted.catch(() => {});
      await turns(2);
      controller.abort('enough');
      assert.equal(await rejection(aborted), 'enough');
      const closed = a.waitReadable();
      closed.catch(() => {});
      await turns(2);
      a.closeNow();
      assert.ok((await rejection(closed)) instanceof ClosedError);
      assert.ok((await rejection(a.waitReadable())) instanceof ClosedError);
    });
  });

  test('tryRead: bytes, undefined without any, null at the end, errors thrown', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const p = new Uint8Array(16);
      assert.equal(a.tryRead(p), undefined);
      assert.equal(a.tryRead(new Uint8Array(0)), 0);
      await b.write(text('abc'));
      await a.waitReadable();
      assert.equal(a.tryRead(p), 3);
      sameBytes(p.subarray(0, 3), text('abc'));
      assert.equal(a.tryRead(p), undefined);
      a.setReadTimeout(0);
      assert.throws(() => a.tryRead(p), DeadlineExceededError);
      a.setReadTimeout(null);
      assert.throws(() => a.tryRead([] as never), TypeError);
      await b.close();
      await a.waitReadable();
      assert.equal(a.tryRead(p), null);
      assert.equal(a.tryRead(p), null);
      await a.close();
      assert.throws(() => a.tryRead(p), ClosedError);
    });
  });

  test('tryRead gives undefined while another reader holds the lock, and steals nothing', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const p = new Uint8Array(4);
      const reading = a.read(p);
      await turns(2);
      const sent = b.write(text('mine'));
      for (let i = 0; i < 10; i++) {
        const stolen = a.tryRead(new Uint8Array(4));
        if (stolen !== undefined) assert.fail(`${stolen} bytes taken from a waiting reader`);
        await Promise.resolve();
      }
      assert.equal(await reading, 4);
      await sent;
    });
  });

  test('an aborted or timed-out reader leaves the way free: tryRead and read get every byte', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const sent = pattern(2000);
      const got: number[] = [];
      const one = new Uint8Array(1);
      for (let i = 0; got.length < sent.length; i++) {
        const controller = new AbortController();
        const p = new Uint8Array(1);
        const reading = watch(a.read(p, { signal: controller.signal }));
        if (i < sent.length) void b.write(sent.subarray(i, i + 1));
        if (i % 2) await turns(1);
        if (i % 3) controller.abort('skip');
        else {
          a.setReadTimeout(0);
          if (i % 7 === 0) await turns(1);
        }
        if (i % 5 === 0) await Promise.resolve();
        if (i >= sent.length) await turns(1);
        await reading.promise;
        if (reading.outcome.state === 'resolved') got.push(p[0]!);
        a.setReadTimeout(null);
        for (let n = a.tryRead(one); n === 1; n = a.tryRead(one)) got.push(one[0]!);
      }
      sameBytes(Uint8Array.from(got), sent);
    });
  });

  test('a shared buffer: wait, then tryRead until there is no more', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const sent = pattern(1_000_000);
      const writing = b.write(sent).then(() => b.close());
      const shared = new Uint8Array(10_000);
      const parts: Uint8Array[] = [];
      for (let ended = false; !ended; ) {
        await a.waitReadable();
        for (let n = a.tryRead(shared); n !== undefined; n = a.tryRead(shared)) {
          if (n === null) {
            ended = true;
            break;
          }
          parts.push(shared.slice(0, n));
        }
      }
      await writing;
      sameBytes(concat(parts), sent);
    });
  });
});

describe('reading: buffers', () => {
  for (const size of [64, 4096, 16_384, 65_536]) {
    test(`a buffer of ${size} bytes, transferred while its read is parked: the read fails, the bytes are the next one's`, async () => {
      await withPair(tcpPair, async ({ a, b }) => {
        const p = new Uint8Array(size);
        const reading = a.read(p);
        reading.catch(() => {});
        await turns(2);
        detach(p);
        await b.write(text('not lost'));
        assert.equal((await rejection(reading)).code, 'ERR_BUFFER_DETACHED');
        sameBytes(await readExactly(a, 8), text('not lost'));
        await b.write(text('more'));
        sameBytes(await readExactly(a, 4), text('more'));
      });
    });
  }

  test('a queued reader whose buffer was transferred does not stop the others', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const buffers = [new Uint8Array(2), new Uint8Array(2), new Uint8Array(2)];
      const reads = buffers.map((p) => watch(a.read(p)));
      await turns(2);
      detach(buffers[1]!);
      await b.write(text('abcd'));
      await Promise.all(reads.map((read) => read.promise));
      assert.deepEqual(
        reads.map((read) => read.outcome.state),
        ['resolved', 'rejected', 'resolved'],
      );
      sameBytes(concat([buffers[0]!, buffers[2]!]), text('abcd'));
    });
  });

  test('only the bytes of the view are touched', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const around = new Uint8Array(100).fill(0x55);
      await b.write(text('0123456789'));
      await a.waitReadable();
      assert.equal(await a.read(around.subarray(40, 45)), 5);
      sameBytes(around.subarray(40, 45), text('01234'));
      assert.ok(around.subarray(0, 40).every((byte) => byte === 0x55));
      assert.ok(around.subarray(45).every((byte) => byte === 0x55));
    });
  });

  test('a Buffer of the pool works, and its neighbours are untouched', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const p = Buffer.allocUnsafe(10).fill(0);
      await b.write(Buffer.from('hello'));
      assert.equal(await a.read(p), 5);
      assert.equal(p.toString('latin1', 0, 5), 'hello');
    });
  });

  test('all sizes of buffers against all sizes of messages', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const sizes = [1, 7, 64, 1000, 4095, 4096, 4097, 16_383, 16_384, 16_385, 50_000];
      for (const message of sizes) {
        for (const size of sizes) {
          const sent = pattern(message, message + size);
          const writing = b.write(sent);
          const parts: Uint8Array[] = [];
          const p = new Uint8Array(size);
          for (let left = message; left > 0; ) {
            const n = (await a.read(p))!;
            parts.push(p.slice(0, n));
            left -= n;
          }
          sameBytes(concat(parts), sent);
          await writing;
        }
      }
    });
  });
});

describe('reading: a stalled loop', () => {
  for (const size of [64, 65_536]) {
    test(`the deadline struck while the loop was blocked, the bytes were there before: buffer of ${size}`, async () => {
      await withRaw(dialRaw({}), async (conn, raw) => {
        const p = new Uint8Array(size);
        const reading = watch(conn.read(p));
        await turns(2);
        // Node writes at once; the deadline passes before our poller has a look.
        raw.write('in time');
        conn.setReadTimeout(5);
        busy(30);
        await reading.promise;
        assert.deepEqual(reading.outcome, { state: 'resolved', value: 7 });
        assert.ok((await rejection(conn.read(p))) instanceof DeadlineExceededError);
      });
    });
  }

  test('many connections whose deadlines strike together in a stalled loop: each gets its bytes first', async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => tcpPair()));
    try {
      const reads = pairs.map(({ a }) => watch(a.read(new Uint8Array(8))));
      await turns(2);
      // Sent and flushed in this very turn: from here on nothing runs until all deadlines are over.
      const flushes = pairs.map(({ b }, i) => {
        if (i % 2) return null;
        void b.write(text('ok'));
        return b.flush();
      });
      for (const { a } of pairs) a.setReadTimeout(5);
      busy(30);
      await Promise.all(reads.map((read) => read.promise));
      await Promise.all(flushes);
      reads.forEach((read, i) => {
        assert.equal(read.outcome.state, i % 2 ? 'rejected' : 'resolved', `connection ${i}`);
      });
    } finally {
      for (const { a, b } of pairs) {
        a.closeNow();
        b.closeNow();
      }
    }
  });
});
