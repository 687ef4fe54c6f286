import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  ClosedPipeError,
  ConcurrentUseError,
  fromAsyncIterable,
  NoProgressError,
  pipe,
  readAll,
  toAsyncIterable,
} from 'gopark/io';
import { bytes, rejection, ScriptedNonblocking, ScriptedReader, settle, text } from './readers.ts';

describe('toAsyncIterable', () => {
  test('gives all bytes in chunks of at most size, each in memory of its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 })
          .filter((s) => s.some((n) => n > 0)),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        async (data, sizes, nonblocking, size) => {
          const src = nonblocking
            ? new ScriptedNonblocking(data, { sizes })
            : new ScriptedReader(data, { sizes });
          const chunks: Uint8Array[] = [];
          for await (const chunk of toAsyncIterable(src, { size })) chunks.push(chunk);
          assert.deepEqual(
            chunks.flatMap((chunk) => [...chunk]),
            [...data],
          );
          assert.ok(chunks.every((chunk) => chunk.length > 0 && chunk.length <= size));
          assert.equal(new Set(chunks.map((chunk) => chunk.buffer)).size, chunks.length);
        },
      ),
    );
  });

  test('leaving early closes nothing and loses nothing', async () => {
    const src = new ScriptedReader('abcdef', { sizes: [2] });
    for await (const chunk of toAsyncIterable(src)) if (chunk) break;
    assert.equal(text(await readAll(src)), 'cdef');
  });

  test('rejects with the error of its reader, after the bytes before it', async () => {
    const error = new Error('source');
    const got: number[] = [];
    const failure = await rejection(
      (async () => {
        for await (const chunk of toAsyncIterable(new ScriptedReader('abc', { error }))) got.push(...chunk);
      })(),
    );
    assert.equal(failure, error);
    assert.equal(got.length, 3);
    const stuck = toAsyncIterable(new ScriptedReader('x', { sizes: [0] }));
    assert.ok((await rejection(stuck.next())) instanceof NoProgressError);
  });

  test('asks for a chunk only when the consumer does', async () => {
    const src = new ScriptedReader('abcdef', { sizes: [1] });
    const iterator = toAsyncIterable(src);
    await settle();
    assert.equal(src.reads, 0);
    await iterator.next();
    await settle();
    assert.equal(src.reads, 1);
  });

  test('wrong arguments throw', () => {
    assert.throws(() => toAsyncIterable({} as never), ArgumentTypeError);
    assert.throws(() => toAsyncIterable(new ScriptedReader(''), { size: 0 }), ArgumentRangeError);
    assert.throws(() => toAsyncIterable(new ScriptedReader(''), { size: Number.NaN }), ArgumentRangeError);
  });
});

describe('fromAsyncIterable', () => {
  test('reads chunks of any kind and size, asked for one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 20 })),
        fc.integer({ min: 1, max: 9 }),
        async (chunks, size) => {
          let asked = 0;
          async function* produce() {
            for (const chunk of chunks) {
              asked++;
              yield asked % 2 ? chunk : new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
            }
          }
          const reader = fromAsyncIterable(produce());
          const got: number[] = [];
          const p = new Uint8Array(size);
          for (let n = await reader.read(p); n !== null; n = await reader.read(p)) {
            assert.ok(n > 0);
            got.push(...p.subarray(0, n));
            const before = chunks.slice(0, asked).reduce((sum, chunk) => sum + chunk.length, 0);
            assert.ok(
              got.length > before - (chunks[asked - 1]?.length ?? 0),
              'the next chunk was asked for too early',
            );
          }
          assert.deepEqual(
            got,
            chunks.flatMap((chunk) => [...chunk]),
          );
          assert.equal(await reader.read(p), null);
        },
      ),
    );
  });

  test('takes arrays, strings, ArrayBuffers and Node streams', async () => {
    assert.equal(
      text(await readAll(fromAsyncIterable(['grün', bytes('-'), new Uint8Array([0x21]).buffer]))),
      'grün-!',
    );
    assert.equal(text(await readAll(fromAsyncIterable(Readable.from([Buffer.from('node')])))), 'node');
  });

  test('an error of the producer is what reads reject with, also later', async () => {
    const error = new Error('producer');
    async function* produce() {
      yield 'abc';
      throw error;
    }
    const reader = fromAsyncIterable(produce());
    assert.equal(await reader.read(new Uint8Array(9)), 3);
    assert.equal(await rejection(reader.read(new Uint8Array(9))), error);
    assert.equal(await rejection(reader.read(new Uint8Array(9))), error);
  });

  test('close runs the finally of a generator and destroys a Node stream', async () => {
    let cleaned = false;
    async function* produce() {
      try {
        yield 'abc';
        yield 'def';
      } finally {
        cleaned = true;
      }
    }
    {
      await using reader = fromAsyncIterable(produce());
      await reader.read(new Uint8Array(1));
    }
    assert.ok(cleaned);
    const stream = Readable.from(['a', 'b']);
    const reader = fromAsyncIterable(stream);
    await reader.read(new Uint8Array(1));
    await reader.close();
    await reader.close();
    assert.ok(stream.destroyed);
    assert.ok((await rejection(reader.read(new Uint8Array(1)))) instanceof ClosedPipeError);
  });

  test('close wakes a waiting read, whose p is not touched any more', async () => {
    let give: (chunk: string) => void = () => {};
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<string>>((resolve) => {
            give = (value) => resolve({ value, done: false });
          }),
      }),
    };
    const reader = fromAsyncIterable(source);
    const p = new Uint8Array(4);
    const waiting = rejection(reader.read(p));
    assert.ok((await rejection(reader.read(p))) instanceof ConcurrentUseError);
    await reader.close();
    assert.ok((await waiting) instanceof ClosedPipeError);
    give('late');
    await settle();
    assert.deepEqual(p, new Uint8Array(4));
  });

  test('a chunk that is none rejects and ends the iteration', async () => {
    let ended = false;
    function* produce() {
      try {
        yield 42 as never;
      } finally {
        ended = true;
      }
    }
    const reader = fromAsyncIterable(produce());
    assert.ok((await rejection(reader.read(new Uint8Array(1)))) instanceof ArgumentTypeError);
    await settle();
    assert.ok(ended);
  });

  test('there and back again', async () => {
    const [r, w] = pipe();
    const all = readAll(fromAsyncIterable(toAsyncIterable(r)));
    await w.write(bytes('round '));
    await w.write(bytes('trip'));
    await w.close();
    assert.equal(text(await all), 'round trip');
  });

  test('what is no iterable of chunks throws', () => {
    for (const wrong of [undefined, null, 1, {}, 'text']) {
      assert.throws(() => fromAsyncIterable(wrong as never), ArgumentTypeError);
    }
  });
});
