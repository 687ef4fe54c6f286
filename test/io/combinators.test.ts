import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Buffer as ByteBuffer, Reader, StringReader } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  ClosedPipeError,
  copy,
  discard,
  findCause,
  type Reader as IoReader,
  multiReader,
  multiWriter,
  nopCloser,
  OffsetWriter,
  pipe,
  ReadError,
  readAll,
  SectionReader,
  ShortWriteError,
  teeReader,
  WriteError,
  type WriterAt,
  writeString,
} from 'gopark/io';
import { bytes, Recorder, rejection, ScriptedNonblocking, ScriptedReader, text } from './readers.ts';

const pieces = fc
  .array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 })
  .filter((sizes) => sizes.some((n) => n > 0));

describe('multiReader', () => {
  test('gives one after the other, nested or not, whatever their pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 20 }), pieces), { maxLength: 6 }),
        fc.nat(6),
        fc.boolean(),
        async (parts, split, byWriteTo) => {
          const readers = parts.map(([data, sizes]) => new ScriptedReader(data, { sizes }));
          const nested = multiReader(multiReader(...readers.slice(0, split)), ...readers.slice(split));
          const all = parts.flatMap(([data]) => [...data]);
          if (byWriteTo) {
            const to = new Recorder();
            assert.equal(await nested.writeTo(to), all.length);
            assert.deepEqual([...to.all], all);
          } else {
            assert.deepEqual([...(await readAll(nested))], all);
          }
          assert.equal(await nested.read(new Uint8Array(1)), null);
        },
      ),
    );
  });

  test('copies its list and lets used-up readers go', async () => {
    const list: IoReader[] = [new StringReader('a'), new StringReader('b')];
    const multi = multiReader(...list);
    list[0] = new StringReader('x');
    assert.equal(text(await readAll(multi)), 'ab');
    let used: WeakRef<object> | null = null;
    const long = multiReader(
      (() => {
        const first = new StringReader('first');
        used = new WeakRef(first);
        return first;
      })(),
      { read: async (p) => p.length },
    );
    await long.read(new Uint8Array(9));
    await long.read(new Uint8Array(9));
    await new Promise(setImmediate);
    (globalThis as { gc?: () => void }).gc?.();
    if ('gc' in globalThis) assert.equal(used!.deref(), undefined);
  });

  test('passes errors and continues behind them', async () => {
    const error = new Error('once');
    const multi = multiReader(new ScriptedReader('a', { error, errorOnce: true }), new StringReader('b'));
    const p = new Uint8Array(4);
    assert.equal(await multi.read(p), 1);
    assert.equal(await rejection(multi.read(p)), error);
    assert.equal(await multi.read(p), 1);
    assert.equal(await multi.read(p), null);
  });

  test('writeTo counts across readers when one fails', async () => {
    const multi = multiReader(new StringReader('abc'), new ScriptedReader('de', { error: new Error('x') }));
    const error = (await rejection(copy(new Recorder(), multi))) as { bytesCopied: number };
    assert.equal(error.bytesCopied, 5);
  });

  test('many levels of nesting cost no stack', async () => {
    let multi: IoReader = new StringReader('deep');
    for (let i = 0; i < 20_000; i++) multi = multiReader(multi);
    assert.equal(text(await readAll(multi)), 'deep');
  });
});

describe('multiWriter', () => {
  test('writes to each in turn, bytes and strings', async () => {
    const [a, b] = [new Recorder(), new ByteBuffer()];
    const multi = multiWriter(a, multiWriter(b, discard));
    assert.equal(await multi.write(bytes('ab')), 2);
    assert.equal(await writeString(multi, 'grün'), 5);
    assert.equal(a.text, 'abgrün');
    assert.equal(b.toString(), 'abgrün');
  });

  test('the first that fails ends the call with its count; later ones see nothing', async () => {
    const [a, b, c] = [new Recorder(), new Recorder(), new Recorder()];
    b.failAt = 2;
    const error = await rejection(multiWriter(a, b, c).write(bytes('abcd')));
    assert.ok(error instanceof WriteError && error.bytesWritten === 2);
    assert.equal(findCause(error, Error), error);
    assert.deepEqual([a.text, b.text, c.text], ['abcd', 'ab', '']);
  });

  test('a short count is a failure', async () => {
    const error = await rejection(multiWriter({ write: async () => 1 }).write(bytes('abc')));
    assert.ok(
      error instanceof WriteError && error.cause instanceof ShortWriteError && error.bytesWritten === 1,
    );
  });

  test('wrong arguments', async () => {
    assert.throws(() => multiWriter(discard, {} as never), ArgumentTypeError);
    assert.throws(() => multiReader(undefined as never), ArgumentTypeError);
    assert.ok((await rejection(multiWriter().writeString(1 as never))) instanceof ArgumentTypeError);
  });
});

