import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  AdvanceTooFarError,
  finalToken,
  NegativeAdvanceError,
  Scanner,
  ScanStartedError,
  type SplitFunction,
  scanBytes,
  scanLines,
  scanRunes,
  scanWords,
  TokenTooLongError,
} from 'gopark/bufio';
import { StringReader } from 'gopark/bytes';
import {
  ArgumentRangeError,
  ArgumentTypeError,
  BadReadCountError,
  ConcurrentUseError,
  NoProgressError,
  pipe,
} from 'gopark/io';
import { bytes, rejection, ScriptedNonblocking, ScriptedReader, settle, text } from '../io/readers.ts';

const pieces = fc
  .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 })
  .filter((sizes) => sizes.some((n) => n > 0));
const someText = fc
  .array(
    fc.constantFrom(
      'a',
      'bc',
      '\n',
      '\r\n',
      '\r',
      ' ',
      '\t',
      'é',
      '€',
      '𝄞',
      '\u00a0',
      '\u3000',
      'x'.repeat(9),
    ),
    {
      maxLength: 40,
    },
  )
  .map((parts) => parts.join(''));

/** The tokens of a scan and what it ended with. */
async function scanAll(scanner: Scanner, how = 0): Promise<{ tokens: string[]; failure: unknown }> {
  const tokens: string[] = [];
  try {
    if (how === 0) while (await scanner.scan()) tokens.push(scanner.text());
    else if (how === 1)
      while (scanner.tryScan() ?? (await scanner.scan())) tokens.push(text(scanner.bytes()));
    else if (how === 2) for await (const token of scanner) tokens.push(token);
    else for await (const view of scanner.views()) tokens.push(text(view));
  } catch (failure) {
    return { tokens, failure };
  }
  return { tokens, failure: undefined };
}

/** A split function that looks for a delimiter, as users write them. */
const byComma: SplitFunction = (data, atEnd) => {
  const at = data.indexOf(0x2c);
  if (at >= 0) return [at + 1, data.subarray(0, at)];
  return atEnd ? [data.length, data, finalToken] : [0];
};

const custom: SplitFunction = (data, atEnd) => scanLines(data, atEnd);

function linesOf(s: string): string[] {
  const lines = s.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => line.replace(/\r$/, ''));
}

const wordsOf = (s: string) => s.split(/[\s\u0085]+/u).filter((word) => word !== '');

