import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { go, stack } from 'gopark';
import { CopyError, copy, copyN, discard, LimitedReader } from 'gopark/io';
import { ClosedError, DeadlineExceededError, OpError, type StreamConn, type TCPConn } from 'gopark/net';
import type { Driver } from '#dist/poll/driver.js';
import { SPLICE_CANNOT } from '#dist/poll/splice.js';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { openDescriptors } from '../lib/descriptors.ts';
import { driverOf, fdOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { type MakePair, type Pair, tcpPair, unixPairs, withPair } from '../lib/pair.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { dialRaw, withRaw } from '../lib/raw-peer.ts';
import { stillPending, turns, until } from '../lib/waiting.ts';

/** More than any pair of socket buffers over loopback holds. */
const LARGE = 24 << 20;

/** A proxy's two connections and their peers: what `a` writes is copied from `source` to `target`, and `b` reads it. */
interface Chain {
  readonly a: TCPConn;
  readonly source: TCPConn;
  readonly target: TCPConn;
  readonly b: TCPConn;
}

function withChain(use: (chain: Chain) => Promise<void>): Promise<void> {
  return withPair(tcpPair, ({ a, b: source }) =>
    withPair(tcpPair, ({ a: target, b }) => use({ a, source, target, b })),
  );
}

async function copyFailure(promise: Promise<unknown>): Promise<CopyError> {
  const error = await promise.then(
    (value) => assert.fail(`resolved with ${String(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CopyError, String(error));
  return error;
}

const splices = (conn: StreamConn) => driverOf(conn).capabilities.has('splice');
const pipes = () => openDescriptors().filter((entry) => entry.includes('pipe:')).length;

type TrySplice = NonNullable<Driver['trySplice']>;

/** Puts `fake` between the copies and the driver. */
function mockSplice(
  t: TestContext,
  conn: StreamConn,
  fake: (real: TrySplice, ...args: Parameters<TrySplice>) => ReturnType<TrySplice>,
) {
  const driver = driverOf(conn);
  const real = driver.trySplice!.bind(driver);
  const mocked: TrySplice = (...args) => fake(real, ...args);
  return t.mock.method(driver as Required<Driver>, 'trySplice', mocked).mock;
}

/** Writes until the copy is stuck: nobody reads at the far end, and all buffers are full. */
async function stuff(a: TCPConn, target: TCPConn, bytes: Uint8Array): Promise<void> {
  a.write(bytes).catch(() => {});
  for (let stuck = 0; stuck < 50; ) {
    await turns(1);
    stuck = fdOf(target).writer.head === null ? 0 : stuck + 1;
  }
}

describe('copy from a connection to a connection', () => {
  test('all bytes, in pieces of every size, and how many', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const parts = [1, 64, 4096, 16_383, 16_384, 16_385, 100_000, 3 << 20, 10].map((size, i) =>
        pattern(size, i + 1),
      );
      const copying = copy(target, source);
      const reading = readToEnd(b);
      for (const part of parts) {
        await a.write(part);
        if (part.length < 5000) await turns(3);
      }
      await a.closeWrite();
      const total = concat(parts);
      assert.equal(await copying, total.length);
      await target.write(text('after'));
      await target.closeWrite();
      sameBytes(await reading, concat([total, text('after')]));
    });
  });

  test('goes inside the kernel, and holds a pipe only while bytes move', needs('splice'), async (t) => {
    await withChain(async ({ a, source, target, b }) => {
      const before = pipes();
      const calls = mockSplice(t, source, (real, ...args) => real(...args));
      const copying = copy(target, source);
      const bytes = pattern(2 << 20);
      for (let i = 0; i < 3; i++) {
        const reading = readExactly(b, bytes.length);
        await a.write(bytes);
        sameBytes(await reading, bytes);
        await turns(3);
        assert.ok(pipes() <= Math.max(before, 2), `${pipes()} ends of pipes, ${before} before`);
      }
      assert.ok(calls.callCount() > 3);
      await a.closeWrite();
      assert.equal(await copying, 3 * bytes.length);
    });
  });

  test('bytes that were received before go first', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const bytes = pattern(100_000);
      await a.write(bytes.subarray(0, 1000));
      const p = new Uint8Array(3);
      assert.equal(await source.read(p), 3);
      const reading = readToEnd(b);
      const part = await copyN(target, source, 500);
      assert.equal(part, 500);
      const copying = copy(target, source);
      await a.write(bytes.subarray(1000));
      await a.closeWrite();
      assert.equal(await copying, 100_000 - 503);
      await target.closeWrite();
      sameBytes(await reading, bytes.subarray(3));
    });
  });

  test('limited readers: looked through, counted down exactly, nothing beyond is taken', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const bytes = pattern(300_000);
      const writing = a.write(bytes).then(() => a.closeWrite());
      const reading = readToEnd(b);
      assert.equal(await copyN(target, source, 1), 1);
      assert.equal(await copyN(target, source, 100_000), 100_000);
      assert.equal(await copyN(target, source, 16_384), 16_384);
      const limited = new LimitedReader(source, 50_000);
      assert.equal(await copy(target, limited), 50_000);
      assert.equal(limited.remaining, 0);
      assert.equal(await copy(target, limited), 0);
      const p = await readExactly(source, 10);
      sameBytes(p, bytes.subarray(166_385, 166_395));
      const rest = new LimitedReader(source, 1_000_000);
      assert.equal(await copy(target, rest), 300_000 - 166_395);
      assert.equal(rest.remaining, 1_000_000 - (300_000 - 166_395));
      await writing;
      await target.closeWrite();
      sameBytes(await reading, concat([bytes.subarray(0, 166_385), bytes.subarray(166_395)]));
    });
  });

  test('whoever writes to the destination: whole writes, while nothing comes in, too', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copy(target, source);
      await target.write(text('first '));
      sameBytes(await readExactly(b, 6), text('first '));
      await a.write(text('copied '));
      sameBytes(await readExactly(b, 7), text('copied '));
      await stillPending(copying, 'the copy');
      await target.write(text('second'));
      sameBytes(await readExactly(b, 6), text('second'));
      // A large write that is stuck keeps the copy waiting, and does not lose its place to it.
      const large = pattern(LARGE);
      const writing = target.write(large);
      await turns(5);
      await a.write(text('behind'));
      await turns(5);
      const reading = readExactly(b, LARGE + 6);
      await writing;
      sameBytes(await reading, concat([large, text('behind')]));
      await a.closeWrite();
      assert.equal(await copying, 13);
    });
  });

  test('another reader of the source waits until the copy is through', needs('splice'), async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copyN(target, source, 10);
      await turns(2);
      const reading = readExactly(source, 5);
      const waiting = copyN(target, source, 3);
      await stillPending(reading, 'the read');
      await a.write(text('0123456789abcdeXYZ'));
      assert.equal(await copying, 10);
      sameBytes(await reading, text('abcde'));
      assert.equal(await waiting, 3);
      sameBytes(await readExactly(b, 13), text('0123456789XYZ'));
    });
  });

  test('a connection to itself', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const echoing = copy(b, b);
      for (const size of [1, 1000, 20_000, 300_000]) {
        const bytes = pattern(size, size);
        const [answer] = await Promise.all([readExactly(a, size), a.write(bytes)]);
        sameBytes(answer, bytes);
      }
      await a.closeWrite();
      assert.equal(await echoing, 321_001);
    });
  });

  test('no message waits for the next one', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copy(target, source);
      const began = performance.now();
      for (let i = 0; i < 100; i++) {
        const bytes = pattern([1, 64, 1500, 16_385, 40_000][i % 5]!, i + 1);
        const [received] = await Promise.all([readExactly(b, bytes.length), a.write(bytes)]);
        sameBytes(received, bytes);
      }
      // Held back by the kernel for 200 ms each, as with SPLICE_F_MORE, it would be four times as much.
      assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
      await a.closeWrite();
      await copying;
    });
  });

  test('a source at its end, whatever the destination', async () => {
    await withChain(async ({ a, source, target, b }) => {
      await a.closeWrite();
      assert.equal(await copy(target, source), 0);
      assert.equal(await copy(target, source), 0);
      target.closeNow();
      assert.equal(await copy(target, source), 0);
      assert.equal(await b.read(new Uint8Array(1)), null);
    });
  });

  test('what cannot be spliced is read and written', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const writing = a.write(pattern(1000)).then(() => a.closeWrite());
      assert.equal(await copy(discard, new LimitedReader(source, 100)), 100);
      const reading = readToEnd(b);
      assert.equal(await copy({ write: (p) => target.write(p) }, source), 900);
      await writing;
      await target.closeWrite();
      sameBytes(await reading, pattern(1000).subarray(100));
    });
  });

  for (const [what, size] of [
    ['at once', 0],
    ['after some bytes, with others on their way', 100_000],
  ] as const) {
    test(`what the system refuses to splice, ${what}, is read and written`, needs('splice'), async (t) => {
      await withChain(async ({ a, source, target, b }) => {
        const bytes = pattern(400_000);
        let before = size;
        const calls = mockSplice(t, source, (real, from, to, most, splice) => {
          if (before > 0) {
            const outcome = real(from, to, Math.min(before, most), splice);
            before -= splice.taken;
            return outcome;
          }
          // As if the pipe could not be emptied into the destination: some of it lies in the slab now.
          const p = new Uint8Array(700);
          const driver = driverOf(source);
          const taken = from < 0 || splice.held === 1 ? 0 : driver.tryReceiveInto(from, p, 0, p.length);
          Object.assign(splice, {
            taken: Math.max(0, taken),
            sent: 0,
            leftFrom: 0,
            leftTo: Math.max(0, taken),
          });
          if (taken > 0) driver.slab.set(p.subarray(0, taken), 0);
          return SPLICE_CANNOT;
        });
        const reading = readToEnd(b);
        const copying = copy(target, source);
        await a.write(bytes);
        await a.closeWrite();
        assert.equal(await copying, bytes.length);
        await target.closeWrite();
        sameBytes(await reading, bytes);
        assert.ok(calls.callCount() >= 1);
      });
    });
  }
});

for (const [what, first, second] of [
  ['TCP to Unix', tcpPair, unixPairs('unix')],
  ['Unix to TCP', unixPairs('unix'), tcpPair],
  ['Unix to Unix', unixPairs('unix'), unixPairs('unix')],
] as [string, MakePair<StreamConn>, MakePair<StreamConn>][]) {
  test(`${what}: all bytes, a full destination, both directions, and the ends`, needs('unix'), async (t) => {
    const pairs: Pair<StreamConn>[] = [await first(), await second()];
    try {
      const [{ a, b: source }, { a: target, b }] = pairs as [Pair<StreamConn>, Pair<StreamConn>];
      const can = splices(source);
      const calls = can ? mockSplice(t, source, (real, ...args) => real(...args)) : null;
      const there = copy(target, source);
      const back = copy(source, target);
      const bytes = pattern(3 << 20, 3);
      const writing = Promise.all([a.write(bytes), b.write(bytes)]);
      await turns(50);
      const received = await Promise.all([readExactly(a, bytes.length), readExactly(b, bytes.length)]);
      for (const one of received) sameBytes(one, bytes);
      await writing;
      for (const size of [1, 5000, 16_384]) {
        await a.write(pattern(size, size));
        sameBytes(await readExactly(b, size), pattern(size, size));
      }
      await Promise.all([a.closeWrite(), b.closeWrite()]);
      assert.equal(await there, bytes.length + 21_385);
      assert.equal(await back, bytes.length);
      if (calls !== null) assert.ok(calls.callCount() > 2);
    } finally {
      for (const { a, b } of pairs) {
        a.closeNow();
        b.closeNow();
      }
    }
  });
}

test('messages keep their bounds: unixpacket is not spliced', needs('unixpacket'), async () => {
  const [{ a, b: source }, { a: target, b }] = await Promise.all([
    unixPairs('unixpacket')(),
    unixPairs('unixpacket')(),
  ]);
  try {
    const copying = copy(target, source);
    await a.write(text('one'));
    await a.write(text('another'));
    const p = new Uint8Array(100);
    assert.equal(await b.read(p), 3);
    assert.equal(await b.read(p), 7);
    await a.closeWrite();
    assert.equal(await copying, 10);
  } finally {
    for (const conn of [a, source, target, b]) conn.closeNow();
  }
});

describe('copy from a connection to a connection: failures', () => {
  test('the read deadline strikes while nothing comes: the count is exact, and the copy can go on', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copyFailure(copy(target, source));
      await a.write(pattern(1000));
      sameBytes(await readExactly(b, 1000), pattern(1000));
      source.setReadTimeout(20);
      const { cause, side, bytesCopied } = await copying;
      assert.ok(cause instanceof DeadlineExceededError, String(cause));
      assert.equal(cause.op, 'read');
      assert.equal(side, 'read');
      assert.equal(bytesCopied, 1000);
      source.setReadDeadline(null);
      const again = copy(target, source);
      await a.write(text('more'));
      await a.closeWrite();
      assert.equal(await again, 4);
      sameBytes(await readExactly(b, 4), text('more'));
    });
  });

  test('a read deadline that is moved on does not strike', async () => {
    await withChain(async ({ a, source, target, b }) => {
      source.setReadTimeout(30);
      const copying = copy(target, source);
      for (let i = 0; i < 5; i++) {
        source.setReadTimeout(10_000);
        await a.write(pattern(20_000, i + 1));
        sameBytes(await readExactly(b, 20_000), pattern(20_000, i + 1));
      }
      source.setReadDeadline(null);
      await a.closeWrite();
      assert.equal(await copying, 100_000);
    });
  });

  test('the write deadline strikes while the destination takes nothing: what it got is counted', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const bytes = pattern(LARGE, 3);
      const copying = copyFailure(copy(target, source));
      target.setWriteTimeout(300);
      const writing = a.write(bytes);
      writing.catch(() => {});
      const { cause, side, bytesCopied } = await copying;
      assert.ok(cause instanceof DeadlineExceededError, String(cause));
      assert.equal(cause.op, 'write');
      assert.equal(side, 'write');
      assert.ok(bytesCopied > 0 && bytesCopied < LARGE);
      if (!splices(source)) return;
      assert.equal(cause.bytesWritten, bytesCopied);
      target.setWriteDeadline(null);
      const reading = readToEnd(b);
      await target.write(text('after'));
      await target.closeWrite();
      sameBytes(await reading, concat([bytes.subarray(0, bytesCopied), text('after')]));
      a.closeNow();
    });
  });

  test('an expired write deadline takes nothing from the source', needs('splice'), async () => {
    await withChain(async ({ a, source, target, b }) => {
      target.setWriteDeadline(new Date(0));
      const copying = copyFailure(copy(target, source));
      await a.write(pattern(50_000));
      const { cause, bytesCopied } = await copying;
      assert.ok(cause instanceof DeadlineExceededError, String(cause));
      assert.equal(bytesCopied, 0);
      target.setWriteDeadline(null);
      const reading = readExactly(b, 50_000);
      assert.equal(await copyN(target, source, 50_000), 50_000);
      sameBytes(await reading, pattern(50_000));
    });
  });

  for (const how of ['close', 'closeNow'] as const) {
    test(`${how} of the source while nothing comes`, async () => {
      await withChain(async ({ a, source, target, b }) => {
        const copying = copyFailure(copy(target, source));
        await a.write(text('some'));
        await readExactly(b, 4);
        await source[how]();
        const { cause, side, bytesCopied } = await copying;
        assert.ok(cause instanceof ClosedError, String(cause));
        assert.equal(side, 'read');
        assert.equal(bytesCopied, 4);
        await target.write(text('after'));
        sameBytes(await readExactly(b, 5), text('after'));
      });
    });

    test(`${how} of the source while the destination is full: what was taken still goes`, async () => {
      await withChain(async ({ a, source, target, b }) => {
        const bytes = pattern(LARGE, 4);
        const copying = copyFailure(copy(target, source));
        await stuff(a, target, bytes);
        void source[how]();
        await turns(5);
        // Whoever has its slot now is not concerned.
        await withPair(tcpPair, async (other) => {
          const reading = readToEnd(b);
          const { cause, side, bytesCopied } = await copying;
          assert.ok(cause instanceof ClosedError, String(cause));
          assert.equal(side, 'read');
          await target.closeWrite();
          sameBytes(await reading, bytes.subarray(0, bytesCopied));
          await other.a.write(text('x'));
          sameBytes(await readExactly(other.b, 1), text('x'));
        });
      });
    });

    test(`${how} of the destination while it is full`, async () => {
      await withChain(async ({ a, source, target, b }) => {
        const bytes = pattern(LARGE, 5);
        const copying = copyFailure(copy(target, source));
        const before = pipes();
        await stuff(a, target, bytes);
        const closing = target[how]();
        const reading = readToEnd(b);
        const { cause, side, bytesCopied } = await copying;
        await closing;
        assert.ok(cause instanceof ClosedError, String(cause));
        assert.equal(side, 'write');
        const received = await reading;
        sameBytes(received, bytes.subarray(0, received.length));
        if (splices(source)) assert.equal(bytesCopied, received.length);
        assert.ok(pipes() <= Math.max(2, before), 'its pipe is closed with what it holds');
      });
    });

    test(`${how} of the destination while nothing comes: told when something does`, async () => {
      await withChain(async ({ a, source, target }) => {
        const copying = copyFailure(copy(target, source));
        await turns(3);
        await target[how]();
        await stillPending(copying, 'the copy');
        await a.write(text('x'));
        const { cause, side, bytesCopied } = await copying;
        assert.ok(cause instanceof ClosedError, String(cause));
        assert.equal(side, 'write');
        assert.equal(bytesCopied, 0);
        if (splices(source)) sameBytes(await readExactly(source, 1), text('x'));
      });
    });
  }

  test('closeWrite of the destination: nothing more is taken', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copyFailure(copy(target, source));
      await a.write(text('some'));
      await readExactly(b, 4);
      await target.closeWrite();
      await a.write(text('more'));
      const { cause, bytesCopied } = await copying;
      assert.equal((cause as OpError).code, 'EPIPE');
      assert.equal(bytesCopied, 4);
      assert.equal(await b.read(new Uint8Array(1)), null);
      if (splices(source)) sameBytes(await readExactly(source, 4), text('more'));
    });
  });

  test('the peer of the source resets', async () => {
    await withRaw(dialRaw(), async (source, raw) => {
      await withPair(tcpPair, async ({ a: target, b }) => {
        const copying = copyFailure(copy(target, source));
        raw.write('some');
        sameBytes(await readExactly(b, 4), text('some'));
        raw.resetAndDestroy();
        const { cause, side, bytesCopied } = await copying;
        assert.equal((cause as OpError).code, 'ECONNRESET');
        assert.equal((cause as OpError).op, 'read');
        assert.equal(side, 'read');
        assert.equal(bytesCopied, 4);
        await target.write(text('after'));
        sameBytes(await readExactly(b, 5), text('after'));
      });
    });
  });

  test('the peer of the destination resets', async () => {
    await withRaw(dialRaw(), async (target, raw) => {
      await withPair(tcpPair, async ({ a, b: source }) => {
        const copying = copyFailure(copy(target, source));
        const writing = a.write(pattern(LARGE));
        writing.catch(() => {});
        await turns(30);
        raw.resetAndDestroy();
        const { cause, side, bytesCopied } = await copying;
        assert.ok(cause instanceof OpError, String(cause));
        assert.match(cause.code, /^(ECONNRESET|EPIPE)$/);
        assert.equal(side, 'write');
        assert.ok(bytesCopied < LARGE);
        a.closeNow();
      });
    });
  });

  test('both directions, both ends go at once: nobody hangs', async () => {
    for (let i = 0; i < 10; i++) {
      await withChain(async ({ a, source, target, b }) => {
        const copying = Promise.allSettled([copy(target, source), copy(source, target)]);
        await a.write(pattern(100_000));
        await b.write(pattern(100_000));
        await turns(i);
        a.closeNow();
        b.closeNow();
        await copying;
      });
    }
  });

  test('SIGPIPE kills nobody, who does not ignore it either', needs('splice'), async () => {
    // Listening once, and then no more, is Node's own way of no longer ignoring a signal.
    const { code, signal, stderr } = await runChild(`
      import { connect, createServer } from 'node:net';
      import { once } from 'node:events';
      import { copy } from 'gopark/io';
      import { dial, listen } from 'gopark/net';
      process.on('SIGPIPE', () => {}).removeAllListeners('SIGPIPE');
      const listener = await listen('tcp', '127.0.0.1:0');
      const pair = async () => Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
      const [a, source] = await pair();
      const [target, b] = await pair();
      const { driver } = source.fd.poller;
      const trySplice = driver.trySplice.bind(driver);
      driver.trySplice = (from, to, most, splice) => {
        // By way of a pipe, however little it is: what is sent otherwise raises no signal anyway.
        splice.bulk = true;
        return trySplice(from, to, most, splice);
      };
      b.setLinger(0);
      b.closeNow();
      const p = new Uint8Array(1000);
      // The reader is told of the reset; then the sender only hears that nobody listens.
      const reset = await target.read(p).then(() => null, (error) => error);
      await a.write(p);
      const error = await copy(target, source).then(() => null, (error) => error);
      console.error(reset.code, error.cause.code);
      process.exit(0);
    `);
    assert.equal(signal, null);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^ECONNRESET EPIPE$/m);
  });

  test('the dump names the copy and its goroutine', needs('splice'), async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = go(async function proxying() {
        return await copy(target, source);
      });
      const paragraph = () =>
        stack()
          .split('\n\n')
          .filter((one) => one.includes('copy tcp'));
      await turns(3);
      assert.match(paragraph().join('\n'), /^goroutine \d+ proxying \[IO wait.*copy tcp .*$/m);
      await stuff(a, target, pattern(LARGE));
      assert.match(paragraph().join('\n'), /^goroutine \d+ proxying \[IO wait.*copy tcp .*$/m);
      assert.equal(paragraph().length, 1, stack());
      a.closeNow();
      b.closeNow();
      await copying.done.catch(() => {});
    });
  });
});

test('pipes that nobody needs any more are closed', needs('splice'), async () => {
  const { code, stderr } = await runChild(`
    import { readdirSync, readlinkSync } from 'node:fs';
    // The wait that takes seconds otherwise.
    const real = setTimeout;
    globalThis.setTimeout = (action, ms, ...rest) => real(action, ms === 5000 ? 50 : ms, ...rest);
    const { copyN } = await import('gopark/io');
    const { dial, listen } = await import('gopark/net');
    const listener = await listen('tcp', '127.0.0.1:0');
    const pair = async () => Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
    const [a, source] = await pair();
    const [target, b] = await pair();
    const pipes = () => readdirSync('/proc/self/fd').filter((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd).startsWith('pipe:'); } catch { return false; }
    }).length;
    const before = pipes();
    // Little more than goes by memory: the pipe is needed for its end only.
    // Where connections are received ahead of their reader, that goes by memory, too.
    const size = process.env.GOPARK_DRIVER === 'uring' ? 200_000 : 20_000;
    const writing = a.write(new Uint8Array(size));
    await copyN(target, source, size);
    await writing;
    const used = pipes() - before;
    while (pipes() > before) await new Promise((resolve) => real(resolve, 10));
    console.error(used);
    process.exit(0);
  `);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^2$/m);
});

test('a thousand pairs: two descriptors each, idle again after much', needs('splice'), async () => {
  const COUNT = 1000;
  const before = openDescriptors().length;
  const idle = pipes();
  const chains: Chain[] = [];
  for (let i = 0; i < COUNT; i++) {
    const [{ a, b: source }, { a: target, b }] = await Promise.all([tcpPair(), tcpPair()]);
    chains.push({ a, source, target, b });
  }
  const copies = chains.flatMap(({ source, target }) => [copy(target, source), copy(source, target)]);
  const bytes = pattern(100_000);
  await Promise.all(
    chains.map(async ({ a, b }) => {
      const reading = readExactly(b, bytes.length);
      await a.write(bytes);
      sameBytes(await reading, bytes);
    }),
  );
  await turns(3);
  const kept = pipes() - idle;
  assert.ok(kept <= 16, `${kept} ends of pipes`);
  assert.ok(openDescriptors().length - before - kept <= 4 * COUNT, 'two a pair, and two for its peers');
  for (const { a, b } of chains) {
    a.closeNow();
    b.closeNow();
  }
  await Promise.allSettled(copies);
  for (const { source, target } of chains) {
    source.closeNow();
    target.closeNow();
  }
  await until(() => openDescriptors().length <= before + 16, 'all descriptors to be closed');
});
