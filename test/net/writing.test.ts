import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Writer } from 'gopark/bufio';
import { ClosedError, DeadlineExceededError, OpError, type TCPConn } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { driverOf, slotOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { acceptRaw, collect, dialRaw, withRaw } from '../lib/raw-peer.ts';
import { rejection, stillPending, turns, until, watch } from '../lib/waiting.ts';

const BOUND = 64 * 1024;

/** Bytes that the connection still holds: the chain. */
function outbound(conn: TCPConn): number {
  return driverOf(conn).outboundLength(slotOf(conn));
}

/** Fills the kernel's buffers and the chain, until nothing more goes in. How much went in. */
async function fill(conn: TCPConn): Promise<number> {
  const p = pattern(4096);
  let total = 0;
  for (let idle = 0; idle < 3; ) {
    if (conn.tryWrite(p)) {
      total += p.length;
      idle = 0;
    } else {
      idle++;
      await turns(2);
    }
  }
  return total;
}

/** A reset that the kernel has told our side of. */
async function reset(conn: TCPConn, raw: { resetAndDestroy(): unknown }): Promise<void> {
  const seen = conn.waitReadable();
  raw.resetAndDestroy();
  await seen;
}

describe('writing: the outbound chain', () => {
  test('small writes of one turn leave together, in one segment', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const parts = Array.from({ length: 50 }, (_, i) => pattern(64, i + 1));
      const reading = b.read(new Uint8Array(8192));
      await turns(3);
      for (const part of parts) void a.write(part);
      assert.equal(await reading, 50 * 64, 'one read sees all of them');
    });
  });

  test('one awaited write per message: they still leave together', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const p = new Uint8Array(8192);
      const reading = b.read(p);
      await turns(3);
      for (let i = 0; i < 16; i++) await a.write(pattern(64, i + 1));
      assert.equal(await reading, 16 * 64);
    });
  });

  test('what a goroutine writes leaves before the event loop sleeps, also outside of any I/O event', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      for (const defer of [setImmediate, (fn: () => void) => setTimeout(fn, 1), process.nextTick]) {
        await new Promise<void>((resolve) => {
          defer(() => {
            void a.write(text('!'));
            resolve();
          });
        });
        const p = new Uint8Array(4);
        assert.equal(await b.read(p), 1);
      }
    });
  });

  test('the chain takes 64 KiB, then the writer parks until the peer reads', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      await fill(conn);
      assert.ok(outbound(conn) <= BOUND && outbound(conn) > BOUND - 4096, `${outbound(conn)} in the chain`);
      assert.equal(conn.tryWrite(new Uint8Array(4096)), false);
      const parked = conn.write(new Uint8Array(4096));
      await stillPending(parked, 'the write');
      assert.ok(outbound(conn) <= BOUND, 'the parked one put nothing into the chain');
      raw.resume();
      assert.equal(await parked, 4096);
      await conn.flush();
      assert.equal(outbound(conn), 0);
    });
  });

  test('a hundred parked writers keep their order', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const filled = await fill(a);
      const parts = Array.from({ length: 100 }, (_, i) => pattern(1000 + i, i + 7));
      const writes = parts.map((part) => a.write(part));
      const closing = Promise.all(writes).then(() => a.close());
      const received = await readToEnd(b);
      await closing;
      sameBytes(received.subarray(filled), concat(parts));
    });
  });

  test('tryWrite: all or nothing, false when another goroutine is writing, throws what write would', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      assert.equal(a.tryWrite(text('one')), true);
      assert.equal(a.tryWrite(new Uint8Array(0)), true);
      assert.equal(a.tryWrite(new Uint8Array(BOUND + 1)), false, 'never more than the chain takes');
      const writing = a.write(new Uint8Array(8 * 1024 * 1024));
      writing.catch(() => {});
      assert.equal(a.tryWrite(text('in between')), false);
      const receiving = readToEnd(b);
      await writing;
      assert.equal(a.tryWrite(text('two')), true);
      a.setWriteTimeout(0);
      assert.throws(() => a.tryWrite(text('late')), DeadlineExceededError);
      a.setWriteTimeout(null);
      assert.throws(() => a.tryWrite('x' as never), TypeError);
      await a.close();
      assert.throws(() => a.tryWrite(text('closed')), ClosedError);
      const received = await receiving;
      assert.equal(received.length, 3 + 8 * 1024 * 1024 + 3);
      sameBytes(received.subarray(received.length - 3), text('two'));
    });
  });

  test('flush settles when the kernel has everything', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      void conn.write(text('x'));
      assert.equal(outbound(conn), 1);
      await conn.flush();
      assert.equal(outbound(conn), 0);
      await fill(conn);
      const flushing = conn.flush();
      await stillPending(flushing, 'flush');
      raw.resume();
      await flushing;
      assert.equal(outbound(conn), 0);
      await conn.flush();
    });
  });

  test('flush obeys signal and deadline, and what it waited for still goes', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const filled = await fill(conn);
      const controller = new AbortController();
      const aborted = conn.flush({ signal: controller.signal });
      aborted.catch(() => {});
      await turns(2);
      controller.abort('enough');
      assert.equal(await rejection(aborted), 'enough');
      conn.setWriteTimeout(5);
      assert.ok((await rejection(conn.flush())) instanceof DeadlineExceededError);
      conn.setWriteTimeout(null);
      const received = collect(raw);
      await conn.close();
      assert.equal((await received).length, filled);
    });
  });

  test('a buffered writer hands over at once what has room, and fails and waits as write does', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const writer = new Writer(a, 4096);
      assert.ok(writer.tryWrite(pattern(100)));
      const flushed = writer.flush();
      assert.equal(writer.buffered, 0);
      assert.equal(outbound(a), 100);
      await flushed;
      sameBytes(await readExactly(b, 100), pattern(100));
      await fill(a);
      const parked = watch(a.write(pattern(BOUND)));
      assert.ok(writer.tryWrite(text('behind')));
      const behind = watch(writer.flush());
      await turns(2);
      assert.ok(parked.pending && behind.pending, 'in its place behind a write that waits');
      assert.equal(writer.buffered, 6);
      const rest = readToEnd(b);
      await behind.promise;
      await a.closeWrite();
      sameBytes((await rest).subarray(-6), text('behind'));
      assert.ok(writer.tryWrite(text('late')));
      const late = await rejection(writer.flush());
      assert.equal((late.cause as OpError).code, 'EPIPE');
      assert.equal(writer.buffered, 4, 'what was not taken stays');
    });
  });

  test('{ coalesce: false }: a write settles when the kernel has accepted it', async () => {
    await withRaw(dialRaw({ coalesce: false }), async (conn, raw) => {
      const p = new Uint8Array(1000);
      let total = 0;
      let last = watch(conn.write(p));
      for (;;) {
        await turns(3);
        if (last.pending) break;
        assert.equal(outbound(conn), 0, 'it settled, so nothing of it is left with us');
        total += p.length;
        last = watch(conn.write(p));
      }
      const received = collect(raw);
      await last.promise;
      assert.equal(last.outcome.state, 'resolved');
      await conn.close();
      assert.equal((await received).length, total + p.length);
    });
  });

  test('{ coalesce: false }: a write that the kernel refuses rejects', async () => {
    await withRaw(dialRaw({ coalesce: false }), async (conn, raw) => {
      await reset(conn, raw);
      const error = await rejection(conn.write(text('nobody there')));
      assert.ok(error instanceof OpError);
      assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
    });
  });

  test(
    'a large write goes straight to the kernel, behind what is in the chain',
    needs('direct'),
    async () => {
      await withPair(tcpPair, async ({ a, b }) => {
        const small = text('first ');
        const large = pattern(100_000);
        void a.write(small);
        await a.write(large);
        assert.equal(outbound(a), 0, 'both are with the kernel');
        await a.close();
        sameBytes(await readToEnd(b), concat([small, large]));
      });
    },
  );

  test('a buffer transferred while its write is parked: the write fails with its count, that much arrives', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const size = 32 * 1024 * 1024;
      const p = new Uint8Array(size).fill(9);
      const writing = conn.write(p);
      writing.catch(() => {});
      await turns(5);
      structuredClone(p.buffer, { transfer: [p.buffer] });
      const received = collect(raw);
      const error = await rejection(writing);
      assert.equal(error.code, 'ERR_BUFFER_DETACHED');
      assert.ok(error.bytesWritten! > 0 && error.bytesWritten! < size);
      await conn.write(text('still in order'));
      await conn.close();
      const bytes = await received;
      assert.equal(bytes.length, error.bytesWritten! + 14);
      sameBytes(bytes.subarray(error.bytesWritten!), text('still in order'));
    });
  });
});

