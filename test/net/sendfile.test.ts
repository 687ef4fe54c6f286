import assert from 'node:assert/strict';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { copy, copyN, LimitedReader } from 'gopark/io';
import { ClosedError, DeadlineExceededError, OpError, type TCPConn } from 'gopark/net';
import { configureFiles, ClosedError as FileClosedError, open, PathError } from 'gopark/os';
import { sendFileCounts } from '#dist/os/send-file.js';
import type { Driver } from '#dist/poll/driver.js';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { copyFailure } from '../lib/copies.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { driverOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { dialRaw, withRaw } from '../lib/raw-peer.ts';
import { stillPending, turns, until } from '../lib/waiting.ts';
import { directoryOf, fifoIn, noFifo, SlowDisk } from '../os/lib.ts';

// Its slow disks are slow for threads only, whatever else runs through a ring.
delete process.env.GOPARK_FILES;
configureFiles({ engine: 'threads' });

/** More than any pair of socket buffers over loopback holds, and than two pieces. */
const LARGE = 24 << 20;
const bytes = pattern(LARGE, 7);

function fileOf(t: TestContext, content: Uint8Array): string {
  const path = join(directoryOf(t), 'f');
  writeFileSync(path, content);
  return path;
}

/** Waits until nothing goes any more: the kernel's buffers are full. How much went since `before`. */
async function stalled(before: number): Promise<number> {
  let went = 0;
  for (let idle = 0; idle < 50; ) {
    await turns(1);
    const now = sendFileCounts.bytes - before;
    idle = now === went && went > 0 ? idle + 1 : 0;
    went = now;
  }
  return went;
}

type SendFile = NonNullable<Driver['sendFile']>;

/** Puts `fake` between the connection and its driver. */
function mockSendFile(
  t: TestContext,
  conn: TCPConn,
  fake: (real: SendFile, ...args: Parameters<SendFile>) => number,
) {
  const driver = driverOf(conn);
  const real = driver.sendFile!.bind(driver);
  const mocked: SendFile = (...args) => fake(real, ...args);
  t.mock.method(driver as Required<Driver>, 'sendFile', mocked);
}

/** Pieces whose thread has returned, held back before anybody is told. */
class HeldThreads {
  readonly held: (() => void)[] = [];

  constructor(t: TestContext, conn: TCPConn) {
    mockSendFile(t, conn, (real, slot, file, offset, length, done) =>
      real(slot, file, offset, length, (count, errno) => {
        this.held.push(() => done(count, errno));
      }),
    );
  }

  async next(): Promise<() => void> {
    await until(() => this.held.length > 0, 'a thread that has returned');
    return this.held.shift()!;
  }
}

