import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fastCheck from 'fast-check';
import { AsyncWriter, type AsyncWriterOptions, ClosedError, open, PathError } from 'gopark/os';
import type { BatchEnded } from '#dist/os/file-engine.js';
import { fileLane } from '#dist/os/lanes.js';
import { EAGAIN, ECANCELED } from '#dist/poll/errno.js';
import { text } from '../lib/bytes.ts';
import { needsNative } from '../lib/needs.ts';
import { stillPending } from '../lib/waiting.ts';
import { directoryOf } from './lib.ts';

const EIO = 5;
const ENOSPC = 28;

/** What becomes of one batch: how many bytes are really written, and what is said of it. */
type Fate = 'as it is' | { takes?: number; written?: number; synced?: number };

/** Stands between writers and the engine, and decides the fate of the next batches. Counts them. */
class Moods {
  readonly next: Fate[] = [];
  batches = 0;
  /** Batches are kept here while it is an array. */
  held: (() => void)[] | null = null;

  constructor(t: TestContext) {
    const { engine } = fileLane();
    const real = engine.writeBatch!;
    const own = Object.getOwnPropertyDescriptor(engine, 'writeBatch');
    const value: typeof real = (fd, buffers, position, syncs, ended) => {
      this.batches++;
      const begin = () => {
        const fate = this.next.shift() ?? 'as it is';
        if (fate === 'as it is') real.call(engine, fd, buffers, position, syncs, ended);
        else this.#spoil(fate, fd, Buffer.concat(buffers), position, ended);
      };
      if (this.held === null) begin();
      else this.held.push(begin);
    };
    Object.defineProperty(engine, 'writeBatch', { value, configurable: true });
    t.after(() => {
      Reflect.deleteProperty(engine, 'writeBatch');
      if (own !== undefined) Object.defineProperty(engine, 'writeBatch', own);
    });
  }

  #spoil(
    { takes = 0, written = takes, synced = -ECANCELED }: Exclude<Fate, string>,
    fd: number,
    bytes: Buffer,
    position: number | null,
    ended: BatchEnded,
  ): void {
    // A short write is one of fewer bytes than there are, except where its sync is to fail.
    const most = synced === -ECANCELED ? bytes.length - 1 : bytes.length;
    if (takes > 0) writeSync(fd, bytes, 0, Math.min(takes, most), position);
    setImmediate(ended, Math.min(written, most), synced);
  }
}

/** A writer whose first batch is written: where the file ends is known then. */
async function begunWriter(
  t: TestContext,
  options: AsyncWriterOptions,
  flags: 'a' | 'w' = 'a',
): Promise<{ writer: AsyncWriter; path: string; moods: Moods }> {
  const path = join(directoryOf(t), 'log');
  const writer = new AsyncWriter(await open(path, flags, 0o600), options);
  t.after(() => writer[Symbol.asyncDispose]().catch(() => {}));
  await writer.commit(text('first\n'));
  return { writer, path, moods: new Moods(t) };
}