describe('teeReader', () => {
  test('what is read has been written by then', async () => {
    const log = new Recorder();
    const tee = teeReader(new ScriptedReader('abcdef', { sizes: [4] }), log);
    assert.equal(await tee.read(new Uint8Array(8)), 4);
    assert.equal(log.text, 'abcd');
    assert.equal(text(await readAll(tee)), 'ef');
    assert.equal(log.text, 'abcdef');
    assert.equal(await tee.read(new Uint8Array(1)), null);
  });

  test('a write that fails is what the read rejects with', async () => {
    const [r, w] = pipe();
    await r.close();
    const error = await rejection(teeReader(new StringReader('abc'), w).read(new Uint8Array(3)));
    assert.ok(error instanceof ReadError && error.bytesRead === 0);
    assert.ok(findCause(error, ClosedPipeError));
  });

  test('errors of the source pass as they are', async () => {
    const error = new Error('source');
    assert.equal(
      await rejection(teeReader(new ScriptedReader('', { error }), discard).read(new Uint8Array(1))),
      error,
    );
  });
});

describe('SectionReader', () => {
  // data, offset, n, buffer, at, expected (null: outside)
  const table: [string, number, number, number, number, string | null][] = [
    ['', 0, 10, 2, 0, null],
    ['abcd', 0, 0, 1, 0, null],
    ['abcd', 0, 1, 1, 0, 'a'],
    ['abcd', 0, 4, 2, 0, 'ab'],
    ['abcd', 0, 4, 4, 0, 'abcd'],
    ['abcd', 0, 4, 2, 2, 'cd'],
    ['abcd', 3, 1, 1, 0, 'd'],
    ['abcd', 3, 1, 2, 0, 'd'],
    ['abcd', 1, 2, 9, 0, 'bc'],
    ['abcd', 1, 2, 1, 1, 'c'],
    ['abcd', 0, 4, 2, -1, null],
    ['abcd', 0, 4, 2, 4, null],
    ['abcd', 0, Number.POSITIVE_INFINITY, 9, 1, 'bcd'],
  ];
  for (const [data, offset, n, length, at, expected] of table) {
    test(`readAt ${at} of ${n} bytes at ${offset} of ${JSON.stringify(data)}`, async () => {
      const section = new SectionReader(new Reader(bytes(data)), offset, n);
      const p = new Uint8Array(length);
      const got = await section.readAt(p, at);
      assert.equal(got === null ? null : text(p.subarray(0, got)), expected);
    });
  }

  test('seeks as bytes.Reader does, and reads from there', async () => {
    const data = bytes('0123456789');
    const [section, reader] = [new SectionReader(new Reader(data), 0, 10), new Reader(data)];
    for (const whence of ['start', 'current', 'end'] as const) {
      for (let offset = -12; offset <= 12; offset++) {
        const [a, b] = await Promise.allSettled([section.seek(offset, whence), reader.seek(offset, whence)]);
        assert.equal(a.status, b.status);
        if (a.status === 'fulfilled' && b.status === 'fulfilled') assert.equal(a.value, b.value);
        const [p, q] = [new Uint8Array(4), new Uint8Array(4)];
        assert.equal(await section.read(p), await reader.read(q));
        assert.deepEqual(p, q);
      }
    }
    await section.seek(100, 'start');
    assert.equal(await section.read(new Uint8Array(1)), null);
    assert.ok((await rejection(section.seek(0, 'middle' as never))) instanceof ArgumentRangeError);
  });

  test('size and outer tell what it was made of; huge lengths do not overflow', async () => {
    const source = new Reader(bytes('abcd'));
    const section = new SectionReader(source, 1, 2);
    assert.equal(section.size, 2);
    assert.deepEqual(section.outer, { source, offset: 1, n: 2 });
    assert.equal(text(await readAll(section)), 'bc');
    assert.equal(text(await readAll(new SectionReader(source, 2, Number.MAX_SAFE_INTEGER))), 'cd');
  });

  test('wrong arguments throw', () => {
    const source = new Reader();
    assert.throws(() => new SectionReader(source, -1, 1), ArgumentRangeError);
    assert.throws(() => new SectionReader(source, 0, Number.NaN), ArgumentRangeError);
    assert.throws(() => new SectionReader({} as never, 0, 1), ArgumentTypeError);
  });
});

