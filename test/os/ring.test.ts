import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { AsyncWriter, open, PathError } from 'gopark/os';
import { durableWrite } from '#dist/os/durable-write.js';
import type { FileEngine } from '#dist/os/file-engine.js';
import { fileLane, type Lane } from '#dist/os/lanes.js';
import { openRingLane } from '#dist/os/ring/ring-lane.js';
import { threadEngine } from '#dist/os/thread-engine.js';
import { pattern, sameBytes, text, untext } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { openDescriptors } from '../lib/descriptors.ts';
import { lacks } from '../lib/needs.ts';
import { stillPending, turns, until } from '../lib/waiting.ts';
import { directoryOf, fifoIn, SlowDisk } from './lib.ts';

/** A lane of our own: what `fileLane` gives is for the whole process. */
const lane = openRingLane();
const skip = 'why' in lane ? lacks('this machine', `a ring for files (${lane.why})`) : false;
const { engine } = lane as Lane;

/** One operation as a promise. */
function call<T>(
  begin: (engine: FileEngine, done: (error: unknown, value?: T) => void) => void,
  on = engine,
) {
  return new Promise<T>((resolve, reject) => {
    begin(on, (error, value) => (error ? reject(error as Error) : resolve(value as T)));
  });
}

const stripped = (error: unknown) => {
  const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
  return { message, code, errno, syscall, path };
};

const read = (fd: number, p: Uint8Array, position: number) =>
  call<number>((on, done) => on.read(fd, p, 0, p.length, position, done));

const writeAndSync = (fd: number, buffers: Uint8Array[], position: number) =>
  call<{ count: number; synced: boolean; syncError: unknown }>((on, done) =>
    on.writeBatch!(fd, buffers, position, true, (written, synced) => durableWrite(written, synced, done)),
  );

