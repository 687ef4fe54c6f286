import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type DurableWrite, durableWrite } from '#dist/os/durable-write.js';
import { threadEngine } from '#dist/os/thread-engine.js';
import { runChild } from '../lib/child.ts';
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

  // Without gopark's network: nothing else stands in the event loop.
  const carrying = (path: string, rest: string) => `
    import { openSync } from 'node:fs';
    import { threadEngine } from '#dist/os/thread-engine.js';
    const piece = Buffer.alloc(1 << 20, 'x');
    const fd = openSync(${JSON.stringify(path)}, 'w');
    threadEngine.writeBatch(fd, [piece, piece, piece], null, true, (written, synced) => console.log(written, synced));
    ${rest}`;

  test('keeps the process alive until it is done, and no longer', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { code, stdout, stderr } = await runChild(carrying(path, ''));
    assert.deepEqual([code, stdout, stderr], [0, `${3 << 20} 0\n`, '']);
  });

  test('process.exit: what has begun is written to its end', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { code, stdout, stderr } = await runChild(carrying(path, 'process.exit(3);'));
    assert.deepEqual([code, stdout, stderr], [3, '', '']);
    assert.equal(statSync(path).size, 3 << 20);
  });

  test('more at once than an event may have listeners, and nobody complains', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { code, stdout, stderr } = await runChild(
      carrying(
        path,
        `for (let i = 1; i <= 12; i++) {
          threadEngine.writeBatch(fd, [Buffer.from('x')], (3 << 20) + i, false, (written) => console.log(written));
        }`,
      ),
    );
    const lines = stdout.trim().split('\n').sort();
    assert.deepEqual([code, stderr, lines.length, lines[0]], [0, '', 13, '1']);
  });

  test('without a descriptor for a thread of its own it is written nevertheless, and the next one, too', async (t) => {
    const path = join(directoryOf(t), 'f');
    const program = `
      import { closeSync, openSync } from 'node:fs';
      import { threadEngine } from '#dist/os/thread-engine.js';
      const fd = openSync(${JSON.stringify(path)}, 'w');
      const full = openSync('/dev/null', 'w');
      threadEngine.writeBatch;
      const all = [];
      try {
        for (;;) all.push(openSync('/dev/null', 'r'));
      } catch (error) {
        console.log(error.code);
      }
      const write = (fd, text, syncs) =>
        new Promise((resolve) => threadEngine.writeBatch(fd, [text, text].map(Buffer.from), null, syncs, (...found) => resolve(found)));
      console.log(await write(fd, 'ab', true), await write(fd, 'cd', false));
      console.log(await write(full, 'ab', true), await write(9999, 'ab', true));
      for (const each of all) closeSync(each);
      console.log(await write(fd, 'ef', true));`;
    const { code, stdout, stderr } = await runChild(program, { descriptors: 64 });
    const { EBADF, ECANCELED, EINVAL } = constants.errno;
    assert.deepEqual(
      [code, stdout.trim().split('\n'), stderr],
      [
        0,
        [
          'EMFILE',
          `[ 4, 0 ] [ 4, ${-ECANCELED} ]`,
          `[ 4, ${-EINVAL} ] [ ${-EBADF}, ${-ECANCELED} ]`,
          '[ 4, 0 ]',
        ],
        '',
      ],
    );
    assert.equal(readFileSync(path, 'latin1'), 'ababcdcdefef');
  });

  test('a worker ends meanwhile: what has begun is written to its end', async (t) => {
    const path = join(directoryOf(t), 'f');
    const program = `
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(
        \`import { openSync } from 'node:fs';
        import { threadEngine } from '#dist/os/thread-engine.js';
        const piece = Buffer.alloc(3 << 20, 'x');
        const fd = openSync(${JSON.stringify(path)}, 'w');
        threadEngine.writeBatch(fd, [piece], null, true, () => console.log('told'));
        process.exit(3);\`,
        { eval: true },
      );
      worker.on('exit', (code) => console.log('ended', code));`;
    const { code, stdout, stderr } = await runChild(program);
    assert.deepEqual([code, stdout, stderr], [0, 'ended 3\n', '']);
    assert.equal(statSync(path).size, 3 << 20);
  });
});
