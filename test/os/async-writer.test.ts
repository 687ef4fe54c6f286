import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fastCheck from 'fast-check';
import { numGoroutine } from 'gopark';
import { StringReader } from 'gopark/bytes';
import { copy } from 'gopark/io';
import { AsyncWriter, type AsyncWriterOptions, ClosedError, open, PathError } from 'gopark/os';
import { sameBytes, text } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { rejectionOf, stillPending, turns, watch } from '../lib/waiting.ts';
import { directoryOf, SlowDisk } from './lib.ts';

async function writerIn(t: TestContext, options: AsyncWriterOptions = {}): Promise<[AsyncWriter, string]> {
  const path = join(directoryOf(t), 'log');
  return [new AsyncWriter(await open(path, 'a', 0o600), options), path];
}

const noSpace = () =>
  Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    errno: -28,
    syscall: 'write',
  });
const broken = () =>
  Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO', errno: -5, syscall: 'fdatasync' });

const failure = (promise: Promise<unknown>) => rejectionOf(PathError, promise);

describe('AsyncWriter', () => {
  test('all that is written reaches the file, in order', async (t) => {
    const [writer, path] = await writerIn(t);
    const goroutines = numGoroutine();
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}\n`);
    for (const line of lines) assert.equal(await writer.write(text(line)), line.length);
    await writer.flush();
    assert.equal(readFileSync(path, 'utf8'), lines.join(''));
    await turns(1);
    assert.equal(numGoroutine(), goroutines, 'no goroutine while there is nothing to do');
    const { writes, bytes, batches, queued } = writer.stats;
    assert.deepEqual([writes, bytes, queued], [1000, lines.join('').length, 0]);
    assert.ok(batches < 100, `${batches} batches`);
    await copy(writer, new StringReader('copied\n'));
    await writer.close();
    assert.ok(readFileSync(path, 'utf8').endsWith('copied\n'));
  });

  test('group commit: what comes while the disk is busy is one batch', async (t) => {
    const [writer, path] = await writerIn(t, { sync: 'batch' });
    const disk = new SlowDisk(t, ['write', 'datasync']);
    const first = writer.commit(text('a'));
    const second = writer.commit(text('b'));
    const write = await disk.next();
    const others = Array.from({ length: 100 }, (_, i) => writer.commit(text(String(i % 10))));
    const [a, b] = [watch(first), watch(second)];
    write.release();
    assert.equal((await disk.next()).name, 'datasync');
    await turns(2);
    assert.ok(a.pending && b.pending, 'written is not enough');
    (await disk.next()).release();
    await Promise.all([a.promise, b.promise]);
    await stillPending(others[0]!, 'the next batch');
    (await disk.next()).release();
    (await disk.next()).release();
    assert.deepEqual(await Promise.all(others), Array(100).fill(1));
    assert.deepEqual([writer.stats.batches, writer.stats.syncs], [2, 2]);
    assert.equal(readFileSync(path, 'utf8'), `ab${'0123456789'.repeat(10)}`);
    await writer.close();
  });

  test("'wait': the queue is bounded, and first come is first served", async (t) => {
    const [writer, path] = await writerIn(t, { capacity: 10 });
    const disk = new SlowDisk(t, ['write']);
    await writer.write(text('0123456'));
    assert.equal(writer.tryWrite(text('789abc')), false);
    assert.equal(writer.tryWrite(text('789')), true);
    assert.equal(writer.available, 0);
    const waiting = [text('A'), text('a long one, longer than the queue'), text('B')].map((p) =>
      watch(writer.write(p)),
    );
    const controller = new AbortController();
    const leaver = watch(writer.write(text('never'), { signal: controller.signal }));
    const writable = watch(writer.waitWritable());
    assert.equal(writer.tryCommit(text('')), null, 'nobody overtakes');
    controller.abort('left');
    await leaver.promise;
    assert.deepEqual(leaver.outcome, { state: 'rejected', error: 'left' });
    await turns(3);
    assert.ok(waiting.every((one) => one.pending) && writable.pending);
    (await disk.next()).release();
    await waiting[0]!.promise;
    assert.ok(waiting[1]!.pending && waiting[2]!.pending);
    disk.releaseAll();
    const flushing = writer.flush();
    while (waiting[2]!.pending || writable.pending) {
      (await disk.next()).release();
      await turns(1);
    }
    disk.releaseAll();
    const rest = writer.close();
    const done = watch(Promise.all([flushing, rest]));
    while (done.pending) {
      disk.releaseAll();
      await turns(1);
    }
    assert.equal(done.outcome.state, 'resolved');
    assert.equal(readFileSync(path, 'utf8'), '0123456789Aa long one, longer than the queueB');
  });

  test("'drop': nobody waits, and what is dropped is counted", async (t) => {
    const [writer, path] = await writerIn(t, { capacity: 8, whenFull: 'drop' });
    const disk = new SlowDisk(t, ['write']);
    assert.equal(await writer.write(text('12345678')), 8);
    assert.equal(await writer.write(text('lost')), 4);
    assert.equal(writer.tryWrite(text('!')), false);
    assert.deepEqual([writer.stats.droppedWrites, writer.stats.droppedBytes], [2, 5]);
    (await disk.next()).release();
    await writer.flush();
    assert.equal(writer.tryWrite(text('9')), true);
    const closing = writer.close();
    (await disk.next()).release();
    await closing;
    assert.equal(readFileSync(path, 'utf8'), '123456789');
  });

  test('an error is told to those who commit', async (t) => {
    const [writer, path] = await writerIn(t, { sync: 'batch', whenFailed: 'truncate' });
    await writer.commit(text('good\n'));
    const disk = new SlowDisk(t, ['write']);
    const bad = [writer.commit(text('bad 1\n')), writer.commit(text('bad 2\n'))].map(failure);
    (await disk.next()).release(noSpace());
    for (const error of await Promise.all(bad)) {
      assert.deepEqual([error.code, error.op, error.path, error.bytesWritten], ['ENOSPC', 'write', path, 0]);
    }
    const again = writer.commit(text('good again\n'));
    (await disk.next()).release();
    assert.equal(await again, 11);
    await writer.close();
    assert.equal(readFileSync(path, 'utf8'), 'good\ngood again\n');
    assert.equal(writer.stats.failures, 1);
  });

  test('an error of plain writes is kept until a later flush has told it', async (t) => {
    const [writer, path] = await writerIn(t);
    const disk = new SlowDisk(t, ['write']);
    await writer.write(text('lost\n'));
    const early = failure(writer.flush());
    (await disk.next()).release(noSpace());
    assert.equal((await early).code, 'ENOSPC');
    assert.equal((await failure(writer.write(text('x')))).code, 'ENOSPC', 'another writer learns it, too');
    assert.throws(() => writer.tryWrite(text('x')), { code: 'ENOSPC' });
    assert.equal((await failure(writer.flush())).code, 'ENOSPC');
    await writer.flush();
    await writer.write(text('kept\n'));
    (await disk.next()).release();
    await writer.flush();
    assert.equal(readFileSync(path, 'utf8'), 'kept\n');
    await writer.write(text('lost at the end\n'));
    const closing = failure(writer.close());
    (await disk.next()).release(noSpace());
    assert.equal((await closing).code, 'ENOSPC', 'at the latest close tells it');
  });

  test('after a failed sync there is no second try', async (t) => {
    const [writer] = await writerIn(t, { sync: 'batch', capacity: 4 });
    const disk = new SlowDisk(t, ['datasync']);
    const first = failure(writer.commit(text('abcd')));
    const waiting = failure(writer.write(text('efgh')));
    (await disk.next()).release(broken());
    assert.equal((await first).code, 'EIO');
    assert.equal((await waiting).code, 'EIO');
    assert.equal((await failure(writer.commit(text('x')))).code, 'EIO');
    assert.equal((await failure(writer.write(text('x')))).code, 'EIO');
    assert.throws(() => writer.tryCommit(text('x')), { code: 'EIO' });
    await writer.close();
  });

  test('sync in milliseconds', async (t) => {
    const [writer, path] = await writerIn(t, { sync: 20 });
    const disk = new SlowDisk(t, ['datasync']);
    await writer.commit(text('in the kernel\n'));
    assert.equal(readFileSync(path, 'utf8'), 'in the kernel\n');
    (await disk.next()).release();
    await turns(3);
    assert.equal(writer.stats.syncs, 1);
    await writer.write(text('flushed\n'));
    const flushing = watch(writer.flush());
    const call = await disk.next();
    const second = watch(writer.flush());
    await turns(3);
    assert.ok(flushing.pending && second.pending);
    call.release();
    await Promise.all([flushing.promise, second.promise]);
    assert.equal(writer.stats.syncs, 2);
    await writer.write(text('last\n'));
    const closing = watch(writer.close());
    const last = await disk.next();
    assert.ok(closing.pending);
    last.release();
    await closing.promise;
  });

  test('close writes what is there, and wakes who waits', async (t) => {
    const [writer, path] = await writerIn(t, { capacity: 4 });
    const disk = new SlowDisk(t, ['write']);
    await writer.write(text('abcd'));
    const waiting = failure(writer.write(text('efgh')));
    const closing = writer.close();
    assert.ok((await waiting) instanceof ClosedError);
    for (const call of [writer.write(text('x')), writer.commit(text('x')), writer.flush(), writer.close()]) {
      assert.ok((await failure(call)) instanceof ClosedError);
    }
    await stillPending(closing, 'close');
    (await disk.next()).release();
    await closing;
    assert.equal(readFileSync(path, 'utf8'), 'abcd');
    assert.equal(writer.file.closed, true);
    await writer[Symbol.asyncDispose]();
  });

  test('rotation by size: no byte is lost, modes and headers are right, old files go', async (t) => {
    const header = () => text('HEAD\n');
    const [writer, path] = await writerIn(t, { sync: 'batch', rotate: { size: 100, keep: 3, header } });
    const lines = Array.from({ length: 60 }, (_, i) => `line number ${i}\n`);
    for (const line of lines) await writer.commit(text(line));
    await writer.close();
    const names = readdirSync(join(path, '..')).sort();
    assert.equal(names.length, 4);
    assert.equal(names[0], 'log');
    for (const name of names) {
      const file = join(path, '..', name);
      assert.ok(statSync(file).size <= 100);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.ok(readFileSync(file, 'utf8').startsWith('HEAD\n'));
    }
    const all = [...names.slice(1), 'log']
      .map((name) => readFileSync(join(path, '..', name), 'utf8').slice(5))
      .join('');
    assert.ok(lines.join('').endsWith(all), 'in the order of their names');
    assert.ok(writer.stats.rotations > 3);
  });

  test('rotation by time', async (t) => {
    const [writer, path] = await writerIn(t, { rotate: { interval: 1 } });
    await writer.commit(text('one'));
    const end = performance.now() + 2;
    while (performance.now() < end);
    await writer.commit(text('two'));
    await writer.close();
    assert.equal(readFileSync(path, 'utf8'), 'two');
    assert.equal(readdirSync(join(path, '..')).length, 2);
  });

  test('a rotation that fails loses nothing and is told', async (t) => {
    const [writer, path] = await writerIn(t, { rotate: { size: 4 } });
    await writer.commit(text('1234'));
    const disk = new SlowDisk(t, ['open']);
    const commit = writer.commit(text('5678'));
    (await disk.next()).release(
      Object.assign(new Error('EACCES'), { code: 'EACCES', errno: -13, syscall: 'open' }),
    );
    assert.equal(await commit, 4);
    assert.equal(readFileSync(path, 'utf8'), '12345678');
    assert.equal((await failure(writer.flush())).code, 'EACCES');
    await writer.close();
    assert.deepEqual(readdirSync(join(path, '..')), ['log']);
  });

  test('any writes from many goroutines: each whole, each one in its own order', async (t) => {
    await fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.array(fastCheck.array(fastCheck.nat(200_000), { maxLength: 6 }), {
          minLength: 1,
          maxLength: 5,
        }),
        fastCheck.integer({ min: 1, max: 100_000 }),
        async (goroutines, capacity) => {
          const [writer, path] = await writerIn(t, { capacity });
          await Promise.all(
            goroutines.map(async (lengths, who) => {
              for (const [i, length] of lengths.entries()) {
                const p = new Uint8Array(4 + length).fill(who);
                new DataView(p.buffer).setUint32(0, length);
                p[0] = i;
                assert.equal(await (i % 2 ? writer.write(p) : writer.commit(p)), p.length);
                p.fill(255); // ours again
              }
            }),
          );
          await writer.close();
          const bytes = readFileSync(path);
          const seen = goroutines.map(() => 0);
          let at = 0;
          while (at < bytes.length) {
            const length = bytes.readUIntBE(at + 1, 3);
            const body = bytes.subarray(at + 4, at + 4 + length);
            const who = goroutines.findIndex(
              (lengths, w) =>
                lengths[seen[w]!] === length && bytes[at] === seen[w] && (length === 0 || body[0] === w),
            );
            assert.ok(who >= 0, `at ${at}`);
            sameBytes(body, new Uint8Array(length).fill(length === 0 ? 0 : who));
            seen[who]!++;
            at += 4 + length;
          }
          assert.equal(at, bytes.length);
          assert.deepEqual(
            seen,
            goroutines.map((lengths) => lengths.length),
          );
        },
      ),
      { numRuns: 20 },
    );
  });

  test('bad options', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, '');
    await using file = await open(path, 'a');
    for (const options of [
      { capacity: 0 },
      { whenFull: 'explode' },
      { sync: 0 },
      { sync: Number.POSITIVE_INFINITY },
      { sync: 'always' },
      { whenFailed: 'panic' },
      { rotate: { size: 0 } },
      { rotate: { interval: 0 } },
      { rotate: { keep: -1 } },
    ]) {
      assert.throws(() => new AsyncWriter(file, options as never), RangeError, JSON.stringify(options));
    }
    assert.throws(() => new AsyncWriter({} as never), TypeError);
  });
});

describe('AsyncWriter and the end of the process', () => {
  const program = (path: string, rest: string) => `
    import { AsyncWriter, closeOnSignal, open } from 'gopark/os';
    const writer = new AsyncWriter(await open(${JSON.stringify(path)}, 'a'), { sync: 30 });
    ${rest}`;

  test('stdout, which has no position of its own', async () => {
    const { code, stdout, stderr } = await runChild(`
      import { AsyncWriter, stdout } from 'gopark/os';
      const writer = new AsyncWriter(stdout);
      for (let i = 0; i < 20_000; i++) await writer.write(Buffer.from(i + '\\n'));
      await writer.close();
    `);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join(''));
  });

  test('what is queued keeps the process alive, nothing else does', async (t) => {
    const path = join(directoryOf(t), 'f');
    const { code, stderr } = await runChild(
      program(path, "writer.write(new TextEncoder().encode('written'));"),
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(readFileSync(path, 'utf8'), 'written');
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`closeOnSignal: ${signal}`, async (t) => {
      const path = join(directoryOf(t), 'f');
      const ended = await runChild(
        program(
          path,
          `closeOnSignal(writer);
           setInterval(() => {}, 1000);
           writer.write(new TextEncoder().encode('x'.repeat(1e6)));
           process.kill(process.pid, '${signal}');`,
        ),
      );
      assert.deepEqual([ended.signal, ended.stderr], [signal, '']);
      assert.equal(statSync(path).size, 1e6);
    });
  }

  test('closeOnSignal: who goes on writing meanwhile, and looks at nothing, loses nothing that was queued', async (t) => {
    const path = join(directoryOf(t), 'f');
    const ended = await runChild(
      program(
        path,
        `closeOnSignal(writer);
         const line = new TextEncoder().encode('0123456789abcde\\n');
         for (let i = 0; i < 10_000; i++) writer.write(line);
         process.kill(process.pid, 'SIGTERM');
         process.once('SIGTERM', () => {
           writer.write(line);
           writer.commit(line);
           setImmediate(() => writer.tryWrite(line));
         });`,
      ),
    );
    assert.deepEqual([ended.signal, ended.stderr], ['SIGTERM', '']);
    assert.equal(statSync(path).size, 160_000);
  });
});