describe('files through a ring', { skip }, () => {
  test('what it tells of a file is what Node tells', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'f');
    writeFileSync(path, pattern(100_000));
    fs.utimesSync(path, 1e9 + 0.123, -5.25);
    fs.symlinkSync(path, join(directory, 'link'));
    for (const name of [path, directory, join(directory, 'link'), '/dev/null']) {
      const theirs = withDates(statSync(name));
      const byPath = await call<fs.Stats>((on, done) => on.statPath(name, done));
      const fd = openSync(name, 'r');
      const opened = await call<fs.Stats>((on, done) => on.stat(fd, done));
      closeSync(fd);
      for (const own of [byPath, opened]) {
        assert.ok(own instanceof fs.Stats);
        assert.deepEqual({ ...own }, { ...theirs }, name);
        assert.deepEqual([own.isFile(), own.isDirectory()], [theirs.isFile(), theirs.isDirectory()]);
      }
    }
  });

  test('errors are the ones that Node gives', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abc');
    const fd = openSync(path, 'r');
    const p = new Uint8Array(4);
    const failing: ((on: FileEngine, done: (error: unknown) => void) => void)[] = [
      (on, done) => on.open(`${path}.none`, constants.O_RDONLY, 0, done),
      (on, done) => on.open(pathToFileURL(`${path}/below`), constants.O_RDONLY, 0, done),
      (on, done) => on.open('x'.repeat(5000), constants.O_RDONLY, 0, done),
      (on, done) => on.open('', constants.O_RDONLY, 0, done),
      (on, done) => on.open(path, constants.O_CREAT | constants.O_EXCL, 0o600, done),
      (on, done) => on.open('.', constants.O_WRONLY, 0, done),
      (on, done) => on.read(1_000_000, p, 0, 4, 0, done),
      (on, done) => on.write(fd, [p], 0, done),
      (on, done) => on.sync(1_000_000, done),
      (on, done) => on.datasync(1_000_000, done),
      (on, done) => on.stat(1_000_000, done),
      (on, done) => on.statPath(`${path}.none`, done),
      (on, done) => on.close(1_000_000, done),
      ...(engine.truncate === undefined
        ? []
        : [(on: FileEngine, done: (error: unknown) => void) => on.truncate!(fd, 1, done)]),
    ];
    for (const begin of failing) {
      const own = await call(begin).catch(stripped);
      const theirs = await call(begin, threadEngine).catch(stripped);
      assert.deepEqual(own, theirs, begin.toString());
      assert.ok((own as NodeJS.ErrnoException).code);
    }
    for (const bad of ['a\0b', 7 as never]) {
      assert.throws(() => engine.open(bad, 0, 0, () => {}), TypeError);
      assert.throws(() => engine.statPath(bad, () => {}), TypeError);
    }
    closeSync(fd);
  });

  test('a regular file waits for its disk, another kind is left as it is', (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, '');
    const flags = (fd: number) =>
      Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!, 8);
    for (const [name, suits] of [
      [path, true],
      [fifoIn(directoryOf(t)), false],
      ['/dev/null', false],
      ['.', false],
    ] as const) {
      const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
      assert.equal(engine.suits(fd), suits, name);
      assert.equal((flags(fd) & constants.O_NONBLOCK) === 0, suits, name);
      closeSync(fd);
    }
    assert.equal(engine.suits(1_000_000), false);
  });

  test('a file without memory in the kernel, as in /proc and on tmpfs', async () => {
    const fd = await call<number>((on, done) =>
      on.open('/proc/self/status', constants.O_RDONLY | constants.O_NONBLOCK, 0, done),
    );
    assert.ok(engine.suits(fd));
    const p = new Uint8Array(1000);
    assert.ok((await read(fd, p, 0)) > 100);
    assert.match(untext(p), /^Name:/);
    await call((on, done) => on.close(fd, done));
  });

  test('the kernel never touches the array of a caller who has transferred it', async (t) => {
    const path = fifoIn(directoryOf(t));
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const p = new Uint8Array(100);
    // Of a pipe, because that can be made to wait.
    const reading = read(fd, p, 0);
    await turns(3);
    await stillPending(reading, 'the read');
    const moved = structuredClone(p, { transfer: [p.buffer] });
    fs.writeSync(fd, 'to nobody');
    assert.equal(await reading, 9);
    assert.ok(moved.every((byte) => byte === 0));
    closeSync(fd);
  });

  const own = fileLane().engine.name === 'uring' ? false : lacks('threads', 'memory of their own');
  test('a caller who has transferred the array is told so', { skip: own }, async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'abcdef');
    await using file = await open(path);
    const disk = new SlowDisk(t, ['read']);
    const p = new Uint8Array(6);
    const reading = file.read(p);
    const held = await disk.next();
    structuredClone(p, { transfer: [p.buffer] });
    held.release();
    await assert.rejects(
      reading,
      (error) => error instanceof PathError && error.code === 'ERR_BUFFER_DETACHED',
    );
    const again = new Uint8Array(6);
    const next = file.read(again);
    (await disk.next()).release();
    assert.equal(await next, 6, 'the position stays where it was');
    assert.equal(untext(again), 'abcdef');
  });

  test('many at once: each has its own bytes', async (t) => {
    const path = join(directoryOf(t), 'f');
    const bytes = pattern(64 * 5000, 3);
    const fd = await call<number>((on, done) =>
      on.open(path, constants.O_RDWR | constants.O_CREAT, 0o600, done),
    );
    assert.ok(engine.suits(fd));
    const at = Array.from({ length: 64 }, (_, i) => i * 5000);
    const parts = at.map((from) => bytes.subarray(from, from + 5000));
    await Promise.all(
      parts.map((part, i) =>
        call((on, done) => on.write(fd, [part.subarray(0, 77), part.subarray(77)], at[i]!, done)),
      ),
    );
    sameBytes(readFileSync(path), bytes);
    const found = await Promise.all(
      at.map(async (from) => {
        const p = new Uint8Array(5000);
        assert.equal(await read(fd, p, from), 5000);
        return p;
      }),
    );
    for (const [i, p] of found.entries()) sameBytes(p, parts[i]!);
    await call((on, done) => on.close(fd, done));
  });
});

