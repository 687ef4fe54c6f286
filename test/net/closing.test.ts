import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { ClosedError, DeadlineExceededError, OpError, type TCPConn } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { driverOf, slotOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { drain, readExactly, readToEnd } from '../lib/peers.ts';
import { acceptRaw, collect, dialRaw, withRaw } from '../lib/raw-peer.ts';
import { rejection, stillPending, turns, watch } from '../lib/waiting.ts';

/** Writes until the kernel is full and the chain holds something. */
async function stuff(conn: TCPConn): Promise<number> {
  const p = pattern(4096);
  let total = 0;
  while (driverOf(conn).outboundLength(slotOf(conn)) < 32 * 1024) {
    if (conn.tryWrite(p)) total += p.length;
    await turns(1);
  }
  return total;
}

function outbound(conn: TCPConn): number {
  return driverOf(conn).outboundLength(slotOf(conn));
}

describe('closing: what was written', () => {
  test('close resolves when the descriptor is closed', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const before = openSockets();
      await a.write(text('x'));
      await a.close();
      assert.equal(openSockets(), before - 1);
      await b.close();
      assert.equal(openSockets(), before - 2);
    });
  });

  test('close waits for a slow peer to take the rest', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const sent = await stuff(conn);
      const closing = conn.close();
      await stillPending(closing, 'close');
      const received = collect(raw);
      await closing;
      assert.equal((await received).length, sent);
    });
  });

  test('ERR_UNSENT after closeTimeout, with the bytes that never went; the descriptor is closed', async () => {
    await withRaw(dialRaw({ closeTimeout: 30 }), async (conn, raw) => {
      const sockets = openSockets();
      const sent = await stuff(conn);
      const left = outbound(conn);
      const start = performance.now();
      const error = await rejection(conn.close());
      assert.ok(performance.now() - start >= 30);
      assert.ok(error instanceof OpError);
      assert.equal(error.code, 'ERR_UNSENT');
      assert.equal(error.op, 'close');
      assert.equal(error.bytesUnsent, left);
      assert.equal(openSockets(), sockets - 1);
      const arrived = (await collect(raw)).length;
      // Node's sockets do not say how much of a chunk has gone: what is outbound there is an upper bound.
      const exact = driverOf(conn).capabilities.has('unsentCount');
      assert.ok(
        arrived >= sent - left && arrived <= (exact ? sent - left : sent),
        'what the kernel took still arrives',
      );
    });
  });

  test('ERR_UNSENT at the write deadline, when that is earlier', async () => {
    await withRaw(dialRaw({}), async (conn) => {
      await stuff(conn);
      conn.setWriteTimeout(20);
      const start = performance.now();
      const error = await rejection(conn.close());
      assert.equal(error.code, 'ERR_UNSENT');
      assert.ok(performance.now() - start < 2000);
    });
  });

  test('ERR_UNSENT at once when the write deadline has passed', async () => {
    await withRaw(dialRaw({}), async (conn) => {
      await stuff(conn);
      conn.setWriteTimeout(0);
      assert.equal((await rejection(conn.close())).code, 'ERR_UNSENT');
    });
  });

  test('an expired write deadline does not keep bytes back that the kernel takes', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      void a.write(text('made it'));
      a.setWriteTimeout(0);
      await a.close();
      sameBytes(await readToEnd(b), text('made it'));
    });
  });

  test('a write deadline far away does not lengthen closeTimeout', async () => {
    await withRaw(dialRaw({ closeTimeout: 30 }), async (conn) => {
      await stuff(conn);
      conn.setWriteTimeout(60_000);
      const start = performance.now();
      assert.equal((await rejection(conn.close())).code, 'ERR_UNSENT');
      assert.ok(performance.now() - start < 2000);
    });
  });

  test('closeNow never flushes', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      void conn.write(text('never seen'));
      conn.closeNow();
      assert.equal((await collect(raw)).length, 0);
    });
  });

  test('closeNow cuts a close short: it rejects with what was lost', async () => {
    await withRaw(dialRaw({}), async (conn) => {
      await stuff(conn);
      const left = outbound(conn);
      const closing = conn.close();
      await stillPending(closing, 'close');
      conn.closeNow();
      const error = await rejection(closing);
      assert.equal(error.code, 'ERR_UNSENT');
      assert.equal(error.bytesUnsent, left);
    });
  });

  test('linger 0: close discards, and the peer sees a reset', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      raw.removeAllListeners('error');
      const failed = once(raw, 'error');
      raw.resume();
      conn.setLinger(0);
      void conn.write(text('never seen'));
      await conn.close();
      const [error] = (await failed) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
    });
  });

  test('linger -1 takes it back', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      a.setLinger(0);
      a.setLinger(-1);
      void a.write(text('arrives'));
      await a.close();
      sameBytes(await readToEnd(b), text('arrives'));
    });
  });

  test('dispose: twice, beside close, after close', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      await Promise.all([a[Symbol.asyncDispose](), a[Symbol.asyncDispose]()]);
      await a[Symbol.asyncDispose]();
      const closing = b.close();
      await b[Symbol.asyncDispose]();
      await closing;
    });
  });

  test('dispose ignores a reset by the peer, also when bytes were lost by it', async () => {
    for (const write of [false, true]) {
      await withRaw(acceptRaw({}), async (conn, raw) => {
        const seen = conn.waitReadable();
        raw.resetAndDestroy();
        await seen;
        if (write) await conn.write(text('lost'));
        await conn[Symbol.asyncDispose]();
        await conn[Symbol.asyncDispose]();
      });
    }
  });

  test('dispose rethrows ERR_UNSENT', async () => {
    await withRaw(dialRaw({ closeTimeout: 10 }), async (conn) => {
      await stuff(conn);
      assert.equal((await rejection(conn[Symbol.asyncDispose]())).code, 'ERR_UNSENT');
    });
  });

  test('close while the peer resets: told once, the descriptor is closed', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const sockets = openSockets();
      await stuff(conn);
      const left = outbound(conn);
      const closing = conn.close();
      closing.catch(() => {});
      await turns(2);
      raw.resetAndDestroy();
      const error = await rejection(closing);
      assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code), error.code);
      assert.equal(error.bytesUnsent, left);
      await socketsBackAt(sockets - 2);
    });
  });
});

