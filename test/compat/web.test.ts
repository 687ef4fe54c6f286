import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scanner } from 'gopark/bufio';
import { Buffer as ByteBuffer, StringReader } from 'gopark/bytes';
import {
  fromAsyncIterable,
  fromReadableStream,
  fromWritableStream,
  toAsyncIterable,
  toReadableStream,
  toWritableStream,
} from 'gopark/compat';
import { ArgumentTypeError, ClosedPipeError, copy, pipe, readAll, WriteError, writeString } from 'gopark/io';
import { bytes, Recorder, rejection, ScriptedReader, settle, text } from '../io/readers.ts';

describe('toReadableStream', () => {
  test('gives the bytes of its reader, by default and byob readers', async () => {
    const long = 'x'.repeat(200_000);
    assert.equal(await new Response(toReadableStream(new StringReader(long))).text(), long);
    const byob = toReadableStream(new StringReader('0123456789')).getReader({ mode: 'byob' });
    const got: number[] = [];
    for (;;) {
      const { done, value } = await byob.read(new Uint8Array(4));
      if (value) got.push(...value);
      if (done) break;
    }
    assert.equal(text(Uint8Array.from(got)), '0123456789');
  });

  test('reads only when the stream is read, one chunk at a time', async () => {
    const source = new ScriptedReader('abcdef', { sizes: [2] });
    const reader = toReadableStream(source).getReader();
    await settle();
    assert.equal(source.reads, 0);
    const { value } = await reader.read();
    assert.equal(text(value!), 'ab');
    await settle();
    assert.equal(source.reads, 1);
  });

  test('an error of the reader errors the stream after the bytes before it', async () => {
    const error = new Error('source');
    const reader = toReadableStream(new ScriptedReader('ab', { error })).getReader();
    assert.equal(text((await reader.read()).value!), 'ab');
    assert.equal(await rejection(reader.read()), error);
  });

  test('cancelling closes the reader with the reason, also during a read; preventClose does not', async () => {
    const [r, w] = pipe();
    const stream = toReadableStream(r);
    const reader = stream.getReader();
    const waiting = reader.read();
    const reason = new Error('enough');
    await settle();
    await reader.cancel(reason);
    assert.equal((await waiting).done, true);
    const failure = await rejection(w.write(bytes('x')));
    assert.ok(failure instanceof WriteError && failure.cause === reason);
    const [open, end] = pipe();
    await toReadableStream(open, { preventClose: true }).cancel();
    const all = readAll(open);
    await writeString(end, 'still open');
    await end.close();
    assert.equal(text(await all), 'still open');
  });

  test('cancelling during a byob read is quiet too', async () => {
    const [r] = pipe();
    const reader = toReadableStream(r).getReader({ mode: 'byob' });
    const waiting = reader.read(new Uint8Array(4));
    await settle();
    await reader.cancel('enough');
    assert.equal((await waiting).done, true);
    await settle();
  });
});

describe('fromReadableStream', () => {
  test('reads chunks of bytes and strings, byte streams as well', async () => {
    const mixed = new ReadableStream({
      start(controller) {
        controller.enqueue('grün ');
        controller.enqueue(bytes('bytes'));
        controller.close();
      },
    });
    assert.equal(text(await readAll(fromReadableStream(mixed))), 'grün bytes');
    const lines: string[] = [];
    for await (const line of new Scanner(fromReadableStream(new Response('a\nb\n').body!))) lines.push(line);
    assert.deepEqual(lines, ['a', 'b']);
    assert.equal(text(await readAll(fromReadableStream(toReadableStream(new StringReader('loop'))))), 'loop');
  });

  test('close cancels the stream with the reason and wakes a waiting read', async () => {
    let cancelled: unknown;
    const stream = new ReadableStream({
      cancel(reason) {
        cancelled = reason;
      },
    });
    const reader = fromReadableStream(stream);
    const waiting = rejection(reader.read(new Uint8Array(1)));
    await reader.closeWithError('no more');
    assert.equal(cancelled, 'no more');
    assert.ok((await waiting) instanceof ClosedPipeError);
  });

  test('an error of the stream is what read rejects with; a locked or wrong stream throws', async () => {
    const error = new Error('stream');
    const stream = new ReadableStream({ pull: (controller) => controller.error(error) });
    assert.equal(await rejection(fromReadableStream(stream).read(new Uint8Array(1))), error);
    assert.throws(() => fromReadableStream(stream), TypeError);
    assert.throws(() => fromReadableStream({} as never), ArgumentTypeError);
  });
});

