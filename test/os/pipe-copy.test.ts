import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, constants, createWriteStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { copy, copyN, LimitedReader } from 'gopark/io';
import { DeadlineExceededError, listen, type StreamConn, type TCPConn } from 'gopark/net';
import { ClosedError, type File, open, PathError } from 'gopark/os';
import type { Driver } from '#dist/poll/driver.js';
import { EINVAL, threadPoller } from '#dist/poll/index.js';
import { pattern, sameBytes, text } from '../lib/bytes.ts';
import { copyFailure, copyPieces } from '../lib/copies.ts';
import { openDescriptors } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { type MakePair, tcpPair, unixPairs, withPair } from '../lib/pair.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { stillPending, turns, until } from '../lib/waiting.ts';
import { directoryOf, fifoIn, noFifo } from './lib.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const LARGE = 8 << 20;

/** Both ends of a FIFO, here. */
async function fifo(t: TestContext): Promise<[reader: File, writer: File]> {
  const path = fifoIn(directoryOf(t));
  const reader = await open(path);
  const writer = await open(path, constants.O_WRONLY);
  t.after(() => Promise.all([reader, writer].map((file) => file[Symbol.asyncDispose]())));
  return [reader, writer];
}

/** Counts the bytes that go inside the kernel from now on. */
function watchSplices(t: TestContext): { bytes: number } {
  const { driver } = threadPoller();
  const seen = { bytes: 0 };
  if (driver.trySplice === undefined) return seen;
  const real = driver.trySplice.bind(driver);
  t.mock.method(driver as Required<Driver>, 'trySplice', (...args: Parameters<typeof real>) => {
    const outcome = real(...args);
    seen.bytes += args[3].sent;
    return outcome;
  });
  return seen;
}