describe('closing: the peer', () => {
  test('C-11 a reset is an error, not the end', async () => {
    for (const size of [16, 64 * 1024]) {
      await withRaw(dialRaw({}), async (conn, raw) => {
        const reading = conn.read(new Uint8Array(size));
        reading.catch(() => {});
        await stillPending(reading, 'the read');
        raw.resetAndDestroy();
        const error = await rejection(reading);
        assert.ok(error instanceof OpError);
        assert.equal(error.code, 'ECONNRESET');
        assert.equal(error.timeout, false);
        assert.equal(error.op, 'read');
        assert.equal(error.errno, -104);
        assert.equal(String(error.addr), String(conn.remoteAddr));
      });
    }
  });

  test('a reset wakes a parked reader and a parked writer and leaks nothing', async () => {
    const sockets = openSockets();
    await withRaw(dialRaw({}), async (conn, raw) => {
      const calls = [conn.read(new Uint8Array(1)), conn.write(new Uint8Array(64 * 1024 * 1024))].map(watch);
      await turns(5);
      raw.resetAndDestroy();
      await Promise.all(calls.map((call) => call.promise));
      // Whoever asks second may see what is left of the connection: a broken pipe, or its end.
      assert.equal(calls[1]!.outcome.state, 'rejected');
      await conn.close();
    });
    await socketsBackAt(sockets);
  });

  test('half close by the peer is the end of reading, not a closed connection', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      raw.end('question');
      sameBytes(await readToEnd(conn), text('question'));
      await conn.write(text('answer'));
      const received = collect(raw);
      await conn.close();
      sameBytes(await received, text('answer'));
    });
  });

  test('C-20 endless write: a peer that shut its side and does not read makes no busy loop', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      raw.end();
      await conn.waitReadable();
      conn.setWriteTimeout(150);
      const writing = conn.write(new Uint8Array(64 * 1024 * 1024));
      // The kernel has what it takes, and the writer is parked: nothing is left to do.
      await turns(3);
      const before = process.cpuUsage();
      const error = await rejection(writing);
      const { user, system } = process.cpuUsage(before);
      assert.ok(error instanceof DeadlineExceededError);
      assert.ok(user + system < 100_000, `${user + system} us of CPU while it waited 150 ms`);
    });
  });

  test('unread data at close: the peer is reset, nothing of ours hangs', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      raw.write('unread');
      await conn.waitReadable();
      await conn.close();
      await collect(raw);
    });
  });
});

