import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { copy, readAll } from 'gopark/io';
import { ClosedError, type File, PathError, pipe } from 'gopark/os';
import { pattern, sameBytes, text } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { openDescriptors } from '../lib/descriptors.ts';
import { needsNative } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { readToEnd } from '../lib/peers.ts';
import { stillPending, turns, until } from '../lib/waiting.ts';

const pipes = () => openDescriptors().filter((entry) => entry.includes('pipe:')).length;

/** Closed with the test. */
function pipeOf(t: TestContext): [reader: File, writer: File] {
  const ends = pipe();
  t.after(() => Promise.all(ends.map((end) => end[Symbol.asyncDispose]())));
  return ends;
}

describe('os.pipe', needsNative(), () => {
  test('bytes, in order, and the end', async (t) => {
    const [reader, writer] = pipeOf(t);
    const reading = readAll(reader);
    await turns(3);
    const bytes = pattern(1 << 20);
    assert.equal(await writer.write(bytes.subarray(0, 1000)), 1000);
    assert.equal(await writer.write(bytes.subarray(1000)), bytes.length - 1000);
    await writer.close();
    sameBytes(await reading, bytes);
    assert.equal(await reader.read(new Uint8Array(1)), null);
  });

  test('closed before anybody reads: bytes, then the end', async (t) => {
    const [reader, writer] = pipeOf(t);
    await writer.write(text('left behind'));
    await writer.close();
    sameBytes(await readAll(reader), text('left behind'));
    const [empty, gone] = pipeOf(t);
    await gone.close();
    assert.equal(await empty.read(new Uint8Array(1)), null);
  });

  test('both sides park, and are woken by the close of their own side', async (t) => {
    const [reader, writer] = pipeOf(t);
    const reading = reader.read(new Uint8Array(1));
    reading.catch(() => {});
    await stillPending(reading, 'nobody writes');
    const closing = reader.close();
    await assert.rejects(reading, ClosedError);
    await closing;
    await assert.rejects(writer.write(text('nobody')), (error: PathError) => error.code === 'EPIPE');
  });

  test('a child writes into it: its output goes to a connection', async (t) => {
    const [reader, writer] = pipeOf(t);
    const script = "for (let i = 0; i < 3; i++) require('node:fs').writeSync(1, 'x'.repeat(100_000))";
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', writer.fd, 'inherit'] });
    const exit = once(child, 'exit');
    await writer.close();
    await withPair(tcpPair, async ({ a, b }) => {
      const reading = readToEnd(b);
      assert.equal(await copy(a, reader), 300_000);
      await a.closeWrite();
      assert.equal((await reading).length, 300_000);
    });
    assert.deepEqual(await exit, [0, null]);
  });

  test('closing both leaves no descriptor', async () => {
    const before = pipes();
    for (let i = 0; i < 20; i++) {
      const [reader, writer] = pipe();
      await writer.write(text('x'));
      await reader.read(new Uint8Array(10));
      await Promise.all([reader.close(), writer.close()]);
    }
    assert.equal(pipes(), before);
  });

  test('a worker that ends closes its own', async () => {
    const before = pipes();
    const source = `
      import { parentPort } from 'node:worker_threads';
      import { pipe } from 'gopark/os';
      const [reader, writer] = pipe();
      await writer.write(Uint8Array.of(7));
      const p = new Uint8Array(1);
      await reader.read(p);
      parentPort.postMessage(p[0]);
      setInterval(() => {}, 1000);
    `;
    const url = new URL(
      `data:text/javascript,${encodeURIComponent(source.replaceAll("'gopark/os'", `'${import.meta.resolve('gopark/os')}'`))}`,
    );
    const worker = new Worker(url);
    assert.deepEqual(await once(worker, 'message'), [7]);
    assert.ok(pipes() > before);
    await worker.terminate();
    await until(() => pipes() <= before, 'the pipes of the worker are closed');
  });

  test('no descriptors left: EMFILE, and none lost', async () => {
    const { code, stdout, stderr } = await runChild(
      `
      import { readdirSync, statSync } from 'node:fs';
      import { pipe } from 'gopark/os';
      const isPipe = (fd) => statSync('/proc/self/fd/' + fd, { throwIfNoEntry: false })?.isFIFO() ?? false;
      const count = () => readdirSync('/proc/self/fd').filter(isPipe).length;
      const held = [];
      const before = count();
      try {
        for (;;) held.push(...pipe());
      } catch (error) {
        console.log(error.name, error.code, error.op, held.length > 0);
      }
      await Promise.all(held.map((end) => end.close()));
      console.log(count() - before);
      `,
      { descriptors: 300 },
    );
    assert.equal(stderr, '');
    assert.deepEqual([code, stdout], [0, 'PathError EMFILE pipe true\n0\n']);
  });
});

test('os.pipe without the native part says so', {
  skip: needsNative().skip === false && 'it is there',
}, () => {
  assert.throws(
    () => pipe(),
    (error: PathError) => error instanceof PathError && error.code === 'ERR_UNSUPPORTED',
  );
});
