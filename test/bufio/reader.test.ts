import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BufferFullError, InvalidUnreadByteError, InvalidUnreadRuneError, Reader } from 'gopark/bufio';
import { Buffer as ByteBuffer, StringReader } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  BadReadCountError,
  ConcurrentUseError,
  CopyError,
  copy,
  LimitExceededError,
  NoProgressError,
  pipe,
  ReadError,
} from 'gopark/io';
import {
  bytes,
  detached,
  Recorder,
  rejection,
  ScriptedNonblocking,
  ScriptedReader,
  settle,
  text,
} from '../io/readers.ts';

const pieces = fc
  .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 })
  .filter((sizes) => sizes.some((n) => n > 0));
const anyText = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc
    .array(fc.constantFrom('a', 'bc', '\n', '\r\n', '\r', 'é', '€', '𝄞', 'x'.repeat(17)), { maxLength: 40 })
    .map((parts) => bytes(parts.join(''))),
);
const error = new Error('source failed');

type Step =
  | { kind: 'read' | 'peek' | 'discard' | 'tryRead'; n: number }
  | { kind: 'byte' | 'rune' | 'slice' | 'bytes' | 'string' | 'line' | 'unreadByte' | 'unreadRune' };
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('read', 'peek', 'discard', 'tryRead'),
      n: fc.integer({ min: 0, max: 40 }),
    }),
    fc.record({
      kind: fc.constantFrom('byte', 'rune', 'slice', 'bytes', 'string', 'line', 'unreadByte', 'unreadRune'),
    }),
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 30 },
);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What each call must give, with all of the data known. `at` is the position. */
class Model {
  at = 0;
  readonly data: Uint8Array;
  constructor(data: Uint8Array) {
    this.data = data;
  }
  through(delimiter: number): Uint8Array | null {
    if (this.at === this.data.length) return null;
    const index = this.data.indexOf(delimiter, this.at);
    const end = index < 0 ? this.data.length : index + 1;
    const found = this.data.slice(this.at, end);
    this.at = end;
    return found;
  }
  rune(): { codePoint: number; size: number } | null {
    if (this.at === this.data.length) return null;
    for (let size = 1; size <= 4; size++) {
      try {
        const character = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
          this.data.subarray(this.at, this.at + size),
        );
        this.at += size;
        return { codePoint: character.codePointAt(0)!, size };
      } catch {
        // Not a whole character: one byte more.
      }
    }
    this.at++;
    return { codePoint: 0xfffd, size: 1 };
  }
}