describe('closing: one direction', () => {
  test('C-1 close read: waiting and later reads see the end', needs('closeRead'), async () => {
    await withPair(tcpPair, async ({ a }) => {
      const reading = a.read(new Uint8Array(1));
      await stillPending(reading, 'the read');
      await a.closeRead();
      assert.equal(await reading, null);
      assert.equal(await a.read(new Uint8Array(1)), null);
    });
  });

  test('C-2 close write: both sides in turn; the peer sees the end, writing fails', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      await a.closeWrite();
      assert.equal(await b.read(new Uint8Array(1)), null);
      await b.write(text('answer'));
      await b.closeWrite();
      sameBytes(await readToEnd(a), text('answer'));
      for (const conn of [a, b]) {
        const error = await rejection(conn.write(text('x')));
        assert.equal(error.code, 'EPIPE');
        assert.equal(error.bytesWritten, 0);
        assert.throws(() => conn.tryWrite(text('x')), { code: 'EPIPE' });
      }
    });
  });

  test('C-12 close error: closeRead, closeWrite and close three times each', needs('closeRead'), async () => {
    await withPair(tcpPair, async ({ a }) => {
      for (const close of [() => a.closeRead(), () => a.closeWrite(), () => a.close()]) {
        for (let i = 0; i < 3; i++) {
          const error = await close().then(
            () => null,
            (reason: unknown) => reason,
          );
          if (error !== null) assert.ok(error instanceof OpError, String(error));
        }
      }
      for (const close of [() => a.closeRead(), () => a.closeWrite(), () => a.close()]) {
        assert.ok((await rejection(close())) instanceof ClosedError);
      }
    });
  });

  test('two closeWrites at once both resolve', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      await a.write(text('x'));
      await Promise.all([a.closeWrite(), a.closeWrite()]);
      sameBytes(await readToEnd(b), text('x'));
    });
  });

  test('... and two closeReads beside them', needs('closeRead'), async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      await a.write(text('x'));
      await Promise.all([a.closeWrite(), a.closeWrite(), a.closeRead(), a.closeRead()]);
      sameBytes(await readToEnd(b), text('x'));
    });
  });

  test('closeWrite flushes first, also what a slow peer makes wait', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const sent = await stuff(conn);
      const closing = conn.closeWrite();
      await stillPending(closing, 'closeWrite');
      const received = collect(raw);
      await closing;
      assert.equal((await received).length, sent);
      const reading = conn.read(new Uint8Array(5));
      raw.end('hello');
      assert.equal(await reading, 5, 'reading goes on');
    });
  });

  test('writers that queued before closeWrite get through; a write begun after it never vanishes', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const big = pattern(8 * 1024 * 1024);
      const first = a.write(big);
      const second = a.write(text('second'));
      const closing = a.closeWrite();
      const late = watch(a.write(text('late')));
      const received = await readToEnd(b);
      await Promise.all([first, second, closing, late.promise]);
      assert.equal(late.outcome.state, 'rejected');
      assert.equal(received.length, big.length + 6);
      sameBytes(received.subarray(big.length), text('second'));
    });
  });

  test('a write right behind closeWrite, on an idle connection, never vanishes', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      void a.write(text('first'));
      const closing = a.closeWrite();
      const late = watch(a.write(text('late')));
      const received = await readToEnd(b);
      await closing;
      await late.promise;
      if (late.outcome.state === 'resolved') sameBytes(received, text('firstlate'));
      else sameBytes(received, text('first'));
    });
  });

  test('closeWrite obeys the write deadline, and can be repeated', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const sent = await stuff(conn);
      conn.setWriteTimeout(10);
      assert.ok((await rejection(conn.closeWrite())) instanceof DeadlineExceededError);
      conn.setWriteTimeout(null);
      const received = collect(raw);
      await conn.closeWrite();
      assert.equal((await received).length, sent);
    });
  });

  test('close wakes a waiting closeWrite', async () => {
    await withRaw(dialRaw({}), async (conn) => {
      await stuff(conn);
      const closing = watch(conn.closeWrite());
      await turns(2);
      conn.closeNow();
      await closing.promise;
      assert.ok(closing.outcome.state === 'rejected' && closing.outcome.error instanceof ClosedError);
    });
  });
});

