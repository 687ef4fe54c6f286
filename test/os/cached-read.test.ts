import assert from 'node:assert/strict';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { ClosedError, type File, filePoolStats, open } from 'gopark/os';
import { kernelMemory } from '#dist/os/cached-read.js';
import { fileLane } from '#dist/os/lanes.js';
import { EAGAIN, ENOTSUP } from '#dist/poll/errno.js';
import { pattern, sameBytes, untext } from '../lib/bytes.ts';
import { needsNative } from '../lib/needs.ts';
import { directoryOf, SlowDisk } from './lib.ts';

async function fileOf(t: TestContext, bytes: Uint8Array): Promise<File> {
  const path = join(directoryOf(t), 'f');
  writeFileSync(path, bytes);
  const file = await open(path, 'r+');
  t.after(() => file[Symbol.asyncDispose]());
  return file;
}

/** Stands in for the kernel: says that so many bytes of `content` are in memory, or an errno. */
function memoryOf(t: TestContext, content: Uint8Array, answers: number[]) {
  return t.mock.method(
    kernelMemory,
    'read',
    (_fd: number, p: Uint8Array, from: number, length: number, offset: number) => {
      const answer = answers.shift() ?? -EAGAIN;
      if (answer < 0) return answer;
      const part = content.subarray(offset, offset + Math.min(length, answer));
      p.set(part, from);
      return part.length;
    },
  );
}

/** What changed in the pool meanwhile. */
async function counted(action: () => Promise<unknown>): Promise<{ cached: number; completed: number }> {
  const before = filePoolStats();
  await action();
  const { cached, completed } = filePoolStats();
  return { cached: cached - before.cached, completed: completed - before.completed };
}