async function play(reader: Reader, model: Model, list: Step[]): Promise<void> {
  const { data } = model;
  for (const step of list) {
    const from = model.at;
    const left = data.length - from;
    switch (step.kind) {
      case 'read':
      case 'tryRead': {
        const p = new Uint8Array(step.n);
        const n = step.kind === 'read' ? await reader.read(p) : reader.tryRead(p);
        if (n === undefined) break;
        if (n === null) {
          assert.ok(left === 0 && step.n > 0);
        } else {
          assert.ok(n <= step.n && n <= left);
          assert.deepEqual(p.subarray(0, n), data.subarray(from, from + n));
          model.at += n;
        }
        break;
      }
      case 'peek': {
        const result = await reader.peek(step.n).catch((e: unknown) => e);
        if (step.n > reader.size && left >= reader.size) {
          assert.ok(result instanceof BufferFullError);
          assert.deepEqual(result.partial, data.slice(from, from + reader.size));
        } else if (left === 0 && step.n > 0) {
          assert.equal(result, null);
        } else {
          assert.deepEqual(Uint8Array.from(result as Uint8Array), data.slice(from, from + step.n));
        }
        break;
      }
      case 'discard': {
        const n = await reader.discard(step.n);
        assert.equal(n, Math.min(step.n, left));
        model.at += n;
        break;
      }
      case 'byte':
        assert.equal(await reader.readByte(), left === 0 ? null : data[model.at++]);
        break;
      case 'rune':
        assert.deepEqual(await reader.readRune(), model.rune());
        break;
      case 'slice': {
        const expected = model.through(0x0a);
        const result = await reader.readSlice('\n').catch((e: unknown) => e);
        // What is beyond a full buffer is consumed by the following calls.
        if (result instanceof BufferFullError) {
          assert.deepEqual(result.partial, data.slice(from, from + reader.size));
          model.at = from + reader.size;
        } else {
          assert.deepEqual(result === null ? null : Uint8Array.from(result as Uint8Array), expected);
        }
        break;
      }
      case 'bytes':
        assert.deepEqual(await reader.readBytes(0x0a), model.through(0x0a));
        break;
      case 'string': {
        const expected = model.through(0x0a);
        assert.equal(await reader.readString('\n'), expected === null ? null : decoder.decode(expected));
        break;
      }
      case 'line': {
        const expected = model.through(0x0a);
        const line = await reader.readLine();
        const ending = /\r?\n$/.exec(expected === null ? '' : Buffer.from(expected).toString('latin1'));
        const length = (expected?.length ?? 0) - (ending?.[0].length ?? 0);
        assert.deepEqual(line === null ? null : Uint8Array.from(line), expected?.slice(0, length) ?? null);
        break;
      }
      case 'unreadByte':
        try {
          reader.unreadByte();
          model.at--;
        } catch (e) {
          assert.ok(e instanceof InvalidUnreadByteError);
        }
        break;
      case 'unreadRune':
        try {
          const before = reader.buffered;
          reader.unreadRune();
          model.at -= reader.buffered - before;
        } catch (e) {
          assert.ok(e instanceof InvalidUnreadRuneError);
        }
        break;
    }
  }
}