describe('a pipe and a connection', { skip: noFifo }, () => {
  test('from the pipe: all bytes in pieces of every size, and its end', async (t) => {
    for (const makePair of [tcpPair, unixPairs('unix')] as MakePair<StreamConn>[]) {
      const [reader, writer] = await fifo(t);
      await withPair(makePair, async ({ a, b }) => {
        await copyPieces({ first: writer, source: reader, target: a, last: b });
        assert.equal(await reader.read(new Uint8Array(1)), null);
      });
    }
  });

  test('into the pipe: the same', async (t) => {
    for (const makePair of [tcpPair, unixPairs('unix')] as MakePair<StreamConn>[]) {
      const [reader, writer] = await fifo(t);
      await withPair(makePair, async ({ a, b }) => {
        // More than a pipe takes: the copy comes behind it.
        await copyPieces({ first: a, source: b, target: writer, last: reader }, pattern(90_000, 77));
      });
    }
  });

  test('goes inside the kernel, both ways, through limited readers too', needs('pipes'), async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const bytes = pattern(LARGE);
      const seen = watchSplices(t);
      const reading = readExactly(b, LARGE);
      const writing = writer.write(bytes);
      assert.equal(await copyN(a, reader, LARGE), LARGE);
      await writing;
      sameBytes(await reading, bytes);
      // What the connection had no room for when it came by way of memory follows from there.
      assert.ok(seen.bytes > LARGE / 2, `${seen.bytes} bytes`);
      seen.bytes = 0;
      const back = readExactly(reader, LARGE);
      const sending = b.write(bytes);
      assert.equal(await copyN(writer, a, LARGE), LARGE);
      await sending;
      sameBytes(await back, bytes);
      assert.ok(seen.bytes > LARGE / 2, `${seen.bytes} bytes`);
    });
  });

  test('from pipe to pipe', async (t) => {
    const [reader, writer] = await fifo(t);
    const [end, target] = await fifo(t);
    const bytes = pattern(LARGE);
    const writing = writer.write(bytes).then(() => writer.close());
    const reading = readToEnd(end);
    assert.equal(await copy(target, reader), LARGE);
    await target.close();
    await writing;
    sameBytes(await reading, bytes);
  });

  test('a limit is kept, and the rest stays in the pipe', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const bytes = pattern(60_000);
      await writer.write(bytes);
      const p = new Uint8Array(3);
      assert.equal(await reader.read(p), 3);
      const limited = new LimitedReader(reader, 30_000);
      assert.equal(await copy(a, limited), 30_000);
      assert.equal(limited.remaining, 0);
      sameBytes(await readExactly(b, 30_000), bytes.subarray(3, 30_003));
      sameBytes(await readExactly(reader, 29_997), bytes.subarray(30_003));
    });
  });

  test('a FIFO that nobody writes to yet is waited for', async (t) => {
    const path = fifoIn(directoryOf(t));
    await using reader = await open(path);
    await withPair(tcpPair, async ({ a, b }) => {
      const copying = copy(a, reader);
      await stillPending(copying, 'the copy');
      const writer = createWriteStream(path);
      writer.end('at last');
      assert.equal(await copying, 7);
      sameBytes(await readExactly(b, 7), text('at last'));
    });
  });

  test('a full destination parks the copy, close of the pipe ends it', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const copying = copyFailure(copy(a, reader));
      const bytes = pattern(24 << 20);
      const writing = writer.write(bytes).catch((error: unknown) => error);
      await stillPending(writing, 'the write');
      await reader.close();
      const reading = readToEnd(b);
      const error = await copying;
      assert.ok(error.cause instanceof ClosedError, String(error.cause));
      assert.equal(error.side, 'read');
      await a.closeWrite();
      sameBytes(await reading, bytes.subarray(0, error.bytesCopied));
      const failed = await writing;
      assert.ok(failed instanceof PathError && failed.code === 'EPIPE', String(failed));
    });
  });

  test('close of an idle pipe ends the copy', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const copying = copyFailure(copy(a, reader));
      await writer.write(text('some'));
      await readExactly(b, 4);
      await reader.close();
      const error = await copying;
      assert.ok(error.cause instanceof ClosedError);
      assert.deepEqual([error.side, error.bytesCopied], ['read', 4]);
    });
  });

  test('deadlines of the connection strike, on either side', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      b.setReadTimeout(50);
      const late = await copyFailure(copy(writer, b));
      assert.ok(late.cause instanceof DeadlineExceededError);
      assert.deepEqual([late.side, late.bytesCopied], ['read', 0]);
      b.setReadTimeout(null);
      a.setWriteTimeout(300);
      const writing = writer.write(new Uint8Array(24 << 20)).catch(() => {});
      const full = await copyFailure(copy(a, reader));
      assert.ok(full.cause instanceof DeadlineExceededError);
      assert.equal(full.side, 'write');
      await reader.close();
      await writing;
    });
  });

  test('the reader of the pipe goes: EPIPE, and the connection is not to blame', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const copying = copyFailure(copy(writer, b));
      await a.write(text('some'));
      await readExactly(reader, 4);
      await reader.close();
      // The first may still be taken by nobody.
      const feeding = (async () => {
        for (let i = 0; i < 100; i++) {
          await a.write(pattern(50_000));
          await turns(1);
        }
      })().catch(() => {});
      const error = await copying;
      assert.ok(error.cause instanceof PathError && error.cause.code === 'EPIPE', String(error.cause));
      assert.deepEqual([error.side, error.bytesCopied], ['write', 4]);
      a.closeNow();
      await feeding;
    });
  });

  test('the wrong end of a pipe is refused, and nothing is waited for', async (t) => {
    const [reader, writer] = await fifo(t);
    await withPair(tcpPair, async ({ a, b }) => {
      const out = await copyFailure(copy(a, writer));
      assert.ok(out.cause instanceof PathError && out.cause.code === 'EBADF', String(out.cause));
      await a.write(text('lost'));
      const into = await copyFailure(copy(reader, b));
      assert.ok(into.cause instanceof PathError && into.cause.code === 'EBADF', String(into.cause));
      assert.equal(into.bytesCopied, 0);
    });
  });

  test('a driver leaves alone what is no pipe, or would block', needs('pipes'), (t) => {
    const path = fifoIn(directoryOf(t));
    const { driver } = threadPoller();
    const descriptors = [openSync(path, constants.O_RDWR), openSync(join(root, 'package.json'), 'r')];
    for (const descriptor of descriptors) {
      assert.equal(driver.borrowPipe!(descriptor), -EINVAL);
      closeSync(descriptor);
    }
    assert.ok(driver.borrowPipe!(descriptors[0]!) < 0);
  });

  test('descriptors are back afterwards', async (t) => {
    const pipes = () => openDescriptors().filter((entry) => entry.includes('fifo')).length;
    for (let i = 0; i < 10; i++) {
      const [reader, writer] = await fifo(t);
      await withPair(tcpPair, async ({ a, b }) => {
        const reading = readToEnd(b);
        await Promise.all([copy(a, reader), writer.write(pattern(200_000)).then(() => writer.close())]);
        await a.closeWrite();
        assert.equal((await reading).length, 200_000);
      });
      await reader.close();
    }
    await until(() => pipes() === 0, 'the FIFOs closed');
  });
});

