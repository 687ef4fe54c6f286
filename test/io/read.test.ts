import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  BadReadCountError,
  LimitExceededError,
  LimitedReader,
  limitReader,
  NoProgressError,
  ReadError,
  readAll,
  readAtLeast,
  readFull,
  ShortBufferError,
  UnexpectedEOFError,
} from 'gopark/io';
import { bytes, detached, rejection, ScriptedNonblocking, ScriptedReader, text } from './readers.ts';

const pieces = fc
  .array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 })
  .filter((sizes) => sizes.some((n) => n > 0));

describe('readAtLeast and readFull', () => {
  for (const [kind, error] of [
    ['an end', undefined],
    ['an error', new Error('source')],
  ] as const) {
    test(`min within, beyond and across ${kind}`, async () => {
      const source = () => new ScriptedReader('ab', error ? { error } : {});
      const p = new Uint8Array(2);
      assert.equal(await readAtLeast(source(), p, 2), 2);
      const short = source();
      assert.ok((await rejection(readAtLeast(short, p, 4))) instanceof ShortBufferError);
      assert.equal(short.reads, 0);
      const whole = source();
      assert.equal(await readAtLeast(whole, p, 1), 2);
      if (error) assert.equal(((await rejection(readAtLeast(whole, p, 2))) as ReadError).cause, error);
      else assert.equal(await readAtLeast(whole, p, 2), null);
      const failure = await rejection(readFull(new ScriptedReader('x', error ? { error } : {}), p));
      assert.ok(failure instanceof (error ? ReadError : UnexpectedEOFError));
      assert.equal(failure.bytesRead, 1);
      assert.equal(p[0], 0x78);
    });
  }

  test('an empty p and a min of 0 resolve 0 without a read', async () => {
    const source = new ScriptedReader('');
    assert.equal(await readFull(source, new Uint8Array(0)), 0);
    assert.equal(await readAtLeast(source, new Uint8Array(4), 0), 0);
    assert.equal(source.reads, 0);
  });

  test('what is at hand is answered by a shared promise', async () => {
    const source = new ScriptedNonblocking('abcdefgh');
    const p = new Uint8Array(4);
    const [a, b] = [readFull(source, p), readFull(source, p)];
    assert.equal(a, b);
    assert.equal(await b, 4);
    assert.equal(source.plainReads, 0);
  });

  test('fill p across any pieces, or say how far they came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        pieces,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 60 }),
        async (data, sizes, fails, nonblocking, length) => {
          const script = { sizes, ...(fails ? { error: new Error('source') } : {}) };
          const src = nonblocking ? new ScriptedNonblocking(data, script) : new ScriptedReader(data, script);
          const p = new Uint8Array(length);
          const result = await readFull(src, p).catch((e: unknown) => e);
          const got = Math.min(length, data.length);
          assert.deepEqual(p.subarray(0, got), data.subarray(0, got));
          if (data.length >= length) assert.equal(result, length);
          else if (fails) assert.ok(result instanceof ReadError && result.bytesRead === got);
          else if (got === 0) assert.equal(result, null);
          else assert.ok(result instanceof UnexpectedEOFError && result.bytesRead === got);
        },
      ),
    );
  });

  test('wrong arguments reject with typed errors', async () => {
    const r = new ScriptedReader('abc');
    assert.ok((await rejection(readFull(r, undefined as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(readFull(r, [1, 2] as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(readFull(r, detached()))) instanceof ArgumentTypeError);
    assert.ok((await rejection(readFull({} as never, new Uint8Array(1)))) instanceof ArgumentTypeError);
    assert.ok((await rejection(readAtLeast(r, new Uint8Array(4), -1))) instanceof ArgumentRangeError);
    assert.ok((await rejection(readAtLeast(r, new Uint8Array(4), Number.NaN))) instanceof ArgumentRangeError);
    assert.equal(r.reads, 0);
  });

  test('impossible counts and endless zeros are the reader at fault', async () => {
    for (const n of [-1, 5, 0.5, Number.NaN]) {
      const error = await rejection(readFull({ read: async () => n }, new Uint8Array(4)));
      assert.ok(error instanceof ReadError && error.cause instanceof BadReadCountError, String(n));
    }
    const error = await rejection(readFull({ read: async () => 0 }, new Uint8Array(4)));
    assert.ok(error instanceof ReadError && error.cause instanceof NoProgressError);
  });
});

describe('readAll', () => {
  test('an array of exactly the length, for all lengths around the chunk sizes', async () => {
    for (const length of [0, 1, 4095, 4096, 4097, 12_288, 12_289, 100_000]) {
      const data = new Uint8Array(length).map((_, i) => i);
      const all = await readAll(new ScriptedReader(data, { sizes: [1000, 1, 3000] }));
      assert.equal(all.byteLength, all.buffer.byteLength);
      assert.deepEqual(all, data);
    }
  });

  test('a failing source gives what came in partial', async () => {
    const cause = new Error('cable cut');
    const error = await rejection(readAll(new ScriptedReader('abcdef', { sizes: [4], error: cause })));
    assert.ok(error instanceof ReadError);
    assert.equal(error.cause, cause);
    assert.equal(text(error.partial), 'abcdef');
    assert.equal(error.bytesRead, 6);
  });

  test('a limit is met exactly, and one byte more is too much', async () => {
    for (const limit of [0, 1, 10, 5000]) {
      const fits = 'x'.repeat(limit);
      assert.equal((await readAll(new ScriptedReader(fits), { limit })).length, limit);
      const src = new ScriptedReader(`${fits}yzzzz`);
      const error = await rejection(readAll(src, { limit }));
      assert.ok(error instanceof LimitExceededError);
      assert.equal(error.limit, limit);
      assert.equal(text(error.partial), `${fits}y`);
      assert.equal(src.at, limit + 1, 'no more than one byte beyond the limit is taken');
    }
  });

  test('wrong limits reject', async () => {
    for (const limit of [-1, Number.NaN, 1.5]) {
      assert.ok((await rejection(readAll(new ScriptedReader(''), { limit }))) instanceof ArgumentRangeError);
    }
    assert.ok(
      (await rejection(readAll(new ScriptedReader(''), { limit: '1' as never }))) instanceof
        ArgumentTypeError,
    );
    assert.ok((await rejection(readAll(null as never))) instanceof ArgumentTypeError);
  });
});

describe('limitReader', () => {
  test('ends after n bytes and never asks for more', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        pieces,
        fc.integer({ min: -2, max: 80 }),
        fc.boolean(),
        async (data, sizes, n, nonblocking) => {
          const src = nonblocking
            ? new ScriptedNonblocking(data, { sizes })
            : new ScriptedReader(data, { sizes });
          const limited = limitReader(src, n);
          const expected = data.slice(0, Math.max(0, n));
          assert.deepEqual(await readAll(limited), expected);
          assert.equal(src.at, expected.length);
          assert.equal(limited.remaining, n - expected.length);
          assert.equal(await limited.read(new Uint8Array(1)), null);
        },
      ),
    );
  });

  test('does not touch the source once nothing remains', async () => {
    const src = new ScriptedReader('abc');
    assert.equal(await limitReader(src, 0).read(new Uint8Array(4)), null);
    assert.equal(src.reads, 0);
  });

  test('stays askable without waiting exactly where its source is', () => {
    assert.ok('tryRead' in limitReader(new ScriptedNonblocking('abc'), 2));
    assert.ok(!('tryRead' in limitReader(new ScriptedReader('abc'), 2)));
    const limited = limitReader(new ScriptedNonblocking('abc'), 2);
    assert.ok(limited instanceof LimitedReader);
    const { tryRead } = limited as unknown as { tryRead(p: Uint8Array): number | null };
    assert.equal(tryRead.call(limited, new Uint8Array(9)), 2);
    assert.equal(tryRead.call(limited, new Uint8Array(9)), null);
  });

  test('wrong arguments throw', () => {
    assert.throws(() => limitReader(null as never, 1), ArgumentTypeError);
    assert.throws(() => limitReader(new ScriptedReader(''), Number.NaN), ArgumentRangeError);
    assert.throws(() => new LimitedReader(new ScriptedReader(bytes('')), '1' as never), ArgumentTypeError);
  });
});