describe('Reader against a model', () => {
  for (const nonblocking of [false, true]) {
    test(`any calls in any order over any pieces, ${nonblocking ? 'a source that can be asked' : 'a plain source'}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          anyText,
          pieces,
          steps,
          fc.integer({ min: 16, max: 64 }),
          async (data, sizes, list, size) => {
            const src = nonblocking
              ? new ScriptedNonblocking(data, { sizes })
              : new ScriptedReader(data, { sizes });
            const reader = new Reader(src, size);
            const model = new Model(data);
            await play(reader, model, list);
            const rest = new Recorder();
            await reader.writeTo(rest);
            assert.deepEqual(rest.all, data.slice(model.at));
          },
        ),
        { numRuns: 300 },
      );
    });
  }

  test('data before an error is never lost, wherever the error is', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        pieces,
        fc.boolean(),
        fc.constantFrom('slice', 'bytes', 'string', 'line', 'read', 'byte', 'peek', 'discard'),
        async (data, sizes, nonblocking, kind) => {
          const script = { sizes, error };
          const src = nonblocking ? new ScriptedNonblocking(data, script) : new ScriptedReader(data, script);
          const reader = new Reader(src, 16);
          const got: number[] = [];
          let failure: unknown;
          const p = new Uint8Array(7);
          while (failure === undefined) {
            try {
              if (kind === 'slice') got.push(...(await reader.readSlice(10))!);
              else if (kind === 'bytes') got.push(...(await reader.readBytes(10))!);
              else if (kind === 'string') got.push(...Buffer.from((await reader.readString(10))!, 'latin1'));
              else if (kind === 'line') got.push((await reader.readLine())!.length);
              else if (kind === 'read') got.push(...p.subarray(0, (await reader.read(p))!));
              else if (kind === 'byte') got.push((await reader.readByte())!);
              else if (kind === 'discard') got.push(...new Uint8Array(await reader.discard(5)));
              else {
                const view = (await reader.peek(3))!;
                got.push(...view);
                await reader.discard(view.length);
              }
            } catch (e) {
              if (e instanceof BufferFullError) got.push(...e.partial);
              else failure = e;
            }
          }
          const wraps = kind !== 'read' && kind !== 'byte';
          assert.equal(wraps ? (failure as ReadError).cause : failure, error);
          if (kind === 'slice' || kind === 'bytes' || kind === 'peek') {
            got.push(...(failure as ReadError).partial);
            assert.deepEqual(Uint8Array.from(got), data);
          }
          if (kind === 'read' || kind === 'byte') assert.deepEqual(Uint8Array.from(got), data);
          if (kind === 'discard') assert.equal(got.length + (failure as ReadError).bytesRead, data.length);
        },
      ),
    );
  });
});

describe('Reader.read', () => {
  test('makes at most one read of the source, and none for what is buffered', async () => {
    const src = new ScriptedReader('abcdefgh', { sizes: [3] });
    const reader = new Reader(src);
    const p = new Uint8Array(2);
    assert.equal(await reader.read(p), 2);
    assert.equal(await reader.read(p), 1);
    assert.equal(src.reads, 1);
    assert.equal(await reader.read(p), 2);
    assert.equal(src.reads, 2);
  });

  test('reads straight into a p as large as the empty buffer', async () => {
    const seen: number[] = [];
    const reader = new Reader({ read: async (p) => seen.push(p.length) }, 16);
    await reader.read(new Uint8Array(16));
    await reader.read(new Uint8Array(40));
    await reader.read(new Uint8Array(3));
    assert.deepEqual(seen, [16, 40, 16]);
    assert.equal(reader.buffered, 0);
  });

  test('an empty p resolves 0 without a read', async () => {
    const src = new ScriptedReader('', { error });
    assert.equal(await new Reader(src).read(new Uint8Array(0)), 0);
    assert.equal(src.reads, 0);
  });

  test('the end is asked for again, an error is delivered once', async () => {
    const src = new ScriptedReader('a', { error, errorOnce: true });
    const reader = new Reader(src);
    assert.equal(await reader.readByte(), 0x61);
    assert.equal(await rejection(reader.readByte()), error);
    assert.equal(await reader.readByte(), null);
    assert.equal(await reader.readByte(), null);
    assert.equal(src.reads, 4);
  });

  test('impossible counts are the source at fault', async () => {
    for (const n of [-1, 5000, 0.5, Number.NaN]) {
      assert.ok(
        (await rejection(new Reader({ read: async () => n }).readByte())) instanceof BadReadCountError,
      );
      assert.ok(
        (await rejection(new Reader({ read: async () => n }).read(new Uint8Array(4096)))) instanceof
          BadReadCountError,
      );
      const asked = { read: async () => n, tryRead: () => n, waitReadable: async () => {} };
      assert.ok((await rejection(new Reader(asked).readByte())) instanceof BadReadCountError);
    }
  });

  test('endless reads of nothing end with NoProgressError', async () => {
    const stuck = new ScriptedReader('x', { sizes: [0] });
    assert.ok((await rejection(new Reader(stuck).readByte())) instanceof NoProgressError);
    const asked = { read: async () => 0, tryRead: () => 0, waitReadable: async () => {} };
    assert.ok((await rejection(new Reader(asked).readByte())) instanceof NoProgressError);
  });
});

describe('Reader.peek', () => {
  test('shows without consuming, across the end of the buffer', async () => {
    const reader = new Reader(new ScriptedReader('abcdefghijklmnopqrst', { sizes: [6] }), 16);
    assert.equal(text((await reader.peek(1))!), 'a');
    assert.equal(text((await reader.peek(4))!), 'abcd');
    assert.ok((await rejection(reader.peek(-1))) instanceof ArgumentRangeError);
    const full = await rejection(reader.peek(32));
    assert.ok(full instanceof BufferFullError);
    assert.equal(text(full.partial), 'abcdefghijklmnop');
    await reader.discard(16);
    assert.equal(text((await reader.peek(9))!), 'qrst');
    await reader.discard(4);
    assert.equal((await reader.peek(0))!.length, 0);
    assert.equal(await reader.peek(1), null);
  });

  test('a failing source leaves what is buffered to be read', async () => {
    const reader = new Reader(new ScriptedReader('ab', { error, errorOnce: true }));
    const failure = await rejection(reader.peek(3));
    assert.ok(failure instanceof ReadError && failure.cause === error);
    assert.equal(text(failure.partial), 'ab');
    assert.equal(await reader.readString('\n'), 'ab');
  });
});

describe('Reader.unreadByte and unreadRune', () => {
  test('work once after each way of reading, not after peek, discard, writeTo or twice', async () => {
    const ways: ((r: Reader) => Promise<unknown>)[] = [
      (r) => r.readByte(),
      (r) => r.read(new Uint8Array(3)),
      (r) => r.read(new Uint8Array(64)),
      (r) => r.readSlice('\n'),
      (r) => r.readBytes('\n'),
      (r) => r.readString('\n'),
      (r) => r.readLine(),
      (r) => r.readRune(),
    ];
    for (const way of ways) {
      const reader = new Reader(new ScriptedReader('abcdefgh\nrest'), 16);
      await way(reader);
      reader.unreadByte();
      const again = await reader.readByte();
      assert.ok(again !== null && 'abcdefgh\nrest'.includes(String.fromCharCode(again)));
      reader.unreadByte();
      assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    }
    const reader = new Reader(new ScriptedReader('abcdefgh\nrest'), 16);
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    await reader.readByte();
    await reader.peek(1);
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    await reader.readByte();
    await reader.discard(1);
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    await reader.readRune();
    await reader.writeTo(new Recorder());
    assert.throws(() => reader.unreadRune(), InvalidUnreadRuneError);
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
  });

  test('after a line its ending is what comes back', async () => {
    const reader = new Reader(new StringReader('ab\nc'));
    assert.equal(text((await reader.readLine())!), 'ab');
    reader.unreadByte();
    assert.equal(await reader.readByte(), 10);
  });

  test('unreadRune gives the whole character back, only right after readRune', async () => {
    const reader = new Reader(new ScriptedReader('€𝄞', { sizes: [1] }));
    assert.deepEqual(await reader.readRune(), { codePoint: 0x20ac, size: 3 });
    reader.unreadRune();
    assert.throws(() => reader.unreadRune(), InvalidUnreadRuneError);
    assert.deepEqual(await reader.readRune(), { codePoint: 0x20ac, size: 3 });
    assert.deepEqual(await reader.readRune(), { codePoint: 0x1d11e, size: 4 });
    assert.equal(await reader.readRune(), null);
    assert.throws(() => reader.unreadRune(), InvalidUnreadRuneError);
  });
});

describe('Reader.readSlice, readBytes, readString, readLine', () => {
  test('a slice that fills the buffer rejects, and the rest is still there', async () => {
    const reader = new Reader(new StringReader('0123456789abcdefrest\n'), 16);
    const full = await rejection(reader.readSlice('\n'));
    assert.ok(full instanceof BufferFullError);
    assert.equal(text(full.partial), '0123456789abcdef');
    assert.equal(text((await reader.readSlice('\n'))!), 'rest\n');
    assert.equal(await reader.readSlice('\n'), null);
  });

  test('a limit is met exactly; beyond it limit bytes are consumed and in partial', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 70 }),
        fc.integer({ min: 0, max: 70 }),
        fc.boolean(),
        async (length, limit, nonblocking) => {
          const line = `${'x'.repeat(length)}\n`;
          const src = nonblocking
            ? new ScriptedNonblocking(line, { sizes: [9] })
            : new ScriptedReader(line, { sizes: [9] });
          const reader = new Reader(src, 16);
          const result = await reader.readString('\n', { limit }).catch((e: unknown) => e);
          if (length + 1 <= limit) {
            assert.equal(result, line);
          } else {
            assert.ok(result instanceof LimitExceededError);
            assert.equal(text(result.partial), line.slice(0, limit));
            assert.equal(await reader.readString('\n'), line.slice(limit));
          }
        },
      ),
    );
  });

  test('a line of up to its limit, endings not counted, also across buffers', async () => {
    for (const ending of ['\n', '\r\n', '']) {
      for (const length of [0, 1, 15, 16, 17, 40]) {
        const line = 'x'.repeat(length);
        const source = () => new Reader(new ScriptedReader(line + ending, { sizes: [1] }), 16);
        if (line + ending === '') continue;
        assert.equal(text((await source().readLine({ limit: length }))!), line);
        if (length > 0)
          assert.ok(
            (await rejection(source().readLine({ limit: length - 1 }))) instanceof LimitExceededError,
          );
      }
    }
  });

  test('a line ending across the border of the buffer is one ending; a lone \\r stays', async () => {
    const reader = new Reader(new StringReader('0123456789abcde\r\n0123456789abcdef\r\na\rb\nlast\r'), 16);
    const lines: string[] = [];
    for await (const line of reader.lines()) lines.push(line);
    assert.deepEqual(lines, ['0123456789abcde', '0123456789abcdef', 'a\rb', 'last\r']);
  });

  test('leaving a loop over lines leaves the rest', async () => {
    const reader = new Reader(new StringReader('a\nb\nc'));
    for await (const line of reader.lines()) if (line === 'a') break;
    assert.equal(await reader.readString('\n'), 'b\n');
  });

  test('a failing source sends the started line along', async () => {
    const reader = new Reader(new ScriptedReader('x'.repeat(40), { error }), 16);
    const failure = await rejection(reader.readLine());
    assert.ok(failure instanceof ReadError && failure.cause === error);
    assert.equal(failure.partial.length, 40);
  });

  test('try forms answer what is at hand', async () => {
    const reader = new Reader(new ScriptedReader('ab\ncd', { sizes: [4] }));
    assert.equal(reader.tryReadSlice('\n'), undefined);
    await reader.peek(1);
    assert.equal(text(reader.tryReadSlice('\n')!), 'ab\n');
    assert.equal(reader.tryReadSlice('\n'), undefined);
    assert.equal(reader.tryPeek(2), undefined);
    const asked = new Reader(new ScriptedNonblocking('ab\ncd', { sizes: [2, 0, 2] }));
    assert.equal(asked.tryReadSlice('\n'), undefined);
    assert.equal(text(asked.tryReadSlice('\n')!), 'ab\n');
    assert.equal(text(asked.tryReadSlice('\n')!), 'cd');
    assert.equal(asked.tryReadSlice('\n'), null);
  });
});

describe('Reader.writeTo', () => {
  test('drains the buffer, then the source; nothing buffered means no empty write', async () => {
    const reader = new Reader(new ScriptedReader('abcdef', { sizes: [4] }));
    await reader.readByte();
    const to = new Recorder();
    assert.equal(await copy(to, reader), 5);
    assert.deepEqual(to.writes.map(text), ['bcd', 'ef']);
    assert.equal(await reader.writeTo(to), 0);
    assert.equal(to.writes.length, 2);
  });

  test("uses the source's writeTo, else the destination's readFrom", async () => {
    const target = new ByteBuffer();
    assert.equal(await new Reader(new StringReader('fast')).writeTo(target), 4);
    assert.equal(await new Reader(new ScriptedReader('fast')).writeTo(target), 4);
    assert.equal(target.toString(), 'fastfast');
  });

  test('counts what arrived when either side fails, and loses nothing of the buffer', async () => {
    const to = new Recorder();
    to.failAt = 2;
    const reader = new Reader(new ScriptedReader('abcdef', { sizes: [4] }));
    await reader.peek(4);
    const failure = await rejection(reader.writeTo(to));
    assert.ok(failure instanceof CopyError && failure.bytesCopied === 2);
    assert.equal(await reader.readString('\n'), 'cdef');
    const broken = new Reader(new ScriptedReader('abc', { error }));
    await broken.peek(2);
    const second = await rejection(broken.writeTo(new Recorder()));
    assert.ok(second instanceof CopyError && second.bytesCopied === 3 && second.cause === error);
  });
});

describe('Reader: buffers, reset and use', () => {
  test('holds no buffer while it waits with nothing buffered', async () => {
    // Each taken buffer shows as the `p` of a tryRead; a waiting reader must have given its own back, so the
    // next reader of the same size gets the very same memory.
    const seen = new Set<ArrayBufferLike>();
    let ready = false;
    let wake = () => {};
    const source = () => ({
      read: async () => null,
      tryRead(p: Uint8Array) {
        seen.add(p.buffer);
        return ready ? null : undefined;
      },
      waitReadable: () =>
        new Promise<void>((resolve) => {
          const before = wake;
          wake = () => {
            before();
            resolve();
          };
        }),
    });
    const waiting = Array.from({ length: 50 }, () => new Reader(source(), 8192).readLine());
    await settle();
    assert.equal(seen.size, 1);
    ready = true;
    wake();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([null]));
  });

  test('a view stays whole until the next call', async () => {
    const readers = Array.from({ length: 8 }, (_, i) => new Reader(new ScriptedNonblocking(`line ${i}\n`)));
    const views = await Promise.all(readers.map((r) => r.readLine()));
    assert.deepEqual(
      views.map((view) => text(view!)),
      readers.map((_, i) => `line ${i}`),
    );
  });

  test('a reader over a large enough reader is that reader', () => {
    const inner = new Reader(new StringReader(''), 64);
    assert.equal(new Reader(inner, 32), inner);
    assert.notEqual(new Reader(inner, 128), inner);
    assert.equal(new Reader(inner, 1).size, 64);
    assert.equal(new Reader(new StringReader(''), 0).size, 16);
  });

  test('readers stack: one over another waits through both', async () => {
    const inner = new Reader(new ScriptedReader('one\ntwo\n', { sizes: [3], late: true }), 16);
    const outer = new Reader(inner, 64);
    assert.equal(await outer.readString('\n'), 'one\n');
    assert.equal(await outer.readString('\n'), 'two\n');
    assert.equal(await outer.readString('\n'), null);
  });

  test('reset drops data and starts over; to itself it is nothing', async () => {
    const reader = new Reader(new StringReader('old data'));
    await reader.readByte();
    reader.reset(reader);
    assert.equal(await reader.readByte(), 0x6c);
    reader.reset(new StringReader('new'));
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    assert.equal(await reader.readString('\n'), 'new');
  });

  test('a second call during a wait rejects and disturbs nothing', async () => {
    const [r, w] = pipe();
    const reader = new Reader(r);
    const first = reader.readString('\n');
    for (const second of [
      reader.readByte(),
      reader.read(new Uint8Array(1)),
      reader.readRune(),
      reader.peek(1),
      reader.discard(1),
      reader.readSlice('\n'),
      reader.readLine(),
      reader.writeTo(new Recorder()),
    ]) {
      assert.ok((await rejection(second)) instanceof ConcurrentUseError);
    }
    assert.throws(() => reader.tryReadSlice('\n'), ConcurrentUseError);
    assert.throws(() => reader.unreadByte(), ConcurrentUseError);
    assert.throws(() => reader.reset(r), ConcurrentUseError);
    await w.write(bytes('whole\n'));
    assert.equal(await first, 'whole\n');
  });

  test('wrong arguments give typed errors', async () => {
    assert.throws(() => new Reader({} as never), ArgumentTypeError);
    for (const size of [-1, Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new Reader(new StringReader(''), size), ArgumentRangeError);
    }
    assert.throws(() => new Reader(new StringReader(''), '16' as never), ArgumentTypeError);
    const reader = new Reader(new StringReader('abc'));
    assert.ok((await rejection(reader.read('x' as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(reader.read(detached()))) instanceof ArgumentTypeError);
    assert.ok((await rejection(reader.discard(-1))) instanceof ArgumentRangeError);
    assert.ok((await rejection(reader.discard(Number.NaN))) instanceof ArgumentRangeError);
    for (const wrong of ['', 'ab', 'é', 256, -1, 0.5]) {
      assert.ok((await rejection(reader.readSlice(wrong))) instanceof ArgumentRangeError, String(wrong));
      assert.ok((await rejection(reader.readBytes(wrong))) instanceof ArgumentRangeError);
    }
    assert.ok((await rejection(reader.readString(undefined as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(reader.readBytes('\n', { limit: -1 }))) instanceof ArgumentRangeError);
    assert.ok((await rejection(reader.readLine({ limit: Number.NaN }))) instanceof ArgumentRangeError);
    assert.equal(await reader.readString('\n'), 'abc');
  });
});