describe('reads that the kernel answers from its memory', () => {
  const content = pattern(1000);

  test('take no thread and move the position', async (t) => {
    const file = await fileOf(t, content);
    memoryOf(t, content, [600, 600, 600]);
    const p = new Uint8Array(600);
    const spent = await counted(async () => {
      assert.equal(await file.read(p), 600);
      assert.equal(await file.read(p), 400);
      assert.equal(await file.read(p), null);
    });
    assert.deepEqual(spent, { cached: 3, completed: 0 });
    assert.equal(await file.seek(0, 'current'), 1000);
  });

  test('readFile: a small file in memory takes two threads, to open and to close it; else all of it arrives as well', async (t) => {
    const { readFile } = await import('gopark/os');
    const path = join(directoryOf(t), 'f');
    const whole = 128 * 1024;
    for (const [length, answers, jobs] of [
      [1000, [whole, whole], 2],
      [1000, [600, -EAGAIN], 4],
      [1000, [-EAGAIN], 4],
      [0, [whole, whole], 2],
      [whole, [whole], 4],
      [whole + 1, [whole], 3 + Math.ceil((whole + 1) / fileLane().engine.largestPiece)],
    ] as const) {
      const bytes = pattern(length);
      writeFileSync(path, bytes);
      const mocked = memoryOf(t, bytes, [...answers]);
      const { completed } = await counted(async () => sameBytes(await readFile(path), bytes));
      assert.equal(completed, jobs, `${length} bytes, the kernel says ${answers}`);
      mocked.mock.restore();
    }
  });

  test('what a disk has to be asked for is read by a thread, behind what was there', async (t) => {
    const file = await fileOf(t, content);
    const memory = memoryOf(t, content, [100, -EAGAIN, -EAGAIN, 200]);
    const p = new Uint8Array(1000);
    const spent = await counted(async () => assert.equal(await file.readAt(p, 0), 1000));
    assert.deepEqual(spent, { cached: 1, completed: 1 });
    sameBytes(p, content);
    assert.deepEqual(
      memory.mock.calls.map((call) => call.arguments.slice(2)),
      [
        [0, 1000, 0],
        [100, 900, 100],
      ],
    );
  });

  test('a file system that cannot say is asked once', async (t) => {
    const file = await fileOf(t, content);
    const memory = memoryOf(t, content, [-ENOTSUP, 500]);
    const p = new Uint8Array(600);
    const spent = await counted(async () => {
      assert.equal(await file.read(p), 600);
      assert.equal(await file.read(p), 400);
      assert.equal(await file.readAt(p, 0), 600);
    });
    assert.deepEqual(spent, { cached: 0, completed: 3 });
    assert.equal(memory.mock.callCount(), 1);
  });

  test('long reads are not copied on the event loop', async (t) => {
    const file = await fileOf(t, pattern(300_000));
    const memory = memoryOf(t, content, [1000]);
    const most = Math.min(300_000, fileLane().engine.largestPiece);
    const spent = await counted(async () => assert.equal(await file.read(new Uint8Array(300_000)), most));
    assert.deepEqual([spent, memory.mock.callCount()], [{ cached: 0, completed: 1 }, 0]);
  });

  test('whoever reads from memory without end lets the event loop turn', async (t) => {
    const file = await fileOf(t, content);
    t.mock.method(kernelMemory, 'read', () => 1);
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const p = new Uint8Array(1);
    while (!turned) await file.read(p);
  });

  test('come behind reads and writes that were called before', async (t) => {
    const file = await fileOf(t, content);
    const disk = new SlowDisk(t, ['write']);
    const memory = memoryOf(t, content, [4]);
    const write = file.write(new Uint8Array(10));
    const read = file.read(new Uint8Array(4));
    const call = await disk.next();
    assert.equal(memory.mock.callCount(), 0);
    call.release();
    await write;
    assert.equal(await read, 4);
    assert.equal(memory.mock.calls[0]!.arguments[4], 10);
  });

  test('an aborted signal and a closed file come first', async (t) => {
    const file = await fileOf(t, content);
    const memory = memoryOf(t, content, [10, 10, 10]);
    const signal = AbortSignal.abort('enough');
    const p = new Uint8Array(10);
    assert.equal(await file.read(p, { signal }).catch((reason: unknown) => reason), 'enough');
    assert.equal(await file.readAt(p, 0, { signal }).catch((reason: unknown) => reason), 'enough');
    await file.close();
    await assert.rejects(file.read(p), ClosedError);
    await assert.rejects(file.readAt(p, 0), ClosedError);
    assert.equal(memory.mock.callCount(), 0);
  });

  test('the kernel itself: what is written is read, the end is the end of now', needsNative(), async (t) => {
    const file = await fileOf(t, content);
    const p = new Uint8Array(1000);
    assert.equal(await file.read(p), 1000);
    sameBytes(p, content);
    assert.equal(await file.read(p), null);
    appendFileSync(file.path, 'more');
    assert.equal(await file.read(p), 4);
    assert.equal(untext(p.subarray(0, 4)), 'more');
    truncateSync(file.path, 10);
    assert.equal(await file.read(p), null);
    assert.equal(await file.readAt(p, 2 ** 52), null);
    assert.equal(await file.readAt(p, 4), 6);
    await using directory = await open('.');
    await assert.rejects(directory.read(p), { name: 'PathError', code: 'EISDIR', op: 'read' });
  });

  test('by chance from memory or from the disk: the same bytes', async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.integer({ min: -1, max: 30 }), { maxLength: 30 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat(220), fc.integer({ min: 1, max: 60 })), { maxLength: 10 }),
        async (bytes, answers, calls) => {
          const file = await fileOf(t, bytes);
          // 0 would be the end, -1 stands for the disk.
          const { mock } = memoryOf(
            t,
            bytes,
            answers.map((answer) => (answer === -1 ? -EAGAIN : answer + 1)),
          );
          let position = 0;
          for (const [positioned, offset, length] of calls) {
            const p = new Uint8Array(length);
            const at = positioned ? offset : position;
            const n = positioned ? await file.readAt(p, offset) : await file.read(p);
            const expected = bytes.subarray(at, at + length);
            if (expected.length === 0) {
              assert.equal(n, null);
              continue;
            }
            assert.ok(n !== null && n > 0 && n <= expected.length);
            if (positioned) assert.equal(n, expected.length);
            else position += n;
            sameBytes(p.subarray(0, n), expected.subarray(0, n));
          }
          mock.restore();
          await file.close();
        },
      ),
      { numRuns: 50 },
    );
  });
});