const failureOf = async (promise: Promise<unknown>): Promise<PathError> => {
  const error = await promise.then(
    () => assert.fail('resolved'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PathError, String(error));
  return error;
};

describe('batches that take no promise', needsNative(), () => {
  for (const flags of ['a', 'w'] as const) {
    for (const sync of ['never', 'batch', 50] as const) {
      test(`a short write is completed: '${flags}', sync ${sync}`, async (t) => {
        const { writer, path, moods } = await begunWriter(t, { sync }, flags);
        moods.next.push({ takes: 3 });
        await writer.commit(text('second\n'));
        await writer.commit(text('third\n'));
        assert.equal(readFileSync(path, 'latin1'), 'first\nsecond\nthird\n');
        assert.ok(moods.batches >= 2, `${moods.batches}`);
        const { batches, failures } = writer.stats;
        assert.deepEqual([batches, failures], [3, 0]);
      });
    }
  }

  test('what the kernel wants to be asked again is asked again', async (t) => {
    const { writer, path, moods } = await begunWriter(t, { sync: 'batch' });
    moods.next.push({ written: -EAGAIN });
    await writer.commit(text('second\n'));
    assert.equal(readFileSync(path, 'latin1'), 'first\nsecond\n');
  });

  test('a sync that fails is told, ends the writer, and is not tried again', async (t) => {
    const { writer, path, moods } = await begunWriter(t, { sync: 'batch', whenFailed: 'truncate' });
    moods.next.push({ takes: 7, synced: -EIO });
    const { code, op, syscall } = await failureOf(writer.commit(text('second\n')));
    assert.deepEqual([code, op, syscall], ['EIO', 'datasync', 'fdatasync']);
    assert.equal(readFileSync(path, 'latin1'), 'first\n');
    assert.equal((await failureOf(writer.commit(text('third\n')))).code, 'EIO');
    assert.equal(moods.batches, 1);
  });

  test('a disk that is full: the error has its code, and a later batch finds room', async (t) => {
    const small = join(directoryOf(t), 'small');
    mkdirSync(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'none', small]).status !== 0) {
      return t.skip('no tmpfs can be mounted here');
    }
    try {
      for (const whenFailed of ['truncate', 'keep'] as const) {
        const path = join(small, whenFailed);
        const writer = new AsyncWriter(await open(path, 'a'), { whenFailed, capacity: 1 << 20 });
        await writer.commit(new Uint8Array(1000));
        const { code, op, bytesWritten } = await failureOf(writer.commit(new Uint8Array(60_000)));
        assert.deepEqual([code, op, bytesWritten], ['ENOSPC', 'write', 0]);
        const { size } = statSync(path);
        if (whenFailed === 'truncate') assert.equal(size, 1000);
        else assert.ok(size > 1000 && size < 61_000, String(size));
        if (whenFailed === 'truncate') {
          await writer.commit(new Uint8Array(500));
          assert.equal(statSync(path).size, 1500);
        }
        await writer.close();
        await (await open(path, 'w')).close();
      }
    } finally {
      spawnSync('umount', ['-l', small]);
    }
  });

  test('close waits for the batch under way', async (t) => {
    const { writer, path, moods } = await begunWriter(t, { sync: 'batch' });
    moods.held = [];
    const committed = writer.commit(text('second\n'));
    const file = writer.file;
    while (moods.held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = writer.close();
    await stillPending(closed, 'close');
    assert.equal(file.closed, false);
    moods.held.shift()!();
    await Promise.all([committed, closed]);
    assert.equal(readFileSync(path, 'latin1'), 'first\nsecond\n');
    assert.ok((await failureOf(writer.commit(text('x')))) instanceof ClosedError);
  });

  test('whatever becomes of batches: who was told so is in the file, once and in order', async (t) => {
    const fate = fastCheck.oneof(
      fastCheck.constant<Fate>('as it is'),
      fastCheck.record({ takes: fastCheck.nat(40) }),
      fastCheck.constantFrom<Fate>({ written: -EAGAIN }, { written: -ENOSPC }),
    );
    const model = fastCheck.asyncProperty(
      fastCheck.array(fate, { maxLength: 12 }),
      fastCheck.array(fastCheck.nat(60), { minLength: 1, maxLength: 12 }),
      fastCheck.constantFrom('a' as const, 'w' as const),
      fastCheck.constantFrom('never' as const, 'batch' as const),
      async (fates, lengths, flags, sync) => {
        const path = join(directoryOf(t), 'log');
        const writer = new AsyncWriter(await open(path, flags), { sync, whenFailed: 'truncate' });
        moods.next.length = 0;
        await writer.commit(text('first\n'));
        for (const one of fates) moods.next.push(one);
        let expected = 'first\n';
        for (const [i, length] of lengths.entries()) {
          const line = `${'x'.repeat(length)}${i}\n`;
          try {
            await writer.commit(text(line));
            expected += line;
          } catch (error) {
            // Told twice that there is no room: it is not in the file.
            assert.equal((error as PathError).code, 'ENOSPC');
          }
        }
        await writer.close();
        assert.equal(readFileSync(path, 'latin1'), expected);
      },
    );
    const moods = new Moods(t);
    await fastCheck.assert(model, { numRuns: 60 });
    assert.ok(moods.batches > 100, `${moods.batches}`);
  });
});
