import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArgumentTypeError } from 'gopark/io';
import { ClosedError, DeadlineExceededError, dial, listen, OpError } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { driverOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { dialRaw, withRaw } from '../lib/raw-peer.ts';
import { rejection, stillPending, turns } from '../lib/waiting.ts';

const LARGE = 24 << 20;

/** `bytes` in pieces of these sizes, again and again, each in memory of its own. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!)
    found.push(bytes.slice(at, at + sizes[i % sizes.length]!));
  return found;
}

describe('writev', () => {
  test('all bytes of all buffers, in order, few and many of them', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      for (const count of [0, 1, 2, 10, 1023, 1024, 1025, 5000]) {
        for (const size of [1, 30]) {
          const bytes = pattern(count * size, count + 1);
          const reading = readExactly(b, bytes.length);
          assert.equal(await a.writev(pieces(bytes, [size])), bytes.length);
          sameBytes(await reading, bytes);
        }
      }
      assert.equal(await a.writev([]), 0);
      assert.equal(await a.writev([new Uint8Array(0), new Uint8Array(0)]), 0);
    });
  });

  test('property: any buffers, also empty ones, also behind other writes, to a slow reader', async () => {
    const size = fc.oneof(
      fc.constantFrom(0, 1, 1023, 16_383, 16_384, 16_385, 65_536, 65_537),
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 0, max: 50 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(size, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (calls, coalesce) => {
          await withPair(
            tcpPair,
            async ({ a, b }) => {
              const all: Uint8Array[] = [];
              const writing: Promise<number>[] = [];
              const totals: number[] = [];
              for (const sizes of calls) {
                const bufs = sizes.map((length, i) => pattern(length, all.length + i + 1));
                all.push(...bufs, text('|'));
                writing.push(a.writev(bufs), a.write(text('|')));
                totals.push(concat(bufs).length, 1);
                // The array is the caller's at once.
                bufs.fill(new Uint8Array(1));
              }
              const expected = concat(all);
              await turns(3);
              sameBytes(await readExactly(b, expected.length), expected);
              assert.deepEqual(await Promise.all(writing), totals);
            },
            { coalesce },
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test(
    'much goes in few system calls, straight from the memory of the caller',
    needs('direct'),
    async (t) => {
      await withPair(tcpPair, async ({ a, b }) => {
        const driver = driverOf(a);
        const calls = t.mock.method(driver, 'trySendVector').mock;
        const staged = t.mock.method(driver, 'stage').mock;
        const bytes = pattern(60_000);
        const reading = readExactly(b, bytes.length);
        assert.equal(await a.writev(pieces(bytes, [1000])), bytes.length);
        sameBytes(await reading, bytes);
        assert.equal(calls.callCount(), 1);
        assert.equal(staged.callCount(), 0);
      });
    },
  );

  test('whole writes: nothing comes in between, and nobody is overtaken', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const bytes = pattern(LARGE);
      const first = a.writev(pieces(bytes, [70_000, 1, 333_333]));
      const second = a.write(text('second'));
      const third = a.writev([text('th'), text('ird')]);
      assert.equal(a.tryWrite(text('never')), false);
      await stillPending(first, 'the first');
      const reading = readExactly(b, LARGE + 11);
      assert.deepEqual(await Promise.all([first, second, third]), [LARGE, 6, 5]);
      sameBytes(await reading, concat([bytes, text('secondthird')]));
    });
  });

  test('deadlines and signals: the count is exact', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const bytes = pattern(LARGE);
      a.setWriteTimeout(300);
      const error = await rejection(a.writev(pieces(bytes, [100_000, 10])));
      assert.ok(error instanceof DeadlineExceededError, String(error));
      const written = error.bytesWritten!;
      assert.ok(written > 0 && written < LARGE, String(written));
      assert.equal((await rejection(a.writev([text('x')]))).bytesWritten, 0);
      a.setWriteDeadline(null);
      const controller = new AbortController();
      const aborting = rejection(a.writev(pieces(bytes, [50_000]), { signal: controller.signal }));
      await turns(5);
      controller.abort(new Error('enough'));
      const aborted = await aborting;
      const more = aborted instanceof OpError ? aborted.bytesWritten! : 0;
      const reading = readToEnd(b);
      await a.write(text('after'));
      await a.closeWrite();
      sameBytes(await reading, concat([bytes.subarray(0, written), bytes.subarray(0, more), text('after')]));
      assert.equal(
        await rejection(a.writev([text('x')], { signal: AbortSignal.abort('no') }) as Promise<unknown>),
        'no',
      );
    });
  });

  test('a connection that is closed, half closed, reset', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const waiting = rejection(a.writev(pieces(pattern(LARGE), [100_000])));
      await turns(5);
      a.closeNow();
      const error = await waiting;
      assert.ok(error instanceof ClosedError, String(error));
      const received = await readToEnd(b).catch(() => null);
      if (received !== null) assert.ok(received.length <= LARGE);
      assert.ok((await rejection(a.writev([text('x')]))) instanceof ClosedError);
    });
    await withPair(tcpPair, async ({ a }) => {
      await a.closeWrite();
      assert.equal((await rejection(a.writev([text('x'), text('y')]))).code, 'EPIPE');
    });
    await withRaw(dialRaw(), async (conn, raw) => {
      const waiting = rejection(conn.writev(pieces(pattern(LARGE), [1 << 20])));
      await turns(10);
      raw.resetAndDestroy();
      assert.match((await waiting).code, /^(ECONNRESET|EPIPE)$/);
    });
  });

  test('a buffer that is transferred away meanwhile', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const bufs = pieces(pattern(LARGE), [1 << 20]);
      const waiting = rejection(a.writev(bufs));
      await turns(5);
      const last = bufs.at(-1)!;
      structuredClone(last.buffer, { transfer: [last.buffer as ArrayBuffer] });
      const reading = readToEnd(b);
      const error = await waiting;
      assert.equal(error.code, 'ERR_BUFFER_DETACHED');
      await a.closeWrite();
      sameBytes(await reading, pattern(LARGE).subarray(0, error.bytesWritten));
    });
  });

  test('what is no array of bytes', async () => {
    await withPair(tcpPair, async ({ a }) => {
      for (const wrong of [null, undefined, text('x'), 'x', ['x'], [text('x'), null], [[1]]]) {
        await assert.rejects(a.writev(wrong as never), ArgumentTypeError);
      }
    });
  });

  test('unixpacket: one message', needs('unixpacket'), async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gopark-'));
    try {
      const path = join(directory, 's');
      await using listener = await listen('unixpacket', path);
      await using a = await dial('unixpacket', path);
      await using b = await listener.accept();
      assert.equal(await a.writev([text('one '), text('message')]), 11);
      await a.write(text('another'));
      const p = new Uint8Array(100);
      assert.equal(await b.read(p), 11);
      assert.equal(await b.read(p), 7);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