describe('closing: many', () => {
  test('1,000 short-lived connections, and not one descriptor more', async () => {
    const sockets = openSockets();
    let received = 0;
    const exchange = async (i: number) => {
      await withPair(tcpPair, async ({ a, b }) => {
        const message = pattern(100, i + 1);
        await a.write(message);
        if (i % 4 === 0) a.closeNow();
        else if (i % 4 === 1) await a.close();
        else if (i % 4 === 2) await a.closeWrite();
        else {
          a.setLinger(0);
          await a.flush();
          await a.close();
        }
        const count = await drain(b);
        received += count;
        if (i % 2 === 0) await b.close();
      });
    };
    for (let i = 0; i < 1000; i += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, k) => exchange(i + k)));
    }
    await socketsBackAt(sockets);
    assert.ok(received >= 500 * 100);
  });

  test('a slot is used again without any memory of its former owner', async () => {
    const slots = new Set<number>();
    for (let i = 0; i < 200; i++) {
      await withPair(tcpPair, async ({ a, b }) => {
        slots.add(slotOf(a));
        a.setDeadline(new Date(0));
        await b.flush();
        b.setWriteTimeout(1);
        void b.write(text('left over')).catch(() => {});
        const reading = a.read(new Uint8Array(1)).catch(() => {});
        if (i % 2) b.closeNow();
        a.closeNow();
        await reading;
      });
      await withPair(tcpPair, async ({ a, b }) => {
        const message = pattern(30, i + 1);
        await b.write(message);
        sameBytes(await readExactly(a, 30), message);
        await b.close();
        assert.equal(await a.read(new Uint8Array(1)), null);
      });
    }
    assert.ok(slots.size < 20, `${slots.size} different slots`);
  });

  test('data and close arrive together, in any size, and nothing is missed', async () => {
    for (const size of [1, 63, 4095, 4096, 4097, 8192, 16_383, 16_384, 16_385, 65_536]) {
      for (const chunk of [1024, 4096, 16_384, 65_536]) {
        await withRaw(dialRaw({}), async (conn, raw) => {
          const sent = pattern(size);
          raw.end(sent);
          const parts: Uint8Array[] = [];
          const p = new Uint8Array(chunk);
          for (let n = await conn.read(p); n !== null; n = await conn.read(p)) parts.push(p.slice(0, n));
          sameBytes(concat(parts), sent);
        });
      }
    }
  });
});

describe('traffic', () => {
  test('P-3 stress: two connections, thousands of round trips of 512 bytes each', async () => {
    const side = async (conn: TCPConn, first: boolean) => {
      const p = new Uint8Array(512);
      for (let i = 0; i < 3000; i++) {
        if (first) {
          p.fill(i);
          await conn.write(p);
        }
        const got = await readExactly(conn, 512);
        assert.ok(got[0] === (i & 255) && got[511] === (i & 255));
        if (!first) await conn.write(got);
      }
    };
    const pairs = await Promise.all([tcpPair(), tcpPair()]);
    await Promise.all(pairs.flatMap(({ a, b }) => [side(a, true), side(b, false)]));
    for (const { a, b } of pairs) await Promise.all([a.close(), b.close()]);
  });
});