describe('a write and its sync as one', { skip }, () => {
  test('both; a second one behind it', async (t) => {
    const path = join(directoryOf(t), 'f');
    const fd = openSync(path, 'w+');
    const all = await Promise.all([
      writeAndSync(fd, [text('hello '), text('world')], 0),
      writeAndSync(fd, [text('!')], 11),
    ]);
    assert.deepEqual(all, [
      { count: 11, synced: true, syncError: null },
      { count: 1, synced: true, syncError: null },
    ]);
    assert.equal(readFileSync(path, 'utf8'), 'hello world!');
    closeSync(fd);
  });

  test('a write that fails: its error, and no sync', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, '');
    const fd = openSync(path, 'r');
    await assert.rejects(writeAndSync(fd, [text('x')], 0), { code: 'EBADF', syscall: 'write' });
    closeSync(fd);
  });

  test('a sync that fails: the count, and its error', async () => {
    const fd = openSync('/dev/null', 'w');
    const { count, synced, syncError } = await writeAndSync(fd, [text('x')], 0);
    assert.deepEqual([count, synced], [1, false]);
    assert.deepEqual(
      [(syncError as NodeJS.ErrnoException).code, (syncError as NodeJS.ErrnoException).syscall],
      ['EINVAL', 'fdatasync'],
    );
    closeSync(fd);
  });

  test('a short write breaks the link: nothing is synced before all of it is written', async (t) => {
    const small = join(directoryOf(t), 'small');
    fs.mkdirSync(small);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'none', small]);
    if (mounted.status !== 0) return t.skip('no tmpfs can be mounted here');
    try {
      const path = join(small, 'f');
      const fd = openSync(path, 'w');
      const { count, synced, syncError } = await writeAndSync(fd, [new Uint8Array(100_000)], 0);
      assert.ok(count > 0 && count < 100_000, String(count));
      assert.deepEqual([synced, syncError], [false, null]);
      assert.equal(fstatSync(fd).size, count);
      closeSync(fd);
      fs.unlinkSync(path);
      const journal = new AsyncWriter(await open(path, 'a'), { sync: 'batch', whenFailed: 'truncate' });
      await journal.commit(pattern(1000));
      await assert.rejects(journal.commit(pattern(100_000)), {
        code: 'ENOSPC',
        op: 'write',
        bytesWritten: 0,
      });
      assert.equal(statSync(path).size, 1000, 'a batch is in the file or not at all');
      await journal.commit(pattern(2000));
      assert.equal(statSync(path).size, 3000);
      assert.deepEqual([journal.stats.failures, journal.stats.batches], [1, 3]);
      await journal.close();
    } finally {
      spawnSync('umount', ['-l', small]);
    }
  });
});

