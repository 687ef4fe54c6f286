import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Buffer, BufferTooLargeError, InvalidUnreadByteError, InvalidUnreadRuneError } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  BadReadCountError,
  BadWriteCountError,
  ConcurrentUseError,
  CopyError,
  copy,
  NoProgressError,
  pipe,
  ShortWriteError,
} from 'gopark/io';
import { bytes, detached, Recorder, rejection, ScriptedReader, text } from '../io/readers.ts';

type Step =
  | { kind: 'write' | 'append' | 'from'; data: Uint8Array }
  | { kind: 'string'; s: string }
  | { kind: 'read' | 'next' | 'peek' | 'truncate' | 'grow'; n: number }
  | { kind: 'byte' | 'rune' | 'bytes' | 'unread' | 'reset' | 'to' | 'space' };
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('write', 'append', 'from'), data: fc.uint8Array({ maxLength: 90 }) }),
    fc.record({ kind: fc.constant('string'), s: fc.string({ unit: 'binary' }) }),
    fc.record({ kind: fc.constantFrom('read', 'next', 'peek', 'truncate', 'grow'), n: fc.nat(90) }),
    fc.record({ kind: fc.constantFrom('byte', 'rune', 'bytes', 'unread', 'reset', 'to', 'space') }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
);

describe('Buffer', () => {
  test('any calls against a plain array', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), steps, async (init, list) => {
        const buffer = new Buffer(init.slice());
        let model = [...init];
        let last: number | null = null;
        for (const step of list) {
          let read: number | null = null;
          switch (step.kind) {
            case 'write':
              assert.equal(await buffer.write(step.data), step.data.length);
              model.push(...step.data);
              break;
            case 'append':
              assert.equal(buffer.append(step.data), buffer);
              model.push(...step.data);
              break;
            case 'from':
              assert.equal(
                await buffer.readFrom(new ScriptedReader(step.data, { sizes: [0, 9] })),
                step.data.length,
              );
              model.push(...step.data);
              break;
            case 'string':
              assert.equal(await buffer.writeString(step.s), bytes(step.s).length);
              model.push(...bytes(step.s));
              break;
            case 'space': {
              const space = buffer.availableBuffer();
              assert.equal(space.length, buffer.available);
              const n = Math.min(3, space.length);
              space.fill(7, 0, n);
              await buffer.write(space.subarray(0, n));
              model.push(...new Array<number>(n).fill(7));
              break;
            }
            case 'read': {
              const p = new Uint8Array(step.n);
              const n = await buffer.read(p);
              if (model.length === 0) assert.equal(n, step.n === 0 ? 0 : null);
              else assert.deepEqual([...p.subarray(0, n!)], model.splice(0, step.n));
              if (n) read = p[n - 1]!;
              break;
            }
            case 'next': {
              const view = [...buffer.next(step.n)];
              assert.deepEqual(view, model.splice(0, step.n));
              read = view.at(-1) ?? null;
              break;
            }
            case 'peek':
              assert.deepEqual([...buffer.peek(step.n)], model.slice(0, step.n));
              read = last;
              break;
            case 'truncate':
              if (step.n > model.length) assert.throws(() => buffer.truncate(step.n), ArgumentRangeError);
              else buffer.truncate(step.n);
              if (step.n <= model.length) model = model.slice(0, step.n);
              else read = last;
              break;
            case 'grow':
              buffer.grow(step.n);
              assert.ok(buffer.available >= step.n);
              break;
            case 'byte': {
              const byte = await buffer.readByte();
              assert.equal(byte, model.shift() ?? null);
              read = byte;
              break;
            }
            case 'rune': {
              const rune = await buffer.readRune();
              if (rune === null) {
                assert.equal(model.length, 0);
              } else {
                const raw = Uint8Array.from(model.splice(0, rune.size));
                assert.equal(String.fromCodePoint(rune.codePoint), text(raw));
                read = raw.at(-1)!;
              }
              break;
            }
            case 'bytes': {
              const line = await buffer.readBytes('\n');
              const at = model.indexOf(10);
              const expected = model.splice(0, at < 0 ? model.length : at + 1);
              assert.deepEqual(line === null ? null : [...line], expected.length === 0 ? null : expected);
              read = expected.at(-1) ?? null;
              break;
            }
            case 'unread':
              if (last === null) {
                assert.throws(() => buffer.unreadByte(), InvalidUnreadByteError);
              } else {
                buffer.unreadByte();
                model.unshift(last);
              }
              break;
            case 'reset':
              buffer.reset();
              model = [];
              break;
            case 'to': {
              const to = new Recorder();
              assert.equal(await buffer.writeTo(to), model.length);
              assert.deepEqual([...to.all], model);
              assert.equal(to.writes.length, model.length > 0 ? 1 : 0);
              model = [];
              break;
            }
          }
          last = read;
          assert.equal(buffer.length, model.length);
          assert.deepEqual([...buffer.bytes()], model);
          assert.ok(buffer.length + buffer.available <= buffer.capacity);
        }
        assert.equal(buffer.toString(), text(Uint8Array.from(model)));
      }),
      { numRuns: 300 },
    );
  });

  test('takes its first array over, as content', async () => {
    const init = bytes('abc');
    const buffer = new Buffer(init);
    assert.equal(buffer.bytes().buffer, init.buffer);
    assert.equal(buffer.toString(), 'abc');
    assert.equal(new Buffer('text').toString(), 'text');
    assert.equal(new Buffer().length, 0);
  });

  test('empty: null, but 0 for an empty p; bytes again after a write', async () => {
    const buffer = new Buffer();
    assert.equal(await buffer.read(new Uint8Array(1)), null);
    assert.equal(await buffer.read(new Uint8Array(0)), 0);
    await buffer.writeByte(65);
    assert.equal(await buffer.readString('\n'), 'A');
    assert.equal(await buffer.readString('\n'), null);
  });

  test('stays small where as much is read as written', async () => {
    const buffer = new Buffer();
    for (let i = 0; i < 10_000; i++) {
      buffer.append('0123456789');
      if (i > 2) buffer.next(10);
    }
    assert.ok(buffer.capacity <= 512, `capacity ${buffer.capacity}`);
  });

  test('unread: a byte after any read, a rune only after readRune, nothing after a write', async () => {
    const buffer = new Buffer('€x');
    assert.throws(() => buffer.unreadByte(), InvalidUnreadByteError);
    await buffer.readRune();
    buffer.unreadRune();
    assert.throws(() => buffer.unreadRune(), InvalidUnreadRuneError);
    assert.deepEqual(await buffer.readRune(), { codePoint: 0x20ac, size: 3 });
    await buffer.readByte();
    assert.throws(() => buffer.unreadRune(), InvalidUnreadRuneError);
    buffer.unreadByte();
    assert.equal(buffer.toString(), 'x');
    buffer.next(1);
    buffer.append('y');
    assert.throws(() => buffer.unreadByte(), InvalidUnreadByteError);
  });

  test('nothing can be taken back after a grow, which may have moved the bytes', async () => {
    const buffer = new Buffer('a');
    await buffer.readByte();
    buffer.grow(1);
    assert.throws(() => buffer.unreadByte(), InvalidUnreadByteError);
    assert.equal(buffer.length, 0);
  });

  test('readFrom keeps what came before an error, and finds broken readers out', async () => {
    const error = new Error('source');
    const buffer = new Buffer('>');
    const failure = await rejection(buffer.readFrom(new ScriptedReader('abc', { error })));
    assert.ok(failure instanceof CopyError && failure.cause === error && failure.bytesCopied === 3);
    assert.equal(buffer.toString(), '>abc');
    for (const count of [-1, 1e9]) {
      const broken = (await rejection(buffer.readFrom({ read: async () => count }))) as CopyError;
      assert.ok(broken.cause instanceof BadReadCountError);
    }
    assert.ok(
      ((await rejection(buffer.readFrom({ read: async () => 0 }))) as CopyError).cause instanceof
        NoProgressError,
    );
    assert.equal(buffer.toString(), '>abc');
  });

  test('writeTo keeps what was not taken', async () => {
    const buffer = new Buffer('abcdef');
    const to = new Recorder();
    to.failAt = 2;
    const failure = await rejection(copy(to, buffer));
    assert.ok(failure instanceof CopyError && failure.bytesCopied === 2);
    assert.equal(buffer.toString(), 'cdef');
    assert.ok(
      ((await rejection(buffer.writeTo({ write: async () => 1 }))) as CopyError).cause instanceof
        ShortWriteError,
    );
    assert.ok(
      ((await rejection(buffer.writeTo({ write: async () => 99 }))) as CopyError).cause instanceof
        BadWriteCountError,
    );
    assert.equal(buffer.toString(), 'def');
  });

  test('use during a readFrom rejects and disturbs nothing', async () => {
    const [r, w] = pipe();
    const buffer = new Buffer();
    const filling = buffer.readFrom(r);
    assert.ok((await rejection(buffer.write(bytes('x')))) instanceof ConcurrentUseError);
    assert.ok((await rejection(buffer.read(new Uint8Array(1)))) instanceof ConcurrentUseError);
    assert.ok((await rejection(buffer.readByte())) instanceof ConcurrentUseError);
    assert.throws(() => buffer.append('x'), ConcurrentUseError);
    assert.throws(() => buffer.reset(), ConcurrentUseError);
    await w.write(bytes('whole'));
    await w.close();
    assert.equal(await filling, 5);
    assert.equal(buffer.toString(), 'whole');
  });

  test('too large is a typed error, and the content stays', async () => {
    const buffer = new Buffer('abc');
    assert.throws(() => buffer.grow(2 ** 52), BufferTooLargeError);
    assert.equal(buffer.toString(), 'abc');
  });

  test('wrong arguments give typed errors', async () => {
    const buffer = new Buffer('abc');
    for (const wrong of [undefined, null, 1, [1], detached()]) {
      assert.ok((await rejection(buffer.write(wrong as never))) instanceof ArgumentTypeError);
      assert.ok((await rejection(buffer.read(wrong as never))) instanceof ArgumentTypeError);
      assert.throws(() => buffer.append(wrong as never), ArgumentTypeError);
    }
    assert.throws(() => new Buffer(1 as never), ArgumentTypeError);
    for (const n of [-1, Number.NaN, 0.5]) {
      assert.throws(() => buffer.next(n), ArgumentRangeError);
      assert.throws(() => buffer.peek(n), ArgumentRangeError);
      assert.throws(() => buffer.grow(n), ArgumentRangeError);
      assert.throws(() => buffer.truncate(n), ArgumentRangeError);
    }
    assert.throws(() => buffer.truncate(4), ArgumentRangeError);
    assert.ok((await rejection(buffer.writeByte(256))) instanceof ArgumentRangeError);
    assert.ok((await rejection(buffer.writeString(null as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(buffer.readBytes('ab'))) instanceof ArgumentRangeError);
    assert.ok((await rejection(buffer.readFrom({} as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(buffer.writeTo({} as never))) instanceof ArgumentTypeError);
    assert.equal(buffer.toString(), 'abc');
  });
});