describe('Scanner against a model', () => {
  const models: [string, SplitFunction, (s: string) => string[]][] = [
    ['lines', scanLines, linesOf],
    ['lines by a function of the user', custom, linesOf],
    ['words', scanWords, wordsOf],
    ['runes', scanRunes, (s) => [...s]],
  ];
  for (const [name, split, model] of models) {
    test(`${name}: any text in any pieces, every way of scanning, with and without an error behind`, async () => {
      await fc.assert(
        fc.asyncProperty(
          someText,
          pieces,
          fc.boolean(),
          fc.boolean(),
          fc.nat(3),
          fc.integer({ min: 1, max: 20 }),
          async (s, sizes, nonblocking, fails, how, first) => {
            const error = new Error('source');
            const script = { sizes, ...(fails ? { error } : {}) };
            const src = nonblocking
              ? new ScriptedNonblocking(bytes(s), script)
              : new ScriptedReader(s, script);
            const scanner = new Scanner(src).split(split).buffer(first, 4096);
            const { tokens, failure } = await scanAll(scanner, how);
            assert.deepEqual(tokens, model(s));
            assert.equal(failure, fails ? error : undefined);
            if (fails) assert.equal(await rejection(scanner.scan()), error);
            else assert.equal(await scanner.scan(), false);
            assert.equal(scanner.text(), '');
            assert.equal(scanner.bytes().length, 0);
          },
        ),
      );
    });
  }

  test('bytes: one token each, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (data) => {
        const scanner = new Scanner(new ScriptedReader(data, { sizes: [3] })).split(scanBytes);
        const got: number[] = [];
        while (await scanner.scan()) got.push(...scanner.bytes());
        assert.deepEqual(Uint8Array.from(got), data);
      }),
    );
  });

  test('runes of bad UTF-8 are what TextDecoder makes of single bytes, never lost', async () => {
    const bad = new Uint8Array([0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98]);
    const { tokens } = await scanAll(new Scanner(new ScriptedReader(bad, { sizes: [1] })).split(scanRunes));
    assert.deepEqual(tokens.join(''), `a\ufffd\ufffd(${'\ufffd'.repeat(8)}`);
  });

  test('too long tokens: error, truncate and skip, for lines and for a split function', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 12 }),
        pieces,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom('error' as const, 'truncate' as const, 'skip' as const),
        fc.boolean(),
        async (lengths, sizes, nonblocking, own, onTooLong, ending) => {
          const max = 20;
          const lines = lengths.map((length, i) => String.fromCharCode(97 + i).repeat(length));
          if (!ending && lines.at(-1) === '') return;
          const s = lines.join('\n') + (ending && lines.length > 0 ? '\n' : '');
          const src = nonblocking ? new ScriptedNonblocking(s, { sizes }) : new ScriptedReader(s, { sizes });
          const scanner = new Scanner(src, { maxTokenSize: max, onTooLong }).split(own ? custom : scanLines);
          const tokens: string[] = [];
          let failure: unknown;
          try {
            while (await scanner.scan()) {
              assert.equal(scanner.truncated, scanner.bytes().length === max);
              tokens.push(scanner.text());
            }
          } catch (e) {
            failure = e;
          }
          // Also the newline must fit; the last line without one may just fill the buffer.
          const isLong = (line: string, i: number) => line.length >= max && !(i < 0);
          const firstLong = lines.findIndex(isLong);
          if (onTooLong === 'error') {
            assert.deepEqual(tokens, firstLong < 0 ? lines : lines.slice(0, firstLong));
            assert.equal(failure instanceof TokenTooLongError, firstLong >= 0);
            if (firstLong >= 0) assert.equal(await rejection(scanner.scan()), failure);
          } else if (onTooLong === 'skip') {
            assert.deepEqual(
              tokens,
              lines.filter((line) => line.length < max),
            );
          } else {
            assert.deepEqual(
              tokens,
              lines.map((line) => line.slice(0, max)),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('Scanner', () => {
  test('the last line rules: none for nothing, one for an ending, a lone \\r is an empty line', async () => {
    for (const [s, expected] of [
      ['', []],
      ['\n', ['']],
      ['a\n', ['a']],
      ['a\n\n', ['a', '']],
      ['a', ['a']],
      ['a\r', ['a']],
      ['\r', ['']],
      ['a\n\r', ['a', '']],
      ['a\r\n', ['a']],
    ] as const) {
      assert.deepEqual((await scanAll(new Scanner(new StringReader(s)))).tokens, expected, JSON.stringify(s));
    }
  });

  test('an empty final token by finalToken, and an end without one', async () => {
    assert.deepEqual((await scanAll(new Scanner(new StringReader('1,2,3,')).split(byComma))).tokens, [
      '1',
      '2',
      '3',
      '',
    ]);
    const stop: SplitFunction = (data, atEnd) => {
      const [advance, token] = scanWords(data, atEnd);
      return token && text(token) === 'stop' ? [advance, null, finalToken] : [advance, token];
    };
    const scanner = new Scanner(new StringReader('go on stop never')).split(stop);
    assert.deepEqual((await scanAll(scanner)).tokens, ['go', 'on']);
    assert.equal(await scanner.scan(), false);
  });

  test('64 KiB by default: a token that needs more ends the scan with what it held', async () => {
    const fits = 'x'.repeat(64 * 1024 - 1);
    assert.deepEqual((await scanAll(new Scanner(new StringReader(`${fits}\nnext`)))).tokens, [fits, 'next']);
    const { tokens, failure } = await scanAll(new Scanner(new StringReader(`a\nx${fits}\nnext`)));
    assert.deepEqual(tokens, ['a']);
    assert.ok(failure instanceof TokenTooLongError);
    assert.equal(failure.limit, 64 * 1024);
    assert.equal(failure.partial.length, 64 * 1024);
    const huge = 'y'.repeat(128 * 1024);
    const scanner = new Scanner(new ScriptedReader(`${huge}\n`, { sizes: [1000] })).buffer(0, 256 * 1024);
    assert.deepEqual((await scanAll(scanner)).tokens, [huge]);
  });

  test("a caller's buffer is used, also when it begins in the middle of its memory, and never shared", async () => {
    const memory = new Uint8Array(256);
    const own = memory.subarray(100, 116);
    const scanner = new Scanner(new StringReader('0123456789\nabc\n')).buffer(own, 8);
    assert.equal(await scanner.scan(), true);
    assert.equal(scanner.bytes().buffer, memory.buffer);
    assert.equal(scanner.bytes().byteOffset, 100);
    assert.equal(scanner.text(), '0123456789');
    assert.equal(await scanner.scan(), true);
    assert.equal(text(scanner.bytes()), 'abc');
    assert.equal(await scanner.scan(), false);
    assert.deepEqual(memory.subarray(0, 100), new Uint8Array(100));
    assert.deepEqual(memory.subarray(116), new Uint8Array(140));
  });

  test('white space longer than the limit is skipped', async () => {
    const s = `${' '.repeat(100)}word${'\n'.repeat(100)}`;
    const scanner = new Scanner(new ScriptedReader(s, { sizes: [7] })).split(scanWords).buffer(8, 8);
    assert.deepEqual((await scanAll(scanner)).tokens, ['word']);
  });

  test('what a split function throws ends the scan, also at the end of the stream', async () => {
    const error = new Error('split');
    for (const when of ['first', 'end']) {
      const split: SplitFunction = (data, atEnd) => {
        if (when === 'first' || atEnd) throw error;
        return scanLines(data, atEnd);
      };
      const scanner = new Scanner(new StringReader('a\nb\nc')).split(split);
      const { tokens, failure } = await scanAll(scanner);
      assert.deepEqual(tokens, when === 'first' ? [] : ['a', 'b']);
      assert.equal(failure, error);
      assert.equal(await rejection(scanner.scan()), error);
    }
  });

  test("the source's error comes before a split error at the end", async () => {
    const error = new Error('source');
    const split: SplitFunction = (_data, atEnd) => {
      if (atEnd) throw new Error('split');
      return [0];
    };
    assert.equal(
      (await scanAll(new Scanner(new ScriptedReader('a', { error })).split(split))).failure,
      error,
    );
  });

  test('impossible advances and tokens are found out', async () => {
    const cases: [SplitFunction, abstract new (...args: never[]) => unknown][] = [
      [() => [-1], NegativeAdvanceError],
      [() => [0.5], NegativeAdvanceError],
      [() => [Number.NaN], NegativeAdvanceError],
      [(data) => [data.length + 1], AdvanceTooFarError],
      [() => [1, 'text' as never], ArgumentTypeError],
      [() => undefined as never, TypeError],
    ];
    for (const [split, type] of cases) {
      const { failure } = await scanAll(new Scanner(new StringReader('abc')).split(split));
      assert.ok(failure instanceof type, String(failure));
    }
  });

  test('a split function that gives empty tokens at the end for ever is stopped', async () => {
    const split: SplitFunction = (data) => [0, data.subarray(0, 0)];
    const scanner = new Scanner(new StringReader('')).split(split);
    const { tokens, failure } = await scanAll(scanner);
    assert.equal(tokens.length, 100);
    assert.ok(failure instanceof NoProgressError);
  });

  test('endless reads of nothing and impossible counts are the source at fault; earlier tokens come first', async () => {
    assert.ok(
      (await scanAll(new Scanner(new ScriptedReader('x', { sizes: [0] })))).failure instanceof
        NoProgressError,
    );
    for (const count of [-1, 1e9, Number.NaN]) {
      let first = true;
      const src = {
        async read(p: Uint8Array) {
          if (!first) return count;
          first = false;
          p.set(bytes('ok\nrest'));
          return 7;
        },
      };
      const { tokens, failure } = await scanAll(new Scanner(src));
      assert.deepEqual(tokens, ['ok', 'rest']);
      assert.ok(failure instanceof BadReadCountError);
    }
  });

  test('a waitReadable that rejects ends the scan as a read would', async () => {
    const error = new Error('deadline');
    const src = {
      read: async () => null,
      tryRead: () => undefined,
      waitReadable: () => Promise.reject(error),
    };
    assert.equal((await scanAll(new Scanner(src))).failure, error);
  });

  test('what is at hand needs no promise', () => {
    const scanner = new Scanner(new StringReader('one\ntwo\nthree'));
    const lines: string[] = [];
    while (scanner.tryScan()) lines.push(scanner.text());
    assert.deepEqual(lines, ['one', 'two', 'three']);
    assert.equal(scanner.tryScan(), false);
    const hits = new Scanner(new StringReader('one\ntwo\n'));
    assert.equal(hits.scan(), hits.scan(), 'hits share one resolved promise');
  });

  test('holds no buffer while it waits with nothing buffered', async () => {
    const seen = new Set<ArrayBufferLike>();
    const wakes: (() => void)[] = [];
    const scanners = Array.from({ length: 50 }, () => {
      let ready = false;
      const source = {
        read: async () => null,
        tryRead(p: Uint8Array) {
          seen.add(p.buffer);
          return ready ? null : undefined;
        },
        waitReadable: () =>
          new Promise<void>((resolve) => {
            wakes.push(() => {
              ready = true;
              resolve();
            });
          }),
      };
      return new Scanner(source).buffer(16384, 16384);
    });
    const waiting = scanners.map((scanner) => scanner.scan());
    await settle();
    assert.equal(seen.size, 1);
    for (const wake of wakes) wake();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([false]));
  });

  test('leaving a loop early leaves the rest to be scanned', async () => {
    const scanner = new Scanner(new StringReader('a\nb\nc\n'));
    for await (const line of scanner) if (line === 'a') break;
    assert.equal(await scanner.scan(), true);
    assert.equal(scanner.text(), 'b');
    for await (const line of scanner) assert.equal(line, 'c');
  });

  test('a second scan during a wait rejects and disturbs nothing', async () => {
    const [r, w] = pipe();
    const scanner = new Scanner(r);
    const first = scanner.scan();
    assert.ok((await rejection(scanner.scan())) instanceof ConcurrentUseError);
    assert.throws(() => scanner.tryScan(), ConcurrentUseError);
    await w.write(bytes('whole\n'));
    assert.equal(await first, true);
    assert.equal(scanner.text(), 'whole');
  });

  test('split and buffer must come before the first scan', async () => {
    const scanner = new Scanner(new StringReader('a\n'));
    await scanner.scan();
    assert.throws(() => scanner.split(scanWords), ScanStartedError);
    assert.throws(() => scanner.buffer(16, 16), ScanStartedError);
  });

  test('wrong arguments throw typed errors', () => {
    const source = new StringReader('');
    assert.throws(() => new Scanner(undefined as never), ArgumentTypeError);
    assert.throws(() => new Scanner(source, { maxTokenSize: 0 }), ArgumentRangeError);
    assert.throws(() => new Scanner(source, { maxTokenSize: Number.NaN }), ArgumentRangeError);
    assert.throws(() => new Scanner(source, { onTooLong: 'explode' as never }), ArgumentRangeError);
    assert.throws(() => new Scanner(source).split('lines' as never), ArgumentTypeError);
    assert.throws(() => new Scanner(source).buffer(-1, 10), ArgumentRangeError);
    assert.throws(() => new Scanner(source).buffer(10, Number.NaN), ArgumentRangeError);
    assert.throws(() => new Scanner(source).buffer('x' as never, 10), ArgumentTypeError);
  });
});