describe('writing: failures', () => {
  test('a failed flush surfaces once, at the next write, with bytesUnsent', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      assert.equal(await conn.write(text('12345')), 5, 'taken into the chain');
      await turns(3);
      const error = await rejection(conn.write(text('next')));
      assert.ok(error instanceof OpError);
      assert.equal(error.op, 'write');
      assert.equal(error.bytesUnsent, 5);
      assert.equal(error.bytesWritten, 0);
      const again = await rejection(conn.write(text('again')));
      assert.equal(again.code, error.code, 'from then on every write fails');
      assert.equal(again.bytesUnsent, undefined, 'but the loss is told once');
      await conn.close();
    });
  });

  test('... at flush', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      await conn.write(text('12345'));
      const error = await rejection(conn.flush());
      assert.equal(error.op, 'flush');
      assert.equal(error.bytesUnsent, 5);
      await conn.close();
    });
  });

  test('... at closeWrite', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      await conn.write(text('12345'));
      const error = await rejection(conn.closeWrite());
      assert.equal(error.bytesUnsent, 5);
      await conn.close();
    });
  });

  test('... at close', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      await conn.write(text('12345'));
      await turns(3);
      const error = await rejection(conn.close());
      assert.equal(error.op, 'close');
      assert.equal(error.bytesUnsent, 5);
    });
  });

  test('... at a close in the same turn', async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      void conn.write(text('12345'));
      const error = await rejection(conn.close());
      assert.equal(error.bytesUnsent, 5);
    });
  });

  test('... at a large write in the same turn', needs('direct'), async () => {
    await withRaw(acceptRaw({}), async (conn, raw) => {
      await reset(conn, raw);
      void conn.write(text('12345'));
      const error = await rejection(conn.write(new Uint8Array(20_000)));
      assert.equal(error.bytesWritten, 0);
      const told = error.bytesUnsent ?? (await rejection(conn.flush())).bytesUnsent;
      assert.equal(told, 5);
    });
  });

  test('a parked writer is told when the peer resets', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const writing = conn.write(new Uint8Array(64 * 1024 * 1024));
      writing.catch(() => {});
      await turns(5);
      raw.resetAndDestroy();
      const error = await rejection(writing);
      assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code), error.code);
      assert.ok(error.bytesWritten! > 0);
    });
  });

  test('a small writer, parked at the bound, is told when the peer resets, with what was lost', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      await fill(conn);
      const lost = outbound(conn);
      const writing = conn.write(new Uint8Array(4096));
      writing.catch(() => {});
      await turns(5);
      raw.resetAndDestroy();
      const error = await rejection(writing);
      assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code), error.code);
      assert.equal(error.bytesWritten, 0);
      assert.equal(error.bytesUnsent, lost);
      assert.equal(outbound(conn), 0);
    });
  });

  test('a write to a peer that has gone never raises SIGPIPE', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      const closed = once(raw, 'close');
      raw.destroy();
      await closed;
      const error = await until(() => {
        try {
          conn.tryWrite(text('x'));
          return null;
        } catch (thrown) {
          return thrown as OpError;
        }
      }, 'the write to fail');
      assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
    });
  });

  test('read reports only the receive side: all bytes first, also after a failed send', async () => {
    await withRaw(dialRaw({}), async (conn, raw) => {
      raw.write('last words');
      await conn.waitReadable();
      raw.resetAndDestroy();
      await turns(3);
      await conn.write(text('into the void')).catch(() => {});
      await conn.flush().catch(() => {});
      const p = new Uint8Array(100);
      // A reset may drop what was unread, that is the kernel's choice. But it is never a clean end.
      const outcome = await conn.read(p).catch((error: OpError) => error);
      if (outcome instanceof Error) assert.equal(outcome.code, 'ECONNRESET');
      else {
        assert.equal(outcome, 10);
        assert.equal((await rejection(conn.read(p))).code, 'ECONNRESET');
      }
    });
  });
});
