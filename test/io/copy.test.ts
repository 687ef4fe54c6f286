import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Buffer as ByteBuffer, Reader, StringReader } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  BadWriteCountError,
  CopyError,
  copy,
  copyBuffer,
  copyN,
  discard,
  type Reader as IoReader,
  limitReader,
  NoProgressError,
  ShortWriteError,
  UnexpectedEOFError,
  type Writer,
} from 'gopark/io';
import { bytes, detached, Recorder, rejection, ScriptedNonblocking, ScriptedReader } from './readers.ts';

const hidden = (r: IoReader): IoReader => ({ read: (p) => r.read(p) });

describe('copy', () => {
  test('copies until the end, which is success', async () => {
    const to = new Recorder();
    assert.equal(await copy(to, new ScriptedReader('hello, world', { sizes: [5] })), 12);
    assert.equal(to.text, 'hello, world');
    assert.equal(to.writes.length, 3);
  });

  test("prefers the source's writeTo over the destination's readFrom", async () => {
    const calls: string[] = [];
    const src = { read: async () => null, writeTo: async () => calls.push('writeTo') };
    const dst = { write: async () => 0, readFrom: async () => calls.push('readFrom') };
    assert.equal(await copy(dst, src), 1);
    assert.equal(await copy(dst, { read: src.read }), 2);
    assert.deepEqual(calls, ['writeTo', 'readFrom']);
  });

  test('goes through a buffer of 32 KiB, or as small as a limited source', async () => {
    const sizes: number[] = [];
    const src: IoReader = {
      async read(p) {
        sizes.push(p.length);
        return null;
      },
    };
    const to = new Recorder();
    await copy(to, src);
    await copy(to, limitReader(src, 100));
    await copy(to, limitReader(src, 0));
    assert.deepEqual(sizes, [32768, 100]);
  });

  test('copyBuffer reads through the buffer it was given', async () => {
    const buffer = new Uint8Array(1);
    const to = new Recorder();
    await copyBuffer(to, new ScriptedReader('abc'), buffer);
    assert.deepEqual(
      to.writes.map((p) => p.length),
      [1, 1, 1],
    );
    assert.ok(
      (await rejection(copyBuffer(to, new ScriptedReader('abc'), new Uint8Array(0)))) instanceof
        ArgumentRangeError,
    );
  });

  test('a read error says how much was copied and keeps the cause untouched', async () => {
    const cause = Object.freeze(new Error('cable cut'));
    const error = await rejection(copy(new Recorder(), new ScriptedReader('abc', { error: cause })));
    assert.ok(error instanceof CopyError);
    assert.equal(error.bytesCopied, 3);
    assert.equal(error.side, 'read');
    assert.equal(error.cause, cause);
  });

  test('a write error counts what the destination took of the last chunk', async () => {
    const to = new Recorder();
    to.failAt = 4;
    const error = await rejection(copy(to, new ScriptedReader('abcdef', { sizes: [3] })));
    assert.ok(error instanceof CopyError);
    assert.equal(error.bytesCopied, 4);
    assert.equal(error.side, 'write');
  });

  test('when both sides fail the write error is the one reported', async () => {
    const to = new Recorder();
    to.failAt = 0;
    const error = await rejection(copy(to, new ScriptedReader('a', { error: new Error('read failed') })));
    assert.ok(error instanceof CopyError);
    assert.equal(error.side, 'write');
    assert.equal(error.bytesCopied, 0);
  });

  test('a short write without an error is ShortWriteError', async () => {
    const error = await rejection(copy({ write: async (p) => p.length - 1 }, new ScriptedReader('abc')));
    assert.ok(error instanceof CopyError && error.cause instanceof ShortWriteError);
    assert.equal(error.bytesCopied, 2);
  });

  test('a writer that claims too much is found out and credited with nothing', async () => {
    for (const claim of [4, -1, 1.5, Number.NaN]) {
      const error = await rejection(copy({ write: async () => claim }, new ScriptedReader('abc')));
      assert.ok(error instanceof CopyError && error.cause instanceof BadWriteCountError, String(claim));
      assert.equal(error.bytesCopied, 0);
    }
    const own = new Error('its own');
    const error = await rejection(
      copy(
        { write: () => Promise.reject(Object.assign(own, { bytesWritten: 99 })) },
        new ScriptedReader('abc'),
      ),
    );
    assert.ok(error instanceof CopyError && error.cause === own);
    assert.equal(error.bytesCopied, 0);
  });

  test('a source that gives nothing over and over is given up on', async () => {
    const stuck = new ScriptedReader('x', { sizes: [0] });
    const error = await rejection(copy(new Recorder(), stuck));
    assert.ok(error instanceof CopyError && error.cause instanceof NoProgressError);
    assert.equal(stuck.reads, 100);
    assert.equal(await copy(new Recorder(), new ScriptedReader('abc', { sizes: [0, 0, 1] })), 3);
  });

  test('an error of a fast path arrives as CopyError with its count', async () => {
    const cause = Object.assign(new Error('splice'), { bytesCopied: 7 });
    const src = { read: async () => null, writeTo: () => Promise.reject(cause) };
    const error = await rejection(copy(new Recorder(), src));
    assert.ok(error instanceof CopyError && error.cause === cause);
    assert.equal(error.bytesCopied, 7);
  });

  test('holds no buffer while a source that can be asked has nothing', async () => {
    const src = new ScriptedNonblocking('abcdef', { sizes: [1, 0, 0, 2], late: true });
    const to = new Recorder();
    assert.equal(await copy(to, hidden(src)), 6);
    const again = new ScriptedNonblocking('abcdef', { sizes: [1, 0, 0, 2] });
    assert.equal(await copy(to, again), 6);
    assert.equal(again.plainReads, 0);
    assert.ok(again.waits >= 2);
  });

  test('a failing waitReadable is a read error', async () => {
    const cause = new Error('deadline');
    const src = {
      read: async () => null,
      tryRead: () => undefined,
      waitReadable: () => Promise.reject(cause),
    };
    const error = await rejection(copy(new Recorder(), src));
    assert.ok(error instanceof CopyError && error.cause === cause && error.side === 'read');
  });

  test('a round costs at most two promises', async () => {
    const rounds = 1000;
    let left = rounds;
    const [some, end] = [Promise.resolve(16), Promise.resolve(null)];
    let promises = 0;
    const hook = createHook({
      init(_id, type) {
        if (type === 'PROMISE') promises++;
      },
    }).enable();
    await copyBuffer({ write: () => some }, { read: () => (left-- > 0 ? some : end) }, new Uint8Array(16));
    hook.disable();
    assert.ok(promises <= 2 * rounds + 50, `${promises} promises for ${rounds} rounds`);
  });

  test('wrong arguments reject with typed errors', async () => {
    const r = new ScriptedReader('');
    for (const wrong of [undefined, null, 1, 'text', {}, { read: 1 }]) {
      assert.ok((await rejection(copy(wrong as never, r))) instanceof ArgumentTypeError);
      assert.ok((await rejection(copy(discard, wrong as never))) instanceof ArgumentTypeError);
      assert.ok((await rejection(copyBuffer(discard, r, wrong as never))) instanceof ArgumentTypeError);
    }
    assert.ok((await rejection(copyBuffer(discard, r, detached()))) instanceof ArgumentTypeError);
  });

  test('copies any data in any pieces and loses none, whatever fails where', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc
          .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 })
          .filter((s) => s.some((n) => n > 0)),
        fc.boolean(),
        fc.boolean(),
        fc.option(fc.nat(300)),
        fc.integer({ min: 1, max: 64 }),
        async (data, sizes, fails, nonblocking, failAt, size) => {
          const error = fails ? new Error('source') : undefined;
          const script = { sizes, ...(fails ? { error } : {}) };
          const src = nonblocking ? new ScriptedNonblocking(data, script) : new ScriptedReader(data, script);
          const to = new Recorder();
          if (failAt !== null) to.failAt = failAt;
          const result = await copyBuffer(to, src, new Uint8Array(size)).catch((e: unknown) => e);
          const writeFails = failAt !== null && failAt < data.length;
          assert.deepEqual(to.all, data.slice(0, writeFails ? failAt : data.length));
          if (writeFails || fails) {
            assert.ok(result instanceof CopyError);
            assert.equal(result.side, writeFails ? 'write' : 'read');
            assert.equal(result.bytesCopied, to.taken);
          } else {
            assert.equal(result, data.length);
          }
        },
      ),
    );
  });
});