describe('copy from a file to a connection', () => {
  test('a large file to a slow reader, between two writes, and nothing is lost', async (t) => {
    await using file = await open(fileOf(t, bytes));
    await withPair(tcpPair, async ({ a, b }) => {
      const before = sendFileCounts.bytes;
      const sendsFiles = driverOf(a).capabilities.has('sendFile');
      const sending = (async () => {
        await a.write(text('head'));
        const copying = copy(a, file);
        // Whole writes never interleave: where the system copies, the copy is one.
        if (sendsFiles) await turns(2);
        else await copying;
        const ending = a.write(text('tail')).then(() => a.closeWrite());
        const copied = await copying;
        await ending;
        return copied;
      })();
      const received: Uint8Array[] = [];
      for (;;) {
        const p = new Uint8Array(700_000);
        const n = await b.read(p);
        if (n === null) break;
        received.push(p.subarray(0, n));
        await turns(1);
      }
      assert.equal(await sending, LARGE);
      sameBytes(concat(received), concat([text('head'), bytes, text('tail')]));
      assert.equal(sendFileCounts.bytes - before, sendsFiles ? LARGE : 0, 'inside the kernel');
      assert.equal(await file.seek(0, 'current'), LARGE);
      assert.equal(await file.read(new Uint8Array(1)), null);
    });
  });

  test('from the position on, in parts, through limited readers', async (t) => {
    const content = pattern(300_000);
    await using file = await open(fileOf(t, content));
    await withPair(tcpPair, async ({ a, b }) => {
      const reading = readToEnd(b);
      await file.seek(1000, 'start');
      assert.equal(await copyN(a, file, 100_000), 100_000);
      assert.equal(await file.seek(0, 'current'), 101_000);
      assert.equal(await copyN(a, file, 50_000), 50_000);
      const limited = new LimitedReader(file, 1_000_000);
      assert.equal(await copy(a, limited), 149_000);
      assert.equal(limited.remaining, 851_000);
      assert.equal(await copy(a, new LimitedReader(file, 0)), 0);
      assert.equal(await copy(a, file), 0, 'at the end');
      await a.closeWrite();
      sameBytes(await reading, content.subarray(1000));
    });
  });

  test('an empty file, a device, a file opened to append, a file that cannot be read', async (t) => {
    const directory = directoryOf(t);
    await withPair(tcpPair, async ({ a, b }) => {
      await using empty = await open(join(directory, 'empty'), 'w+');
      assert.equal(await copy(a, empty), 0);
      await using appending = await open(join(directory, 'append'), 'a+');
      await appending.write(text('end'));
      assert.equal(await copy(a, appending), 0, 'it stands at the end');
      await using writeOnly = await open(join(directory, 'w'), 'w');
      const error = await copyFailure(copy(a, writeOnly));
      assert.equal((error.cause as PathError).code, 'EBADF');
      assert.equal(error.side, 'read');
      await using zeros = await open('/dev/zero');
      assert.equal(await copyN(a, zeros, 10), 10, 'a device');
      assert.equal((await readExactly(b, 10)).length, 10);
    });
  });

  test('a FIFO', { skip: noFifo }, async (t) => {
    const fifo = await open(fifoIn(directoryOf(t)), 'r+');
    await withPair(tcpPair, async ({ a, b }) => {
      await fifo.write(text('through'));
      assert.equal(await copyN(a, fifo, 7), 7);
      sameBytes(await readExactly(b, 7), text('through'));
      const copying = copyFailure(copy(a, fifo));
      await stillPending(copying, 'the copy');
      await fifo.close();
      assert.ok((await copying).cause instanceof FileClosedError);
    });
  });

  test('file and connection are closed before it has begun', async (t) => {
    const path = fileOf(t, bytes);
    await withPair(tcpPair, async ({ a }) => {
      a.closeNow();
      for (let steps = 0; steps < 8; steps++) {
        const file = await open(path);
        const copying = copyFailure(copy(a, file));
        for (let i = 0; i < steps; i++) await null;
        await file.close();
        const { cause, bytesCopied } = await copying;
        assert.ok(cause instanceof ClosedError || cause instanceof FileClosedError, String(cause));
        assert.equal(bytesCopied, 0);
      }
    });
  });

  test('what the system cannot send is read and written', needs('sendFile'), async (t) => {
    const content = pattern(1_000_000);
    await using file = await open(fileOf(t, content));
    await withPair(tcpPair, async ({ a, b }) => {
      const EINVAL = 22;
      const ENOSYS = 38;
      let calls = 0;
      mockSendFile(t, a, (real, slot, file, offset, _length, done) => {
        if (calls++ === 0) return real(slot, file, offset, 1000, (count) => done(count, EINVAL));
        return -ENOSYS;
      });
      const reading = readToEnd(b);
      assert.equal(await copy(a, file), content.length);
      await file.seek(0, 'start');
      assert.equal(await copy(a, file), content.length);
      await a.closeWrite();
      sameBytes(await reading, concat([content, content]));
      assert.equal(calls, 2);
    });
  });

  test('a file that grows and one that shrinks meanwhile', needs('sendFile'), async (t) => {
    const path = fileOf(t, bytes);
    await using file = await open(path);
    await withPair(tcpPair, async ({ a, b }) => {
      const before = sendFileCounts.bytes;
      const copying = copy(a, file);
      await stalled(before);
      appendFileSync(path, 'more');
      sameBytes(await readExactly(b, LARGE + 4), concat([bytes, text('more')]));
      assert.equal(await copying, LARGE + 4);
      await file.seek(0, 'start');
      const middle = sendFileCounts.bytes;
      const again = copy(a, file);
      const went = await stalled(middle);
      truncateSync(path, went);
      const reading = readToEnd(b);
      const sent = await again;
      assert.ok(sent >= went && sent < LARGE, `${sent} of ${LARGE}`);
      await a.closeWrite();
      sameBytes(await reading, bytes.subarray(0, sent));
    });
  });

  test('whoever cannot take it: the deadline strikes, the count is exact, the connection goes on', async (t) => {
    await using file = await open(fileOf(t, bytes));
    await withPair(tcpPair, async ({ a, b }) => {
      a.setWriteTimeout(300);
      const error = await copyFailure(copy(a, file));
      assert.ok(error.cause instanceof DeadlineExceededError, String(error.cause));
      const { bytesCopied } = error;
      assert.ok(bytesCopied > 0 && bytesCopied < LARGE);
      const again = await copyFailure(copy(a, file));
      assert.ok(again.cause instanceof DeadlineExceededError);
      assert.equal(again.bytesCopied, 0, 'expired before it began');
      if (!driverOf(a).capabilities.has('sendFile')) return;
      assert.equal(await file.seek(0, 'current'), bytesCopied);
      a.setWriteDeadline(null);
      const writing = a.write(text('after')).then(() => a.closeWrite());
      sameBytes(await readToEnd(b), concat([bytes.subarray(0, bytesCopied), text('after')]));
      await writing;
    });
  });

  for (const how of ['close', 'closeNow'] as const) {
    test(`${how} of the connection in the middle`, async (t) => {
      await using file = await open(fileOf(t, bytes));
      await withPair(tcpPair, async ({ a, b }) => {
        const copying = copyFailure(copy(a, file));
        await turns(30);
        const closing = a[how]();
        const reading = readToEnd(b);
        const { cause, bytesCopied } = await copying;
        await closing;
        assert.ok(cause instanceof ClosedError, String(cause));
        const received = await reading;
        sameBytes(received, bytes.subarray(0, received.length));
        if (driverOf(a).capabilities.has('sendFile')) assert.equal(bytesCopied, received.length);
      });
    });
  }

  test('close of the file in the middle: the connection goes on', needs('sendFile'), async (t) => {
    const file = await open(fileOf(t, bytes));
    await withPair(tcpPair, async ({ a, b }) => {
      const before = sendFileCounts.bytes;
      const copying = copyFailure(copy(a, file));
      await stalled(before);
      const waiting = copyFailure(copy(a, file));
      await file.close();
      const error = await copying;
      assert.ok(error.cause instanceof FileClosedError, String(error.cause));
      assert.equal(error.side, 'read');
      assert.ok((await waiting).cause instanceof FileClosedError, 'who waited for its turn');
      assert.ok((await copyFailure(copy(a, file))).cause instanceof FileClosedError);
      const writing = a.write(text('after')).then(() => a.closeWrite());
      sameBytes(await readToEnd(b), concat([bytes.subarray(0, error.bytesCopied), text('after')]));
      await writing;
    });
  });

  test('a peer that resets the connection', async (t) => {
    await using file = await open(fileOf(t, bytes));
    await withRaw(dialRaw(), async (conn, raw) => {
      const copying = copyFailure(copy(conn, file));
      await turns(30);
      raw.resetAndDestroy();
      const { cause, bytesCopied } = await copying;
      assert.ok(cause instanceof OpError, String(cause));
      assert.match(cause.code, /^(ECONNRESET|EPIPE)$/);
      assert.ok(bytesCopied < LARGE);
      assert.match(
        ((await conn.write(text('x')).catch((reason) => reason)) as OpError).code,
        /^(ECONNRESET|EPIPE)$/,
      );
    });
  });

  test('after closeWrite', async (t) => {
    await using file = await open(fileOf(t, pattern(1000)));
    await withPair(tcpPair, async ({ a }) => {
      await a.closeWrite();
      const { cause, bytesCopied } = await copyFailure(copy(a, file));
      assert.equal((cause as OpError).code, 'EPIPE');
      assert.equal(bytesCopied, 0);
    });
  });
});