describe('standard input and output', () => {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
  const env = { ...own, GOPARK_HOLD_LIMIT: '0' };
  const SIZE = 64 << 20;
  /** Runs a pipeline of the shell in which `$N` is our program: its stdin and stdout are real pipes. */
  const run = (t: TestContext, line: string, program: string) => {
    const child = spawn('sh', ['-c', line], {
      cwd: root,
      env: { ...env, NODE: process.execPath, PROGRAM: program },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    return new Promise<{ stdout: string; stderr: string; code: number | null }>((resolve) =>
      child.on('close', (code) => resolve({ stdout, stderr, code })),
    );
  };
  const noShell =
    spawnSync('sh', ['-c', 'cat /dev/null | sha256sum']).status !== 0 && 'no sh, cat, sha256sum';
  /** Deterministic, without a repetition that would hide a piece out of place. */
  const chunkOf = (i: number) => pattern(1 << 20, i + 1);
  const makeBig = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const hash = createHash('sha256');
      const out = createWriteStream(path);
      out.on('error', reject).on('finish', () => resolve(hash.digest('hex')));
      for (let i = 0; i < SIZE >> 20; i++) {
        const chunk = chunkOf(i);
        hash.update(chunk);
        out.write(chunk);
      }
      out.end();
    });

  test('stdin to a connection: 64 MiB by a pipe', { skip: noShell }, async (t) => {
    const big = join(directoryOf(t), 'big');
    const expected = await makeBig(big);
    const listener = await listen('tcp', '127.0.0.1:0');
    t.after(() => listener.close());
    const hash = createHash('sha256');
    const receiving = (async () => {
      await using conn = (await listener.accept()) as TCPConn;
      const p = new Uint8Array(256 * 1024);
      for (let n = await conn.read(p); n !== null; n = await conn.read(p)) hash.update(p.subarray(0, n));
    })();
    const program = `
      import { copy } from 'gopark/io';
      import { dial } from 'gopark/net';
      import { stdin } from 'gopark/os';
      const conn = await dial('tcp', '${listener.addr}');
      console.log(await copy(conn, stdin));
      await conn.close();`;
    const ended = await run(t, `cat ${big} | "$NODE" --input-type=module -e "$PROGRAM"`, program);
    assert.deepEqual(ended, { stdout: `${SIZE}\n`, stderr: '', code: 0 });
    await receiving;
    assert.equal(hash.digest('hex'), expected);
  });

  test('a connection to stdout: 64 MiB by a pipe', { skip: noShell }, async (t) => {
    const listener = await listen('tcp', '127.0.0.1:0');
    t.after(() => listener.close());
    const hash = createHash('sha256');
    const sending = (async () => {
      await using conn = (await listener.accept()) as TCPConn;
      for (let i = 0; i < SIZE >> 20; i++) {
        hash.update(chunkOf(i));
        await conn.write(chunkOf(i));
      }
    })();
    const program = `
      import { copy } from 'gopark/io';
      import { dial } from 'gopark/net';
      import { stdout } from 'gopark/os';
      const conn = await dial('tcp', '${listener.addr}');
      console.error(await copy(stdout, conn));
      await conn.close();`;
    const ended = await run(t, '"$NODE" --input-type=module -e "$PROGRAM" | sha256sum', program);
    assert.equal(ended.stderr, `${SIZE}\n`);
    await sending;
    assert.deepEqual(ended, { stdout: `${hash.digest('hex')}  -\n`, stderr: `${SIZE}\n`, code: 0 });
  });

  test('who shares the pipe of stdin still finds it blocking', { skip: noShell }, async (t) => {
    const listener = await listen('tcp', '127.0.0.1:0');
    t.after(() => listener.close());
    const receiving = (async () => {
      await using conn = (await listener.accept()) as TCPConn;
      return await readToEnd(conn);
    })();
    const program = `
      import { copyN } from 'gopark/io';
      import { dial } from 'gopark/net';
      import { stdin } from 'gopark/os';
      const conn = await dial('tcp', '${listener.addr}');
      await copyN(conn, stdin, 3);
      await conn.close();
      process.exit(0);`;
    // cat comes second on the same pipe, while nothing is in it: a pipe that does not block would end it at once.
    const line =
      '(printf abc; sleep 1; printf def) | ("$NODE" --input-type=module -e "$PROGRAM"; echo ready; cat)';
    const ended = await run(t, line, program);
    assert.deepEqual(ended, { stdout: 'ready\ndef', stderr: '', code: 0 });
    sameBytes(await receiving, text('abc'));
  });
});