describe('copyN', () => {
  test('copies exactly n and reads nothing beyond', async () => {
    const src = new ScriptedReader('foobar');
    const to = new Recorder();
    assert.equal(await copyN(to, src, 3), 3);
    assert.equal(to.text, 'foo');
    assert.equal(src.at, 3);
  });

  test('0 and negative counts copy nothing and read nothing', async () => {
    const src = new ScriptedReader('foo');
    assert.equal(await copyN(new Recorder(), src, 0), 0);
    assert.equal(await copyN(new Recorder(), src, -1), 0);
    assert.equal(await copy(new Recorder(), limitReader(src, -1)), 0);
    assert.equal(src.reads, 0);
  });

  test('a source that is too short rejects with what was copied, with and without readFrom', async () => {
    for (const dst of [new Recorder(), new ByteBuffer()] as Writer[]) {
      const error = await rejection(copyN(dst, new StringReader('foo'), 4));
      assert.ok(error instanceof UnexpectedEOFError);
      assert.equal(error.bytesCopied, 3);
    }
  });

  test('an error that would come after the last byte is not seen', async () => {
    const src = new ScriptedReader('foo', { error: new Error('after') });
    assert.equal(await copyN(new Recorder(), src, 3), 3);
  });

  test('uses the fast paths around the limit', async () => {
    const buffer = new ByteBuffer();
    assert.equal(await copyN(buffer, new Reader(bytes('foobar')), 3), 3);
    assert.equal(buffer.toString(), 'foo');
  });

  test('a count that is no whole number rejects', async () => {
    for (const n of [Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
      assert.ok((await rejection(copyN(discard, new ScriptedReader(''), n))) instanceof ArgumentRangeError);
    }
    assert.ok(
      (await rejection(copyN(discard, new ScriptedReader(''), '3' as never))) instanceof ArgumentTypeError,
    );
  });
});

describe('discard', () => {
  test('takes everything, counts it, and reads a source to its end', async () => {
    assert.equal(await discard.write(bytes('abc')), 3);
    assert.equal(await discard.writeString('grün'), 5);
    assert.equal(await copy(discard, new ScriptedReader('x'.repeat(100_000), { sizes: [7000] })), 100_000);
  });

  test('passes the error of the source on with the count', async () => {
    const error = await rejection(copy(discard, new ScriptedReader('abc', { error: new Error('x') })));
    assert.ok(error instanceof CopyError && error.bytesCopied === 3);
  });
});
