import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, stack } from 'gopark';
import { copy, copyN } from 'gopark/io';
import { ClosedError, DeadlineExceededError, OpError } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../../lib/bytes.ts';
import { runChild } from '../../lib/child.ts';
import { copyFailure } from '../../lib/copies.ts';
import { needs } from '../../lib/needs.ts';
import { tcpPair, withPair } from '../../lib/pair.ts';
import { readExactly, readToEnd } from '../../lib/peers.ts';
import { dialRaw, withRaw } from '../../lib/raw-peer.ts';
import { stillPending, turns } from '../../lib/waiting.ts';
import { LARGE, pipes, splices, stuff, withChain } from './lib.ts';

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
