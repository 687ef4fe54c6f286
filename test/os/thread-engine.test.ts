import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type DurableWrite, durableWrite } from '#dist/os/durable-write.js';
import { threadEngine } from '#dist/os/thread-engine.js';
import { needsNative } from '../lib/needs.ts';
import { directoryOf } from './lib.ts';

function writeAndSync(fd: number, buffers: readonly Uint8Array[], position: number | null) {
  return new Promise<DurableWrite>((resolve, reject) => {
    threadEngine.writeBatch!(fd, buffers, position, true, (written, synced) => {
      durableWrite(written, synced, (error, value) => {
        if (error !== null && error !== undefined) reject(error);
        else resolve(value!);
      });
    });
  });
}

describe('a thread writes and syncs in one go', needsNative(), () => {
  test('appended, at a position, in many pieces', async (t) => {
    const path = join(directoryOf(t), 'f');
    const fd = openSync(path, 'w+');
    try {
      const bytes = Array.from({ length: 300 }, (_, i) => Buffer.from(`${i},`));
      const all = Buffer.concat(bytes);
      assert.deepEqual(await writeAndSync(fd, bytes, null), {
        count: all.length,
        synced: true,
        syncError: null,
      });
      assert.deepEqual(await writeAndSync(fd, [Buffer.from('end')], null), {
        count: 3,
        synced: true,
        syncError: null,
      });
      await writeAndSync(fd, [Buffer.from('x')], 1);
      const expected = Buffer.concat([all, Buffer.from('end')]);
      expected[1] = 'x'.charCodeAt(0);
      assert.deepEqual(readFileSync(path), expected);
    } finally {
      closeSync(fd);
    }
  });

  test('more pieces than the kernel takes in one call: as many as it takes, and no sync yet', async (t) => {
    const path = join(directoryOf(t), 'f');
    const fd = openSync(path, 'w');
    try {
      const pieces = Array.from({ length: 1500 }, () => Buffer.from('ab'));
      const found = await writeAndSync(fd, pieces, null);
      assert.deepEqual(found, { count: 2048, synced: false, syncError: null });
      assert.equal(readFileSync(path, 'latin1'), 'ab'.repeat(1024));
    } finally {
      closeSync(fd);
    }
  });

  test('what fails is told as the call that failed', async () => {
    await assert.rejects(writeAndSync(9999, [Buffer.from('x')], null), { code: 'EBADF', syscall: 'write' });
    // It takes everything and has no disk behind it.
    const full = openSync('/dev/null', 'w');
    try {
      const { count, synced, syncError } = await writeAndSync(full, [Buffer.from('abc')], null);
      assert.deepEqual([count, synced], [3, false]);
      const { code, syscall } = syncError as NodeJS.ErrnoException;
      assert.deepEqual([code, syscall], ['EINVAL', 'fdatasync']);
    } finally {
      closeSync(full);
    }
  });
});
