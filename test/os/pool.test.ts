import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ClosedError, configureFiles, filePoolStats, open } from 'gopark/os';
import { fileLane } from '#dist/os/lanes.js';
import { threadPool } from '#dist/os/pool.js';
import { ThreadBudget, threadPoolSize, threads } from '#dist/runtime/threads.js';
import { allWaits } from '#dist/runtime/waits.js';
import { text } from '../lib/bytes.ts';
import { stillPending, turns, until, watch } from '../lib/waiting.ts';
import { directoryOf, SlowDisk } from './lib.ts';

const { engine, concurrency: before } = filePoolStats();
beforeEach(() => configureFiles({ concurrency: 2 }));
afterEach(() => configureFiles({ concurrency: before }));

const fileWaits = () =>
  [...allWaits()].filter((wait) => wait.waitReason === 'file I/O').map((wait) => wait.describeWait());

describe('the file pool', () => {
  test('so many at a time, first come first served', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abcdefgh');
    await using file = await open(path);
    const disk = new SlowDisk(t, ['read']);
    const order: unknown[] = [];
    const p = () => new Uint8Array(1);
    const reads = Array.from({ length: 8 }, (_, i) => file.readAt(p(), i));
    assert.equal(before, engine === 'threads' ? 2 : 64, 'four threads of Node: two are for files');
    assert.equal(disk.held.length, 2);
    assert.deepEqual(
      [filePoolStats().inFlight, filePoolStats().queued, filePoolStats().concurrency],
      [2, 6, 2],
    );
    assert.deepEqual(
      fileWaits(),
      Array.from({ length: 8 }, () => `readAt ${path}`),
    );
    for (let i = 0; i < 8; i++) {
      assert.ok(disk.held.length <= 2);
      const call = await disk.next();
      order.push(call.args[4]);
      call.release();
    }
    await Promise.all(reads);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    const stats = filePoolStats();
    assert.deepEqual([stats.inFlight, stats.queued, stats.oldestWait], [0, 0, 0]);
    assert.ok(stats.totalWait >= stats.longestWait && stats.longestWait > 0);
    assert.deepEqual(fileWaits(), []);
  });

  test('configureFiles', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abc');
    await using file = await open(path);
    const disk = new SlowDisk(t, ['read']);
    configureFiles({ concurrency: 1 });
    const reads = [0, 1, 2].map((at) => file.readAt(new Uint8Array(1), at));
    assert.equal(disk.held.length, 1);
    configureFiles({ concurrency: 3 });
    assert.equal(disk.held.length, 3);
    for (const concurrency of [0, 65, 1.5, Number.NaN]) {
      const message = engine === 'threads' ? /1 to 3/ : /1 to 64/;
      assert.throws(() => configureFiles({ concurrency }), { name: 'ArgumentRangeError', message });
    }
    disk.releaseAll();
    await Promise.all(reads);
  });

  test('files that are open come before those that are to be opened, for 10 ms', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abc');
    let time = performance.now();
    t.mock.method(performance, 'now', () => time);
    await using file = await open(path);
    const disk = new SlowDisk(t, ['read', 'open']);
    configureFiles({ concurrency: 1 });
    const reading = (async () => {
      for (let at = 0; at < 4; at++) await file.readAt(new Uint8Array(1), at);
    })();
    const opening = Promise.all([open(path), open(path)]);
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) {
      const call = await disk.next();
      seen.push(call.name);
      if (i === 1) time += 11;
      call.release();
    }
    await reading;
    for (const other of await opening) await other.close();
    assert.deepEqual(seen, ['read', 'read', 'open', 'read', 'read', 'open']);
  });

  test('a signal ends what waits for a thread', async (t) => {
    const path = join(directoryOf(t), 'f');
    await using file = await open(path, 'w');
    const disk = new SlowDisk(t, ['write']);
    const others = [0, 2].map((at) => file.writeAt(text('ab'), at));
    const { signal } = new AbortController();
    await assert.rejects(
      file.writeAt(text('x'), 0, { signal: AbortSignal.abort(new Error('early')) }),
      /early/,
    );
    const controller = new AbortController();
    const cancelled = filePoolStats().cancelled;
    const queued = file.writeAt(text('xx'), 0, { signal: controller.signal });
    const behind = file.writeAt(text('c'), 4, { signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await assert.rejects(queued, (error) => error === reason);
    assert.equal(filePoolStats().cancelled, cancelled + 1);
    for (let i = 0; i < 3; i++) (await disk.next()).release();
    await Promise.all([...others, behind]);
    assert.equal(readFileSync(path, 'utf8'), 'ababc');
  });

  test('a signal ends what waits for its turn at the file', async (t) => {
    const path = join(directoryOf(t), 'f');
    await using file = await open(path, 'w');
    const disk = new SlowDisk(t, ['write']);
    const first = file.write(text('a'));
    await disk.next();
    const controller = new AbortController();
    const second = file.write(text('b'), { signal: controller.signal });
    const third = file.write(text('c'));
    await turns(2);
    assert.deepEqual(fileWaits().length, 3);
    controller.abort('enough');
    assert.equal(await second.catch((reason: unknown) => reason), 'enough');
    (await disk.next()).release();
    await first;
    (await disk.next()).release();
    await third;
    assert.equal(readFileSync(path, 'utf8'), 'ac');
  });

  test('a read that hangs can be left; its thread writes to nobody', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abcdef');
    await using file = await open(path);
    const disk = new SlowDisk(t, ['read']);
    const controller = new AbortController();
    const p = new Uint8Array(3);
    const left = file.read(p, { signal: controller.signal });
    const call = await disk.next();
    controller.abort(new Error('too slow'));
    await assert.rejects(left, /too slow/);
    assert.equal(filePoolStats().inFlight, 1, 'the thread is still busy');
    const again = file.read(p);
    call.release();
    (await disk.next()).release();
    assert.equal(await again, 3);
    assert.equal(String.fromCharCode(...p), 'abc', 'no byte was lost');
  });

  test('a write that a thread has begun is finished', async (t) => {
    const path = join(directoryOf(t), 'f');
    await using file = await open(path, 'w');
    const disk = new SlowDisk(t, ['write']);
    const controller = new AbortController();
    const write = file.write(text('abc'), { signal: controller.signal });
    const call = await disk.next();
    controller.abort();
    await stillPending(write, 'the write');
    call.release();
    assert.equal(await write, 3);
  });

  test('a descriptor that comes after its caller has left is closed', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, '');
    const disk = new SlowDisk(t, ['open']);
    const closed = t.mock.method(fileLane().engine, 'close');
    const controller = new AbortController();
    const opening = open(path, 'r', 0, { signal: controller.signal });
    const call = await disk.next();
    controller.abort('gone');
    assert.equal(await opening.catch((reason: unknown) => reason), 'gone');
    call.release();
    await until(() => closed.mock.callCount() === 1, 'close');
  });

  test('close wakes who waits, and leaves the descriptor to the thread that uses it', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abcdef');
    const file = await open(path, 'r+');
    const disk = new SlowDisk(t, ['read', 'write']);
    const closed = t.mock.method(fileLane().engine, 'close');
    const p = new Uint8Array(3);
    const running = file.read(p);
    await disk.next();
    const alsoRunning = file.readAt(new Uint8Array(2), 4);
    const forTheTurn = [file.read(new Uint8Array(1)), file.write(text('x')), file.seek(0, 'start')].map(
      watch,
    );
    const forAThread = [file.readAt(p, 0), file.writeAt(text('x'), 0), file.sync()].map((call) =>
      watch<unknown>(call),
    );
    await turns(2);
    const closing = watch(file.close());
    await turns(2);
    for (const { outcome } of [...forTheTurn, ...forAThread]) {
      assert.ok(
        outcome.state === 'rejected' && outcome.error instanceof ClosedError,
        JSON.stringify(outcome),
      );
    }
    assert.equal(closing.pending, true);
    assert.equal(closed.mock.callCount(), 0);
    disk.releaseAll();
    assert.equal(await running, 3);
    assert.equal(await alsoRunning, 2);
    await closing.promise;
    assert.equal(closing.outcome.state, 'resolved');
    assert.equal(closed.mock.callCount(), 1);
    assert.equal(String.fromCharCode(...p), 'abc');
  });

  test('close in the middle of a write of several pieces', async (t) => {
    const path = join(directoryOf(t), 'f');
    const file = await open(path, 'w');
    const disk = new SlowDisk(t, ['write']);
    const write = file.write(new Uint8Array(1.5 * fileLane().engine.largestPiece));
    const first = await disk.next();
    const closing = file.close();
    first.release();
    const error = await write.catch((reason: unknown) => reason as ClosedError);
    assert.ok(error instanceof ClosedError);
    assert.deepEqual([error.op, error.bytesWritten], ['write', fileLane().engine.largestPiece]);
    await closing;
  });

  test('work that throws gives its thread back', async () => {
    const pool = threadPool(new ThreadBudget(4));
    const thrown = pool.run('read', 'f', () => {
      throw new TypeError('bad');
    });
    await assert.rejects(thrown, TypeError);
    assert.equal(await pool.run<number>('read', 'f', (callback) => setImmediate(callback, null, 7)), 7);
    assert.deepEqual([pool.stats.inFlight, pool.stats.completed], [0, 2]);
  });
});

describe('the budget of threads', () => {
  test('files and name lookups together leave a thread', () => {
    const budget = new ThreadBudget(4);
    const freed: string[] = [];
    const files = budget.share(2, () => freed.push('files'));
    const names = budget.share(2, () => freed.push('names'));
    assert.deepEqual([files.tryTake(), files.tryTake(), files.tryTake()], [true, true, false]);
    assert.deepEqual([names.tryTake(), names.tryTake()], [true, false]);
    files.giveBack();
    assert.deepEqual(freed, ['names', 'files'], 'the others first');
    assert.deepEqual([names.tryTake(), files.tryTake()], [true, false]);
  });

  test('the size of the pool, as libuv reads it', () => {
    for (const [set, size] of [
      [undefined, 4],
      ['8', 8],
      ['0', 1],
      ['x', 1],
      ['-3', 1],
      ['4096', 1024],
    ] as const) {
      assert.equal(threadPoolSize(set), size, String(set));
    }
    assert.equal(new ThreadBudget(1).total, 1);
    assert.equal(threadPool(new ThreadBudget(1)).concurrency, 1);
    assert.equal(threadPool(new ThreadBudget(16)).concurrency, 14);
    assert.equal(threads.total, threadPoolSize() - 1);
  });
});