describe('toWritableStream', () => {
  test('writes chunks, flushes and closes', async () => {
    const calls: string[] = [];
    const target = new Recorder();
    const w = {
      write: (p: Uint8Array) => target.write(p),
      flush: async () => void calls.push('flush'),
      close: async () => void calls.push('close'),
    };
    await new Response('hello').body!.pipeTo(toWritableStream(w));
    const writer = toWritableStream(w, { preventClose: true }).getWriter();
    await writer.write(' text');
    await writer.close();
    assert.equal(target.text, 'hello text');
    assert.deepEqual(calls, ['flush', 'close', 'flush']);
  });

  test('a chunk counts as written when the writer took it', async () => {
    const [r, w] = pipe();
    const writer = toWritableStream(w).getWriter();
    let written = false;
    const writing = writer.write(bytes('abc')).then(() => {
      written = true;
    });
    await settle();
    assert.equal(written, false);
    await r.read(new Uint8Array(3));
    await writing;
  });

  test('aborting closes the writer with the reason; a failing writer errors the stream', async () => {
    const [r, w] = pipe();
    const reason = new Error('abort');
    await toWritableStream(w).abort(reason);
    assert.equal(await rejection(r.read(new Uint8Array(1))), reason);
    const failing = new Recorder();
    failing.failAt = 1;
    const writer = toWritableStream(failing).getWriter();
    writer.closed.catch(() => {});
    assert.equal(((await rejection(writer.write(bytes('abc')))) as { bytesWritten: number }).bytesWritten, 1);
    assert.ok(
      (await rejection(
        toWritableStream(new Recorder())
          .getWriter()
          .write(1 as never),
      )) instanceof ArgumentTypeError,
    );
  });
});

describe('fromWritableStream', () => {
  test('writes copies, waits for the sink, closes once', async () => {
    const chunks: Uint8Array[] = [];
    let closed = 0;
    const stream = new WritableStream<Uint8Array>({
      write: (chunk) => void chunks.push(chunk),
      close: () => void closed++,
    });
    {
      await using writer = fromWritableStream(stream);
      const p = bytes('abc');
      assert.equal(await writer.write(p), 3);
      p.fill(0);
      await copy(writer, new StringReader('def'));
      await writer.close();
    }
    assert.deepEqual(chunks.map(text), ['abc', 'def']);
    assert.equal(closed, 1);
  });

  test('backpressure: a write does not settle before the sink is done', async () => {
    let release: () => void = () => {};
    const stream = new WritableStream({
      write: () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    });
    const writer = fromWritableStream(stream);
    let done = false;
    const writing = writer.write(bytes('a')).then(() => {
      done = true;
    });
    await settle();
    assert.equal(done, false);
    release();
    await writing;
  });

  test('a failed stream rejects with WriteError; leaving the scope reports a failed close', async () => {
    const error = new Error('sink');
    const failing = () => new WritableStream({ write: () => Promise.reject(error) });
    const writer = fromWritableStream(failing());
    for (let i = 0; i < 2; i++) {
      const failure = await rejection(writer.write(bytes('x')));
      assert.ok(failure instanceof WriteError && failure.cause === error && failure.bytesWritten === 0);
    }
    const closing = fromWritableStream(new WritableStream({ close: () => Promise.reject(error) }));
    assert.equal(await rejection(Promise.resolve(closing[Symbol.asyncDispose]())), error);
    let reason: unknown;
    await fromWritableStream(
      new WritableStream({
        abort(why) {
          reason = why;
        },
      }),
    ).closeWithError(error);
    assert.equal(reason, error);
    assert.throws(() => fromWritableStream({} as never), ArgumentTypeError);
  });

  test('through a compression and back', async () => {
    const gzip = new CompressionStream('gzip');
    const writer = fromWritableStream(gzip.writable);
    const target = new ByteBuffer();
    const reading = copy(
      target,
      fromReadableStream(gzip.readable.pipeThrough(new DecompressionStream('gzip'))),
    );
    await copy(writer, new StringReader('squeeze '.repeat(1000)));
    await writer.close();
    await reading;
    assert.equal(target.toString(), 'squeeze '.repeat(1000));
  });
});

test('the iterable adapters are here as well', async () => {
  assert.equal(text(await readAll(fromAsyncIterable(toAsyncIterable(new StringReader('both'))))), 'both');
});