describe('which engine', { skip }, () => {
  const program = (body: string) => `
    import { AsyncWriter, configureFiles, filePoolStats, open, readFile } from 'gopark/os';
    import { createRequire } from 'node:module';
    import { findNative } from '#dist/poll/drivers/epoll/native.js';
    /** The native part with another function in place of one. */
    const replace = (name, make) => {
      const { native, file } = findNative();
      const value = make(native[name]);
      createRequire(file).cache[file].exports = Object.create(native, { [name]: { value } });
    };
    ${body}`;
  const run = (body: string, files: string) =>
    runChild(program(body), { env: { GOPARK_FILES: files, GOPARK_DRIVER: '' } });

  test('the program asks, the environment has the last word', async () => {
    const ask = `console.log(filePoolStats().engine); configureFiles({ engine: 'uring' }); console.log(filePoolStats().engine);
      configureFiles({ engine: 'threads' }); console.log(filePoolStats().engine);`;
    assert.equal((await run(ask, '')).stdout, 'threads\nuring\nthreads\n');
    assert.equal((await run(ask, 'threads')).stdout, 'threads\nthreads\nthreads\n');
    assert.equal((await run(ask, 'uring')).stdout, 'uring\nuring\nuring\n');
    const driver = await runChild(program('console.log(filePoolStats().engine);'), {
      env: { GOPARK_FILES: '', GOPARK_DRIVER: 'uring' },
    });
    assert.equal(driver.stdout, 'uring\n', 'where connections are a ring’s');
    const unknown = await run(ask, 'disk');
    assert.match(unknown.stderr, /^gopark: GOPARK_FILES=disk: expected threads or uring\n$/);
    assert.equal(unknown.stdout, 'threads\nuring\nthreads\n');
    const bad = await run("configureFiles({ engine: 'tape' });", '');
    assert.match(bad.stderr, /ArgumentRangeError.*'threads' or 'uring'/);
  });

  for (const [name, errno] of [
    ['ENOSYS', 38],
    ['EPERM', 1],
    ['EINVAL', 22],
    ['ENOMEM', 12],
  ] as const) {
    test(`the kernel refuses: ${name}; threads do it, and one line says why`, async () => {
      const { code, stdout, stderr } = await run(
        `replace('uringOpen', () => () => -${errno});
         configureFiles({ engine: 'uring' });
         configureFiles({ engine: 'uring' });
         console.log(filePoolStats().engine, (await readFile('package.json')).length > 0);`,
        '',
      );
      assert.deepEqual([code, stdout], [0, 'threads true\n']);
      assert.match(
        stderr,
        RegExp(`^gopark: file operations run on Node's threads, not through io_uring: .*${name}.*\\n$`),
      );
    });
  }

  test('without an operation that files need', async () => {
    const { stdout, stderr } = await run(
      `replace('uringRegister', (real) => (ring, opcode, argument, count) => {
         const result = real(ring, opcode, argument, count);
         if (opcode === 8) argument[16 + 8 * 21 + 2] = 0;
         return result;
       });
       console.log(filePoolStats().engine);`,
      'uring',
    );
    assert.equal(stdout, 'threads\n');
    assert.match(stderr, /no statx/);
  });

  test('what is open goes on when the engine changes', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { stdout, stderr } = await run(
      `const text = (s) => new TextEncoder().encode(s);
       const one = await open(${JSON.stringify(path)}, 'w+');
       const writing = one.write(text('threads '));
       configureFiles({ engine: 'uring' });
       await Promise.all([writing, one.write(text('uring '))]);
       const two = await open(${JSON.stringify(path)}, 'a');
       const last = two.write(text('uring '));
       configureFiles({ engine: 'threads' });
       await Promise.all([last, two.write(text('threads'))]);
       await one.close();
       await two.close();
       console.log(new TextDecoder().decode(await readFile(${JSON.stringify(path)})));`,
      '',
    );
    assert.deepEqual([stdout, stderr], ['threads uring uring threads\n', '']);
  });

  test('an operation in flight keeps the process alive, an idle ring does not', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { code, stdout } = await run(
      `const file = await open(${JSON.stringify(path)}, 'w');
       file.write(new Uint8Array(1_000_000)).then(() => file.sync()).then(() => console.log('on the disk'));`,
      'uring',
    );
    assert.deepEqual([code, stdout], [0, 'on the disk\n']);
    assert.equal(statSync(path).size, 1_000_000);
  });

  test('a worker thread has a ring of its own, and leaves no descriptor behind', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'x');
    // With nothing in flight, and in the middle of everything.
    const busy = `
      const p = new Uint8Array(200_000);
      for (const file of files) (async () => { for (;;) { await file.writeAt(p, 0); await file.readAt(p, 0); await file.sync(); } })().catch(() => {});
      parentPort.postMessage(1);`;
    for (const end of [
      'process.exit()',
      'parentPort.postMessage(1); setInterval(() => {}, 1000);',
      busy,
      busy,
    ]) {
      const worker = new Worker(
        `const { parentPort } = require('node:worker_threads');
         (async () => {
           const { configureFiles, filePoolStats, open } = await import('gopark/os');
           configureFiles({ engine: 'uring' });
           const closed = await open(${JSON.stringify(path)});
           await closed.close();
           const files = await Promise.all(Array.from({ length: 20 }, () => open(${JSON.stringify(path)}, 'r+')));
           await files[3].close();
           if (filePoolStats().engine !== 'uring' && process.env.GOPARK_FILES !== 'threads') throw new Error('no ring');
           ${end}
         })();`,
        { eval: true },
      );
      const ended = new Promise<number>((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
      if (end.includes('postMessage')) {
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      await ended;
      await until(() => !openDescriptors().some((entry) => entry.includes(path)), 'its descriptors closed');
    }
  });
});

/** Newer versions of Node make the dates when they are asked for. */
function withDates(stats: fs.Stats): fs.Stats {
  const { atime, mtime, ctime, birthtime } = stats;
  return Object.assign(stats, { atime, mtime, ctime, birthtime });
}