describe('OffsetWriter', () => {
  class Memory implements WriterAt {
    readonly data = new Uint8Array(32);
    async writeAt(p: Uint8Array, offset: number): Promise<number> {
      this.data.set(p, offset);
      return p.length;
    }
  }

  test('writes behind its base, by position and by offset', async () => {
    const memory = new Memory();
    const writer = new OffsetWriter(memory, 10);
    await writeString(writer, 'ab');
    await writer.writeAt(bytes('z'), 5);
    await writeString(writer, 'cd');
    assert.equal(await writer.seek(1, 'start'), 1);
    await writeString(writer, 'X');
    assert.equal(await writer.seek(1, 'current'), 3);
    assert.equal(text(memory.data.subarray(10, 16)), 'aXcd\0z');
  });

  test('seeking before the base or from the end rejects', async () => {
    const writer = new OffsetWriter(new Memory(), 10);
    assert.ok((await rejection(writer.seek(-1, 'start'))) instanceof ArgumentRangeError);
    assert.ok((await rejection(writer.seek(0, 'end'))) instanceof ArgumentRangeError);
    assert.ok((await rejection(writer.writeAt(bytes('x'), -1))) instanceof ArgumentRangeError);
    assert.throws(() => new OffsetWriter(discard as never, 0), ArgumentTypeError);
  });
});

describe('nopCloser', () => {
  test('has the fast paths of its reader, exactly', async () => {
    assert.ok('writeTo' in nopCloser(new StringReader('abc')));
    assert.ok(!('writeTo' in nopCloser(new ScriptedReader('abc'))));
    assert.ok('tryRead' in nopCloser(new ScriptedNonblocking('abc')));
    assert.ok(!('tryRead' in nopCloser(new ScriptedReader('abc'))));
    const closer = nopCloser(new ScriptedReader('abc'));
    await closer.close();
    assert.equal(text(await readAll(closer)), 'abc');
    const to = new Recorder();
    assert.equal(await copy(to, nopCloser(new StringReader('fast'))), 4);
  });
});

describe('writeString', () => {
  test('uses writeString where there is one, else one write, also for nothing', async () => {
    const to = new Recorder();
    assert.equal(await writeString(to, ''), 0);
    assert.equal(await writeString(to, 'a\ud800'), 4);
    assert.equal(to.writes.length, 2);
    assert.equal(to.text, 'a\ufffd');
    assert.equal(await writeString({ write: async () => 0, writeString: async () => 42 } as never, 'x'), 42);
    assert.ok((await rejection(writeString({ write: async () => 1 }, 'abc'))) instanceof ShortWriteError);
    assert.ok((await rejection(writeString(to, Symbol('no') as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(writeString({} as never, 'x'))) instanceof ArgumentTypeError);
  });
});

describe('findCause', () => {
  test('walks the causes, also where they lead back', () => {
    const inner = new ClosedPipeError();
    const outer = new Error('outer', { cause: new ReadError(inner, 0) });
    assert.equal(findCause(outer, ClosedPipeError), inner);
    assert.equal(findCause(outer, ShortWriteError), undefined);
    assert.equal(findCause('text', Error), undefined);
    const loop = new Error('loop');
    loop.cause = loop;
    assert.equal(findCause(loop, ClosedPipeError), undefined);
  });

  test('a timeout further down shows on the wrapper', () => {
    assert.equal(new ReadError({ timeout: true }, 0).timeout, true);
    assert.equal(new ReadError(new ReadError({ timeout: true }, 0), 0).timeout, true);
    assert.equal(new ReadError(null, 0).timeout, false);
  });
});
