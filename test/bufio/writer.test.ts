import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Reader, ReadWriter, Writer } from 'gopark/bufio';
import { Buffer as ByteBuffer, StringReader } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  ConcurrentUseError,
  CopyError,
  copy,
  NoProgressError,
  pipe,
  ShortWriteError,
  WriteError,
} from 'gopark/io';
import { bytes, Recorder, rejection, ScriptedNonblocking, ScriptedReader, text } from '../io/readers.ts';

type Step =
  | ['write', Uint8Array]
  | ['string', string]
  | ['byte', number]
  | ['rune', number]
  | ['flush']
  | ['from', Uint8Array];
const steps = fc.array(
  fc.oneof(
    fc.tuple(fc.constant('write'), fc.uint8Array({ maxLength: 60 })),
    fc.tuple(fc.constant('string'), fc.string({ unit: 'binary', maxLength: 60 })),
    fc.tuple(fc.constant('byte'), fc.nat(255)),
    fc.tuple(fc.constant('rune'), fc.integer({ min: -1, max: 0x110000 })),
    fc.tuple(fc.constant('from'), fc.uint8Array({ maxLength: 60 })),
    fc.constant(['flush']),
  ) as fc.Arbitrary<Step>,
  { maxLength: 25 },
);

function bytesOf(step: Step): Uint8Array {
  if (step[0] === 'flush') return new Uint8Array(0);
  if (step[0] === 'string') return bytes(step[1]);
  if (step[0] === 'byte') return new Uint8Array([step[1]]);
  if (step[0] !== 'rune') return step[1];
  const valid = step[1] >= 0 && step[1] <= 0x10ffff && !(step[1] >= 0xd800 && step[1] <= 0xdfff);
  return bytes(String.fromCodePoint(valid ? step[1] : 0xfffd));
}

async function take(writer: Writer, step: Step): Promise<number> {
  if (step[0] === 'write') return writer.write(step[1]);
  if (step[0] === 'string') return writer.writeString(step[1]);
  if (step[0] === 'rune') return writer.writeRune(step[1]);
  if (step[0] === 'from') return writer.readFrom(new ScriptedReader(step[1], { sizes: [0, 7, 3] }));
  if (step[0] === 'byte') await writer.writeByte(step[1]);
  else await writer.flush();
  return bytesOf(step).length;
}

describe('Writer against a model', () => {
  test('any calls pass everything on in order; what is not flushed is buffered', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (list, size, rich) => {
        const recorder = new Recorder();
        const target = rich ? new ByteBuffer() : recorder;
        const written = () => (rich ? (target as ByteBuffer).bytes() : recorder.all);
        const writer = new Writer(target, size);
        const expected: number[] = [];
        for (const step of list) {
          const data = bytesOf(step);
          assert.equal(await take(writer, step), data.length);
          expected.push(...data);
          assert.equal(writer.buffered + writer.available, size);
          assert.deepEqual(
            Uint8Array.from(written()),
            Uint8Array.from(expected.slice(0, expected.length - writer.buffered)),
          );
          if (step[0] === 'flush') assert.equal(writer.buffered, 0);
        }
        if (!rich)
          assert.ok(
            recorder.writes.every((p) => p.length > 0),
            'no empty writes',
          );
      }),
    );
  });

  test('a target that fails at any byte: every byte is written, buffered or reported, and the error sticks', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 40 }), fc.nat(200), async (list, size, failAt) => {
        const to = new Recorder();
        to.failAt = failAt;
        const writer = new Writer(to, size);
        const accepted: number[] = [];
        let failure: unknown;
        for (const step of list) {
          try {
            await take(writer, step);
            accepted.push(...bytesOf(step));
          } catch (e) {
            assert.ok(e instanceof WriteError || e instanceof CopyError);
            const count = e instanceof WriteError ? e.bytesWritten : e.bytesCopied;
            accepted.push(...bytesOf(step).subarray(0, count));
            failure = e.cause;
            break;
          }
        }
        assert.deepEqual([...to.all], accepted.slice(0, to.taken));
        assert.equal(writer.buffered, accepted.length - to.taken);
        if (failure === undefined) return;
        for (const again of [
          writer.flush(),
          writer.write(bytes('x')),
          writer.writeString('x'),
          writer.writeByte(1),
        ]) {
          const e = await rejection(again);
          assert.ok(e instanceof WriteError && e.cause === failure && e.bytesWritten === 0);
        }
        const next = new Recorder();
        writer.reset(next);
        await writer.writeString('fresh');
        await writer.flush();
        assert.equal(next.text, 'fresh');
      }),
    );
  });
});

