import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArgumentTypeError, ClosedPipeError, copy, pipe, readAll, WriteError, writeString } from 'gopark/io';
import { bytes, detached, rejection, settle, text, transferAway } from './readers.ts';

describe('pipe', () => {
  test('one write meets one read', async () => {
    const [r, w] = pipe();
    const p = new Uint8Array(64);
    const written = w.write(bytes('hello, world'));
    assert.equal(await r.read(p), 12);
    assert.equal(await written, 12);
    assert.equal(text(p.subarray(0, 12)), 'hello, world');
    await r.close();
    await w.close();
  });

  test('one write of 128 bytes is taken by reads of any size, then the end', async () => {
    const [r, w] = pipe();
    const data = new Uint8Array(128).map((_, i) => i);
    const writing = w.write(data).then((n) => w.close().then(() => n));
    const got: number[] = [];
    const taken: number[] = [];
    for (let size = 1; size <= 128; size *= 2) {
      const p = new Uint8Array(size);
      const n = await r.read(p);
      assert.ok(n !== null);
      got.push(n);
      taken.push(...p.subarray(0, n));
    }
    assert.deepEqual(got, [1, 2, 4, 8, 16, 32, 64, 1]);
    assert.deepEqual(Uint8Array.from(taken), data);
    assert.equal(await writing, 128);
    assert.equal(await r.read(new Uint8Array(1)), null);
    assert.equal(await r.read(new Uint8Array(1)), null);
  });

  test('a write does not settle before all of it was read', async () => {
    const [r, w] = pipe();
    let settled = false;
    const writing = w.write(bytes('abc')).then(() => {
      settled = true;
    });
    await r.read(new Uint8Array(2));
    await settle();
    assert.equal(settled, false);
    await r.read(new Uint8Array(2));
    await writing;
  });

  for (const error of [undefined, new Error('own reason')]) {
    const how = error ? 'with an error' : 'without an error';

    test(`the writer closing ${how} ends a waiting read and later ones`, async () => {
      const [r, w] = pipe();
      const waiting = r.read(new Uint8Array(4)).catch((e: unknown) => e);
      w.closeWithError(error);
      assert.equal(await waiting, error ?? null);
      assert.equal(await r.read(new Uint8Array(4)).catch((e: unknown) => e), error ?? null);
      assert.ok((await rejection(w.write(bytes('x')))) instanceof ClosedPipeError);
    });

    test(`the reader closing ${how} ends a waiting write, which counts what was read`, async () => {
      const [r, w] = pipe();
      const waiting = rejection(w.write(bytes('abcdef')));
      assert.equal(await r.read(new Uint8Array(2)), 2);
      r.closeWithError(error);
      for (const [failure, count] of [
        [await waiting, 2] as const,
        [await rejection(w.write(bytes('x'))), 0] as const,
      ]) {
        assert.ok(failure instanceof (error ? WriteError : ClosedPipeError));
        assert.equal(failure.bytesWritten, count);
        if (error) assert.equal(failure.cause, error);
      }
      assert.ok((await rejection(r.read(new Uint8Array(1)))) instanceof ClosedPipeError);
    });
  }

  test('the first close counts, later ones change nothing and never fail', async () => {
    const [r, w] = pipe();
    const first = new Error('first');
    w.closeWithError(first);
    w.closeWithError(new Error('second'));
    await w.close();
    assert.equal(await rejection(r.read(new Uint8Array(1))), first);
  });

  test('an empty write waits for a reader, which goes on waiting for bytes', async () => {
    const [r, w] = pipe();
    let met = false;
    const empty = w.write(new Uint8Array(0)).then((n) => {
      met = true;
      return n;
    });
    await settle();
    assert.equal(met, false);
    const reading = r.read(new Uint8Array(4));
    assert.equal(await empty, 0);
    await w.write(bytes('ab'));
    assert.equal(await reading, 2);
  });

  test('a read of an empty p resolves 0, and tells of an end', async () => {
    const [r, w] = pipe();
    assert.equal(await r.read(new Uint8Array(0)), 0);
    await w.close();
    assert.equal(await r.read(new Uint8Array(0)), null);
  });

  test('concurrent writes arrive whole, concurrent reads are served in turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        async (lengths, size) => {
          const [r, w] = pipe();
          const data = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
          const done = Promise.all(data.map((p) => w.write(p))).then(() => w.close());
          const got: number[] = [];
          const p = new Uint8Array(size);
          for (let n = await r.read(p); n !== null; n = await r.read(p)) got.push(...p.subarray(0, n));
          await done;
          assert.deepEqual(
            got,
            data.flatMap((d) => [...d]),
          );
        },
      ),
    );
  });

  test('memory that is transferred away during a wait fails that call only', async () => {
    const [r, w] = pipe();
    const gone = new Uint8Array(4);
    const reading = rejection(r.read(gone));
    transferAway(gone);
    const next = r.read(new Uint8Array(4));
    await w.write(bytes('ab'));
    assert.ok((await reading) instanceof ArgumentTypeError);
    assert.equal(await next, 2);
    const lost = bytes('abcd');
    const writing = rejection(w.write(lost));
    transferAway(lost);
    const last = r.read(new Uint8Array(4));
    const failure = await writing;
    assert.ok(failure instanceof WriteError && failure.bytesWritten === 0);
    await w.close();
    assert.equal(await last, null);
  });

  test('connects copy with readAll', async () => {
    const [r, w] = pipe();
    const all = readAll(r);
    const [inner, outer] = pipe();
    const passing = copy(w, inner).then(() => w.close());
    await writeString(outer, 'through two pipes');
    await outer.close();
    await passing;
    assert.equal(text(await all), 'through two pipes');
  });

  test('await using closes an end', async () => {
    const [r, w] = pipe();
    {
      await using end = w;
      assert.ok(end);
    }
    assert.equal(await r.read(new Uint8Array(1)), null);
  });

  test('wrong arguments reject with typed errors', async () => {
    const [r, w] = pipe();
    for (const wrong of [undefined, 'text', [1], new ArrayBuffer(2), detached()]) {
      assert.ok((await rejection(r.read(wrong as never))) instanceof ArgumentTypeError);
      assert.ok((await rejection(w.write(wrong as never))) instanceof ArgumentTypeError);
    }
  });
});