describe('while a thread is busy with a piece', needs('sendFile'), () => {
  test('the deadline strikes: the copy ends when the thread has returned, and only then others write', async (t) => {
    const content = pattern(5 << 20);
    await using file = await open(fileOf(t, content));
    await withPair(tcpPair, async ({ a, b }) => {
      const threads = new HeldThreads(t, a);
      const copying = copyFailure(copy(a, file));
      const returned = await threads.next();
      a.setWriteDeadline(new Date(0));
      await turns(3);
      a.setWriteDeadline(null);
      const writing = a.write(text('after'));
      assert.equal(a.tryWrite(text('never')), false);
      await stillPending(copying, 'the copy');
      await stillPending(writing, 'the write behind it');
      returned();
      const { cause, bytesCopied } = await copying;
      assert.ok(cause instanceof DeadlineExceededError, String(cause));
      await writing;
      const ending = a.closeWrite();
      sameBytes(await readToEnd(b), concat([content.subarray(0, bytesCopied), text('after')]));
      await ending;
    });
  });

  test('closeNow: the peer sees the end, later calls fail at once, the copy when the thread has returned', async (t) => {
    const content = pattern(100_000);
    await using file = await open(fileOf(t, content));
    await withPair(tcpPair, async ({ a, b }) => {
      const threads = new HeldThreads(t, a);
      const copying = copy(a, file);
      const returned = await threads.next();
      const queued = a.write(text('queued'));
      a.closeNow();
      await assert.rejects(queued, ClosedError);
      await assert.rejects(a.write(text('x')), ClosedError);
      await assert.rejects(a.flush(), ClosedError);
      sameBytes(await readToEnd(b), content);
      await stillPending(copying, 'the copy');
      // Whoever has the slot now is not concerned.
      await withPair(tcpPair, async (other) => {
        returned();
        assert.equal(await copying, content.length, 'it had come to the end');
        await other.a.write(text('x'));
        await readExactly(other.b, 1);
      });
    });
  });

  for (const linger of [-1, 0]) {
    test(`closed with linger ${linger} right after a thread has begun`, async (t) => {
      await using file = await open(fileOf(t, bytes));
      const sockets = openSockets();
      await withPair(tcpPair, async ({ a, b }) => {
        a.setLinger(linger);
        mockSendFile(t, a, (real, ...args) => {
          const begun = real(...args);
          a.closeNow();
          return begun;
        });
        const copying = copyFailure(copy(a, file));
        const reading = readToEnd(b).catch((error) => error);
        const { cause, bytesCopied } = await copying;
        assert.ok(cause instanceof ClosedError, String(cause));
        const received = await reading;
        if (linger === 0) assert.equal(received.code, 'ECONNRESET');
        else sameBytes(received, bytes.subarray(0, bytesCopied));
        assert.equal(await file.seek(0, 'current'), bytesCopied);
      });
      await socketsBackAt(sockets);
    });
  }

  test('close of the file waits for the thread', async (t) => {
    const file = await open(fileOf(t, bytes));
    await withPair(tcpPair, async ({ a, b }) => {
      const threads = new HeldThreads(t, a);
      const copying = copyFailure(copy(a, file));
      const returned = await threads.next();
      const closing = file.close();
      await stillPending(closing, 'close');
      await stillPending(copying, 'the copy');
      returned();
      const { cause, bytesCopied } = await copying;
      assert.ok(cause instanceof FileClosedError, String(cause));
      await closing;
      const ending = a.closeWrite();
      sameBytes(await readToEnd(b), bytes.subarray(0, bytesCopied));
      await ending;
    });
  });

  test('a piece that waits for a thread is given up when the connection is closed', async (t) => {
    const path = fileOf(t, bytes);
    const disk = new SlowDisk(t, ['read']);
    await using file = await open(path);
    await using other = await open(path);
    await withPair(tcpPair, async ({ a }) => {
      const reads = Array.from({ length: 20 }, () => other.readAt(new Uint8Array(1), 0));
      await disk.next();
      const { pieces } = sendFileCounts;
      const copying = copyFailure(copy(a, file));
      await turns(3);
      await stillPending(copying, 'the copy');
      a.closeNow();
      const { cause, bytesCopied } = await copying;
      assert.ok(cause instanceof ClosedError, String(cause));
      assert.equal(bytesCopied, 0);
      assert.equal(sendFileCounts.pieces, pieces, 'no thread');
      t.mock.restoreAll();
      disk.releaseAll();
      await Promise.all(reads);
    });
  });

  test('an error of the disk is the file’s, one of the socket the connection’s', async (t) => {
    await using file = await open(fileOf(t, bytes));
    await withPair(tcpPair, async ({ a }) => {
      const EIO = 5;
      const EPIPE = 32;
      const errors = [EIO, EPIPE];
      mockSendFile(t, a, (_real, _slot, _file, _offset, _length, done) => {
        setImmediate(done, 0, errors.shift()!);
        return 0;
      });
      const disk = await copyFailure(copy(a, file));
      assert.ok(disk.cause instanceof PathError && disk.cause.code === 'EIO', String(disk.cause));
      assert.equal(disk.side, 'read');
      const socket = await copyFailure(copy(a, file));
      assert.ok(socket.cause instanceof OpError && socket.cause.code === 'EPIPE', String(socket.cause));
      assert.equal(socket.side, 'write');
    });
  });
});