describe('Writer', () => {
  test('what is larger than an empty buffer goes to the target uncopied', async () => {
    const seen: Uint8Array[] = [];
    const writer = new Writer({ write: async (p) => seen.push(p) && p.length }, 4);
    const large = bytes('0123456789');
    await writer.write(large);
    assert.equal(seen[0], large);
    await writer.write(bytes('ab'));
    await writer.write(large);
    assert.deepEqual(
      seen.map((p) => p.length),
      [10, 4, 8],
    );
    assert.equal(writer.buffered, 0);
  });

  test('nothing buffered means no write by flush', async () => {
    const to = new Recorder();
    const writer = new Writer(to);
    await writer.flush();
    await writer.write(new Uint8Array(0));
    await writer.writeString('');
    await writer.flush();
    assert.equal(to.writes.length, 0);
  });

  test('a target that takes less without an error is ShortWriteError; the rest stays', async () => {
    const writer = new Writer({ write: async () => 2 });
    await writer.writeString('abcd');
    const failure = await rejection(writer.flush());
    assert.ok(failure instanceof WriteError && failure.cause instanceof ShortWriteError);
    assert.equal(writer.buffered, 2);
    const next = new Recorder();
    writer.reset(next);
    assert.equal(writer.buffered, 0);
  });

  test('big strings go to writeString of the target, only with an empty buffer', async () => {
    const calls: string[] = [];
    const target = {
      write: async (p: Uint8Array) => (calls.push(`write ${p.length}`) ? p.length : 0),
      writeString: async (s: string) => (calls.push(`string ${s.length}`) ? s.length : 0),
    };
    const writer = new Writer(target, 8);
    await writer.writeString('0123456789');
    await writer.writeString('a');
    await writer.writeString('0123456789');
    await writer.flush();
    assert.deepEqual(calls, ['string 10', 'write 8', 'write 3']);
  });

  test('tryWrite takes all or nothing', async () => {
    const writer = new Writer(new Recorder(), 4);
    assert.equal(writer.tryWrite(bytes('abc')), true);
    assert.equal(writer.tryWrite(bytes('de')), false);
    assert.equal(writer.buffered, 3);
  });

  test('the free buffer can be filled in place, also behind what is buffered', async () => {
    const to = new Recorder();
    const writer = new Writer(to, 16);
    for (const s of ['one', 'two', 'three']) {
      const space = writer.availableBuffer();
      assert.equal(space.length, writer.available);
      space.set(bytes(s));
      await writer.write(space.subarray(0, s.length));
    }
    await writer.flush();
    assert.equal(to.text, 'onetwothree');
  });

  test('readFrom fills up the buffer, then leaves the rest to the target', async () => {
    const order: string[] = [];
    const target = {
      write: async (p: Uint8Array) => (order.push(text(p)) ? p.length : 0),
      async readFrom(r: { read(p: Uint8Array): Promise<number | null> }) {
        const p = new Uint8Array(64);
        const n = (await r.read(p)) ?? 0;
        order.push(`from:${text(p.subarray(0, n))}`);
        return n;
      },
    };
    const writer = new Writer(target, 16);
    await writer.writeString('12345678');
    assert.equal(await writer.readFrom(new StringReader('abcdefghijkl')), 12);
    assert.deepEqual(order, ['12345678abcdefgh', 'from:ijkl']);
    assert.equal(await copy(new Writer(target), new ScriptedReader('direct')), 6);
    assert.equal(order.at(-1), 'from:direct');
  });

  test('readFrom flushes only a full buffer, works on one, and keeps failing targets failed', async () => {
    const to = new Recorder();
    const writer = new Writer(to, 10);
    assert.equal(await writer.readFrom(new ScriptedReader('x'.repeat(25), { sizes: [4] })), 25);
    assert.deepEqual(
      to.writes.map((p) => p.length),
      [10, 10],
    );
    assert.equal(writer.buffered, 5);
    await writer.writeString('yyyyy');
    assert.equal(writer.available, 0);
    assert.equal(await writer.readFrom(new ScriptedNonblocking('z', { sizes: [0, 1] })), 1);
    assert.equal(to.writes.length, 3);
    assert.ok(
      ((await rejection(writer.readFrom(new ScriptedReader('x', { sizes: [0] })))) as CopyError)
        .cause instanceof NoProgressError,
    );
    const cause = new Error('target');
    const failing = new Writer({
      write: async (p: Uint8Array) => p.length,
      readFrom: () => Promise.reject(cause),
    } as never);
    const failure = await rejection(failing.readFrom(new StringReader('abc')));
    assert.ok(failure instanceof CopyError && failure.cause === cause);
    assert.equal(((await rejection(failing.flush())) as WriteError).cause, cause);
  });

  test("the source's error leaves the writer usable", async () => {
    const error = new Error('source');
    const to = new Recorder();
    const writer = new Writer(to);
    const failure = await rejection(writer.readFrom(new ScriptedReader('abc', { error })));
    assert.ok(
      failure instanceof CopyError &&
        failure.cause === error &&
        failure.bytesCopied === 3 &&
        failure.side === 'read',
    );
    await writer.flush();
    assert.equal(to.text, 'abc');
  });

  test('a writer over a large enough writer is that writer', () => {
    const inner = new Writer(new Recorder(), 64);
    assert.equal(new Writer(inner, 64), inner);
    assert.notEqual(new Writer(inner, 65), inner);
    assert.equal(new Writer(new Recorder(), 0).size, 4096);
  });

  test('await using flushes', async () => {
    const to = new Recorder();
    {
      await using writer = new Writer(to);
      await writer.writeString('bye');
    }
    assert.equal(to.text, 'bye');
  });

  test('a second call during a flush rejects and disturbs nothing', async () => {
    const [r, w] = pipe();
    const writer = new Writer(w);
    await writer.writeString('abc');
    const flushing = writer.flush();
    for (const second of [
      writer.writeString('x'),
      writer.write(bytes('x')),
      writer.flush(),
      writer.writeByte(1),
      writer.readFrom(r),
    ]) {
      assert.ok((await rejection(second)) instanceof ConcurrentUseError);
    }
    assert.throws(() => writer.availableBuffer(), ConcurrentUseError);
    assert.throws(() => writer.reset(w), ConcurrentUseError);
    const p = new Uint8Array(8);
    assert.equal(await r.read(p), 3);
    await flushing;
  });

  test('wrong arguments give typed errors and change nothing', async () => {
    assert.throws(() => new Writer({} as never), ArgumentTypeError);
    assert.throws(() => new Writer(new Recorder(), -1), ArgumentRangeError);
    assert.throws(() => new Writer(new Recorder(), Number.NaN), ArgumentRangeError);
    const writer = new Writer(new Recorder());
    assert.ok((await rejection(writer.write('x' as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(writer.writeString(1 as never))) instanceof ArgumentTypeError);
    for (const byte of [-1, 256, 0.5, Number.NaN]) {
      assert.ok((await rejection(writer.writeByte(byte))) instanceof ArgumentRangeError);
    }
    assert.ok((await rejection(writer.writeRune(0.5))) instanceof ArgumentRangeError);
    assert.ok((await rejection(writer.readFrom({} as never))) instanceof ArgumentTypeError);
    assert.equal(writer.buffered, 0);
  });
});

describe('ReadWriter', () => {
  test('pairs a reader and a writer; reading does not flush', async () => {
    const to = new Recorder();
    const both = new ReadWriter(new StringReader('ping\nrest'), to);
    assert.equal(await both.readString('\n'), 'ping\n');
    await both.writeString('pong');
    await both.write(bytes('!'));
    assert.equal(await both.read(new Uint8Array(9)), 4);
    assert.equal(to.text, '');
    await both.flush();
    assert.equal(to.text, 'pong!');
    const reader = new Reader(new StringReader(''));
    assert.equal(new ReadWriter(reader, to).reader, reader);
  });
});
