import assert from 'node:assert/strict';
import { chmodSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import fastCheck from 'fast-check';
import { Scanner } from 'gopark/bufio';
import { Buffer as ByteBuffer, StringReader } from 'gopark/bytes';
import { CopyError, copy, copyN, type IOError, readAll, SectionReader, writeString } from 'gopark/io';
import {
  ClosedError,
  File,
  type OpenFlags,
  open,
  PathError,
  readDir,
  readFile,
  remove,
  rename,
  stat,
  syncDirectory,
  writeFile,
} from 'gopark/os';
import { fileLane } from '#dist/os/lanes.js';
import { findNative } from '#dist/poll/drivers/epoll/native.js';
import { pattern, sameBytes, text, untext } from '../lib/bytes.ts';
import { rejectionOf } from '../lib/waiting.ts';
import { directoryOf } from './lib.ts';

const failure = (promise: Promise<unknown>) => rejectionOf(PathError, promise);

describe('os.File', () => {
  test('write, seek, read, end', async (t) => {
    const path = join(directoryOf(t), 'f');
    await using file = await open(path, 'w+');
    assert.equal(await file.write(text('hello world')), 11);
    assert.equal(await file.read(new Uint8Array(4)), null);
    assert.equal(await file.seek(6, 'start'), 6);
    const p = new Uint8Array(20);
    assert.equal(await file.read(p), 5);
    assert.equal(untext(p.subarray(0, 5)), 'world');
    assert.equal(await file.read(p), null);
    assert.equal(await file.read(p), null);
    assert.equal(await file.seek(-5, 'current'), 6);
    assert.equal(await file.seek(-1, 'end'), 10);
    assert.equal(await file.seek(5, 'end'), 16);
    assert.equal(await file.read(p), null, 'beyond the end');
    await file.write(text('!'));
    assert.deepEqual(readFileSync(path), Buffer.from('hello world\0\0\0\0\0!'), 'a hole');
    await assert.rejects(file.seek(-18, 'end'), RangeError);
    await assert.rejects(file.seek(0, 'middle' as never), RangeError);
    assert.equal(await file.seek(0, 'current'), 17, 'a failed seek moves nothing');
  });

  test('an empty array', async (t) => {
    await using file = await open(join(directoryOf(t), 'f'), 'w+');
    assert.equal(await file.read(new Uint8Array()), 0);
    assert.equal(await file.readAt(new Uint8Array(), 7), 0);
    assert.equal(await file.write(new Uint8Array()), 0);
    assert.equal(await file.writev([]), 0);
  });

  test('readAt fills the array, or what there is', async (t) => {
    const path = join(directoryOf(t), 'f');
    const bytes = pattern(5_000_000);
    writeFileSync(path, bytes);
    await using file = await open(path);
    const p = new Uint8Array(bytes.length);
    assert.equal(await file.readAt(p, 0), bytes.length, 'more than one piece');
    sameBytes(p, bytes);
    assert.equal(await file.readAt(p, bytes.length - 3), 3);
    sameBytes(p.subarray(0, 3), bytes.subarray(-3));
    assert.equal(await file.readAt(p, bytes.length), null);
    assert.equal(await file.readAt(p, Number.MAX_SAFE_INTEGER - p.length), null);
    assert.equal(await file.seek(0, 'current'), 0, 'the position stays');
    sameBytes(await readAll(new SectionReader(file, 10, 100)), bytes.subarray(10, 110));
  });

  test('many at once', async (t) => {
    await using file = await open(join(directoryOf(t), 'f'), 'w+');
    const parts = Array.from({ length: 50 }, (_, i) => pattern(1000 + i, i + 1));
    await Promise.all(parts.map((part) => file.write(part)));
    await file.seek(0, 'start');
    sameBytes(await readAll(file), new Uint8Array(Buffer.concat(parts)));
    const at = (i: number) => parts.slice(0, i).reduce((sum, part) => sum + part.length, 0);
    await Promise.all(
      parts.map(async (part, i) => {
        const p = new Uint8Array(part.length);
        assert.equal(await file.readAt(p, at(i)), part.length);
        sameBytes(p, part);
      }),
    );
  });

  test('writeAt and writev', async (t) => {
    const path = join(directoryOf(t), 'f');
    await using file = await open(path, 'w');
    await file.writeAt(text('world'), 6);
    assert.equal(await file.writev([text('he'), text(''), text('llo'), text(' ')]), 6);
    assert.equal(readFileSync(path, 'utf8'), 'hello world');
    const large = Array.from({ length: 3000 }, (_, i) => pattern(3001, i + 1));
    await file.seek(0, 'start');
    assert.equal(await file.writev(large), 3000 * 3001);
    sameBytes(readFileSync(path), Buffer.concat(large));
  });

  test('append', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'one\n');
    await using first = await open(path, 'a+');
    await using second = await open(path, 'a');
    await first.write(text('two\n'));
    await second.write(text('three\n'));
    await first.seek(0, 'start');
    await first.write(text('four\n'));
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\nfour\n');
    assert.equal(await first.read(new Uint8Array(9)), null, 'the position is behind what was appended');
    assert.equal(await second.seek(0, 'current'), 19);
    assert.equal((await failure(first.writeAt(text('x'), 0))).code, 'ERR_APPEND_MODE');
    await first.seek(4, 'start');
    assert.equal(untext(await readAll(first)), 'two\nthree\nfour\n');
  });

  test('flags and modes', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'f');
    await (await open(path, 'wx', 0o600)).close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    for (const flags of ['wx', 'wx+', 'ax', 'ax+'] as const) {
      const error = await failure(open(path, flags));
      assert.deepEqual([error.op, error.path, error.code, error.syscall], ['open', path, 'EEXIST', 'open']);
      assert.match(error.message, /^open .*f: file already exists$/);
    }
    await using byNumber = await open(pathToFileURL(path), constants.O_RDWR);
    assert.equal(byNumber.path, path);
    await byNumber.write(text('abc'));
    await byNumber.chmod(0o640);
    await byNumber.truncate(1);
    await byNumber.sync();
    await byNumber.datasync();
    const info = await byNumber.stat();
    assert.deepEqual(
      [info.name, info.size, info.mode, info.isDir, info.isRegular],
      ['f', 1, 0o640, false, true],
    );
    assert.ok(Math.abs(info.modTime.getTime() - Date.now()) < 60_000);
    await assert.rejects(open(path, 'z' as OpenFlags), { name: 'ArgumentTypeError' });
    await assert.rejects(open(path, -1), { name: 'ArgumentRangeError' });
    await assert.rejects(open(path, 'w', 0o10000), { name: 'ArgumentRangeError' });
    await assert.rejects(open('a\0b'), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(readFileSync(path, 'utf8'), 'a', 'none of these has emptied it');
  });

  test('errors know what failed, and where', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'f');
    writeFileSync(path, 'abc');
    const p = new Uint8Array(8);
    assert.equal((await failure(open(join(directory, 'none')))).code, 'ENOENT');
    assert.equal((await failure(open(join(path, 'below')))).code, 'ENOTDIR');
    assert.equal((await failure(open(directory, 'w'))).code, 'EISDIR');
    await using folder = await open(directory);
    for (const [op, call] of [
      ['read', () => folder.read(p)],
      ['readAt', () => folder.readAt(p, 0)],
    ] as const) {
      const error = await failure(call());
      assert.deepEqual([error.op, error.path, error.code], [op, directory, 'EISDIR']);
    }
    assert.ok((await folder.stat()).isDir);
    await using reading = await open(path);
    const write = await failure(reading.write(text('x')));
    assert.deepEqual([write.op, write.code, write.bytesWritten], ['write', 'EBADF', 0]);
    assert.equal((await failure(reading.truncate(0))).code, 'EINVAL');
    await using writing = await open(path, 'r+');
    const huge = await failure(writing.writeAt(text('x'), Number.MAX_SAFE_INTEGER - 1));
    assert.deepEqual([huge.op, huge.code, huge.bytesWritten], ['writeAt', 'EFBIG', 0]);
    assert.equal((await failure(writing.truncate(Number.MAX_SAFE_INTEGER))).code, 'EFBIG');
    for (const offset of [-1, 0.5, Number.NaN, 2 ** 53, Number.MAX_SAFE_INTEGER]) {
      await assert.rejects(writing.readAt(p, offset), RangeError, String(offset));
      await assert.rejects(writing.writeAt(p, offset), RangeError, String(offset));
      if (offset < 0 || offset > 2 ** 53 - 1) await assert.rejects(writing.truncate(offset), RangeError);
    }
    await assert.rejects(writing.read('x' as never), TypeError);
    await assert.rejects(writing.write([1] as never), TypeError);
    await assert.rejects(writing.writev([text('x'), 'y'] as never), TypeError);
    assert.equal(readFileSync(path, 'utf8'), 'abc');
  });

  test('EACCES', async (t) => {
    const path = join(directoryOf(t), 'f');
    writeFileSync(path, 'secret');
    chmodSync(path, 0);
    // Root may do everything.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid!(65534);
    const opening = failure(open(path)).finally(() => isRoot && process.seteuid!(0));
    assert.equal((await opening).code, 'EACCES');
  });

  test('a closed file', async (t) => {
    const path = join(directoryOf(t), 'f');
    const file = await open(path, 'w+');
    assert.equal(file.closed, false);
    await file.close();
    assert.equal(file.closed, true);
    const p = new Uint8Array(1);
    for (const call of [
      () => file.read(p),
      () => file.readAt(p, 0),
      () => file.write(p),
      () => file.writev([p]),
      () => file.writeAt(p, 0),
      () => file.seek(0, 'end'),
      () => file.stat(),
      () => file.sync(),
      () => file.datasync(),
      () => file.truncate(0),
      () => file.chmod(0o600),
      () => file.close(),
    ]) {
      const error = await failure(call());
      assert.ok(error instanceof ClosedError, call.toString());
      assert.deepEqual([error.path, error.code], [path, 'ERR_CLOSED']);
    }
    await file[Symbol.asyncDispose]();
  });

  test('with the rest of io', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'f');
    await writeFile(path, text('a\nb\nc\n'));
    await using file = await open(path);
    const lines: string[] = [];
    for await (const line of new Scanner(file)) lines.push(line);
    assert.deepEqual(lines, ['a', 'b', 'c']);
    await file.seek(2, 'start');
    const buffer = new ByteBuffer();
    assert.equal(await copy(buffer, file), 4);
    assert.equal(buffer.toString(), 'b\nc\n');
    await using target = await open(join(directory, 'g'), 'w+');
    await file.seek(0, 'start');
    assert.equal(await copy(target, file), 6);
    assert.equal(await copy(target, new StringReader('d\n')), 2);
    await writeString(target, 'e\n');
    assert.equal(untext(await readFile(join(directory, 'g'))), 'a\nb\nc\nd\ne\n');
    await file.close();
    const error = await copy(target, file).catch((reason: unknown) => reason as IOError);
    assert.deepEqual(
      [(error as IOError).code, (error as IOError).cause instanceof ClosedError],
      ['ERR_COPY', true],
    );
  });

  test('from file to file, inside the kernel or not', async (t) => {
    const directory = directoryOf(t);
    const bytes = pattern(9_000_000);
    writeFileSync(join(directory, 'from'), bytes);
    await using from = await open(join(directory, 'from'));
    await using to = await open(join(directory, 'to'), 'w+');
    const disk = t.mock.method(fileLane().engine, 'read');
    await from.seek(1000, 'start');
    await to.write(text('head'));
    assert.equal(await copy(to, from), bytes.length - 1000);
    if (process.platform === 'linux' && !('why' in findNative()))
      assert.ok(disk.mock.callCount() <= 2, 'nothing came through our memory');
    assert.equal(await to.seek(0, 'current'), bytes.length - 996, 'positions move');
    sameBytes(readFileSync(join(directory, 'to')), Buffer.concat([text('head'), bytes.subarray(1000)]));
    await from.seek(5, 'start');
    await to.seek(0, 'start');
    assert.equal(await copyN(to, from, 5_000_000), 5_000_000);
    assert.equal(await copyN(to, from, 3), 3, 'it goes on where the first ended');
    assert.equal(await from.seek(0, 'current'), 5_000_008);
    sameBytes(readFileSync(join(directory, 'to')).subarray(0, 5_000_003), bytes.subarray(5, 5_000_008));
    await assert.rejects(copyN(to, from, 1e9), { bytesCopied: bytes.length - 5_000_008 });
    await using appending = await open(join(directory, 'log'), 'a');
    await from.seek(-5, 'end');
    assert.equal(await copy(appending, from), 5);
    await using kernel = await open('/proc/self/status').catch(() => open(join(directory, 'from')));
    await to.seek(0, 'start');
    assert.ok((await copy(to, kernel)) > 0, 'a file without a size');
    await from.seek(0, 'start');
    const readOnly = await copy(from, to).catch((error: unknown) => error as CopyError);
    assert.ok(readOnly instanceof CopyError && (readOnly.cause as PathError).code === 'EBADF');
    await Promise.all([copy(to, from), copy(from, to).catch(() => {}), copy(to, from)]);
    const copying = copy(to, from).catch((error: unknown) => error);
    await from.seek(0, 'start').catch(() => {});
    await to.close();
    await copying;
  });

  test('paths', async (t) => {
    const directory = directoryOf(t);
    mkdirSync(join(directory, 'sub'));
    await writeFile(join(directory, 'b'), text('x'), 0o600);
    assert.equal((await stat(join(directory, 'b'))).mode, 0o600);
    await rename(join(directory, 'b'), join(directory, 'a'));
    await syncDirectory(directory);
    assert.deepEqual(await readDir(directory), ['a', 'sub']);
    await remove(join(directory, 'a'));
    const missing = await failure(remove(join(directory, 'a')));
    assert.deepEqual([missing.op, missing.code], ['remove', 'ENOENT']);
    assert.equal((await failure(readDir(join(directory, 'none')))).op, 'readdir');
    assert.equal((await failure(stat(join(directory, 'none')))).op, 'stat');
  });

  test('any calls: the same as on an array', async (t) => {
    const path = join(directoryOf(t), 'f');
    const call = fastCheck.oneof(
      fastCheck.record({
        kind: fastCheck.constant('write' as const),
        p: fastCheck.uint8Array({ maxLength: 40 }),
      }),
      fastCheck.record({
        kind: fastCheck.constant('writeAt' as const),
        p: fastCheck.uint8Array({ maxLength: 40 }),
        at: fastCheck.nat(100),
      }),
      fastCheck.record({
        kind: fastCheck.constant('read' as const),
        size: fastCheck.integer({ min: 1, max: 60 }),
      }),
      fastCheck.record({
        kind: fastCheck.constant('readAt' as const),
        size: fastCheck.integer({ min: 1, max: 60 }),
        at: fastCheck.nat(100),
      }),
      fastCheck.record({
        kind: fastCheck.constant('seek' as const),
        offset: fastCheck.integer({ min: -50, max: 50 }),
        whence: fastCheck.constantFrom('start' as const, 'current' as const, 'end' as const),
      }),
      fastCheck.record({ kind: fastCheck.constant('truncate' as const), size: fastCheck.nat(120) }),
    );
    await fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.array(call, { maxLength: 20 }),
        fastCheck.boolean(),
        async (calls, signalled) => {
          await using file = await open(path, 'w+');
          const options = signalled ? { signal: new AbortController().signal } : {};
          let model = new Uint8Array();
          let position = 0;
          const put = (p: Uint8Array, at: number) => {
            if (p.length === 0) return;
            const grown = new Uint8Array(Math.max(model.length, at + p.length));
            grown.set(model);
            grown.set(p, at);
            model = grown;
          };
          const get = (size: number, at: number) => model.slice(at, at + size);
          for (const one of calls) {
            switch (one.kind) {
              case 'write':
                assert.equal(await file.write(one.p, options), one.p.length);
                put(one.p, position);
                position += one.p.length;
                break;
              case 'writeAt':
                assert.equal(await file.writeAt(one.p, one.at, options), one.p.length);
                put(one.p, one.at);
                break;
              case 'read':
              case 'readAt': {
                const expected = get(one.size, one.kind === 'read' ? position : one.at);
                const p = new Uint8Array(one.size);
                const n =
                  one.kind === 'read' ? await file.read(p, options) : await file.readAt(p, one.at, options);
                assert.equal(n, expected.length === 0 ? null : expected.length);
                assert.deepEqual(p.slice(0, expected.length), expected);
                if (one.kind === 'read') position += expected.length;
                break;
              }
              case 'seek': {
                const from = { start: 0, current: position, end: model.length }[one.whence];
                if (from + one.offset < 0)
                  await assert.rejects(file.seek(one.offset, one.whence), RangeError);
                else position = await file.seek(one.offset, one.whence);
                assert.equal(position, from + one.offset < 0 ? position : from + one.offset);
                break;
              }
              case 'truncate': {
                await file.truncate(one.size);
                const cut = new Uint8Array(one.size);
                cut.set(model.subarray(0, one.size));
                model = cut;
                break;
              }
            }
          }
          assert.deepEqual(new Uint8Array(readFileSync(path)), model);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('File is made by open', () => {
  assert.equal(typeof File, 'function');
});
