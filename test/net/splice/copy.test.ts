import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { copy, copyN, discard, LimitedReader } from 'gopark/io';
import type { StreamConn } from 'gopark/net';
import { SPLICE_CANNOT } from '#dist/poll/splice.js';
import { concat, pattern, sameBytes, text } from '../../lib/bytes.ts';
import { copyPieces } from '../../lib/copies.ts';
import { driverOf } from '../../lib/inside.ts';
import { needs } from '../../lib/needs.ts';
import { type MakePair, type Pair, tcpPair, unixPairs, withPair } from '../../lib/pair.ts';
import { readExactly, readToEnd } from '../../lib/peers.ts';
import { stillPending, turns } from '../../lib/waiting.ts';
import { LARGE, mockSplice, pipes, splices, withChain } from './lib.ts';

describe('copy from a connection to a connection', () => {
  test('all bytes, in pieces of every size, and how many', async () => {
    await withChain(async ({ a, source, target, b }) => {
      await copyPieces({ first: a, source, target, last: b });
    });
  });

  test('goes inside the kernel, and holds a pipe only while bytes move', needs('splice'), async (t) => {
    await withChain(async ({ a, source, target, b }) => {
      const before = pipes();
      const calls = mockSplice(t, source, (real, ...args) => real(...args));
      const copying = copy(target, source);
      const bytes = pattern(2 << 20);
      for (let i = 0; i < 3; i++) {
        const reading = readExactly(b, bytes.length);
        await a.write(bytes);
        sameBytes(await reading, bytes);
        await turns(3);
        assert.ok(pipes() <= Math.max(before, 2), `${pipes()} ends of pipes, ${before} before`);
      }
      assert.ok(calls.callCount() > 3);
      await a.closeWrite();
      assert.equal(await copying, 3 * bytes.length);
    });
  });

  test('bytes that were received before go first', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const bytes = pattern(100_000);
      await a.write(bytes.subarray(0, 1000));
      const p = new Uint8Array(3);
      assert.equal(await source.read(p), 3);
      const reading = readToEnd(b);
      const part = await copyN(target, source, 500);
      assert.equal(part, 500);
      const copying = copy(target, source);
      await a.write(bytes.subarray(1000));
      await a.closeWrite();
      assert.equal(await copying, 100_000 - 503);
      await target.closeWrite();
      sameBytes(await reading, bytes.subarray(3));
    });
  });

  test('limited readers: looked through, counted down exactly, nothing beyond is taken', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const bytes = pattern(300_000);
      const writing = a.write(bytes).then(() => a.closeWrite());
      const reading = readToEnd(b);
      assert.equal(await copyN(target, source, 1), 1);
      assert.equal(await copyN(target, source, 100_000), 100_000);
      assert.equal(await copyN(target, source, 16_384), 16_384);
      const limited = new LimitedReader(source, 50_000);
      assert.equal(await copy(target, limited), 50_000);
      assert.equal(limited.remaining, 0);
      assert.equal(await copy(target, limited), 0);
      const p = await readExactly(source, 10);
      sameBytes(p, bytes.subarray(166_385, 166_395));
      const rest = new LimitedReader(source, 1_000_000);
      assert.equal(await copy(target, rest), 300_000 - 166_395);
      assert.equal(rest.remaining, 1_000_000 - (300_000 - 166_395));
      await writing;
      await target.closeWrite();
      sameBytes(await reading, concat([bytes.subarray(0, 166_385), bytes.subarray(166_395)]));
    });
  });

  test('whoever writes to the destination: whole writes, while nothing comes in, too', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copy(target, source);
      await target.write(text('first '));
      sameBytes(await readExactly(b, 6), text('first '));
      await a.write(text('copied '));
      sameBytes(await readExactly(b, 7), text('copied '));
      await stillPending(copying, 'the copy');
      await target.write(text('second'));
      sameBytes(await readExactly(b, 6), text('second'));
      // A large write that is stuck keeps the copy waiting, and does not lose its place to it.
      const large = pattern(LARGE);
      const writing = target.write(large);
      await turns(5);
      await a.write(text('behind'));
      await turns(5);
      const reading = readExactly(b, LARGE + 6);
      await writing;
      sameBytes(await reading, concat([large, text('behind')]));
      await a.closeWrite();
      assert.equal(await copying, 13);
    });
  });

  test('another reader of the source waits until the copy is through', needs('splice'), async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copyN(target, source, 10);
      await turns(2);
      const reading = readExactly(source, 5);
      const waiting = copyN(target, source, 3);
      await stillPending(reading, 'the read');
      await a.write(text('0123456789abcdeXYZ'));
      assert.equal(await copying, 10);
      sameBytes(await reading, text('abcde'));
      assert.equal(await waiting, 3);
      sameBytes(await readExactly(b, 13), text('0123456789XYZ'));
    });
  });

  test('a connection to itself', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const echoing = copy(b, b);
      for (const size of [1, 1000, 20_000, 300_000]) {
        const bytes = pattern(size, size);
        const [answer] = await Promise.all([readExactly(a, size), a.write(bytes)]);
        sameBytes(answer, bytes);
      }
      await a.closeWrite();
      assert.equal(await echoing, 321_001);
    });
  });

  test('no message waits for the next one', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const copying = copy(target, source);
      const began = performance.now();
      for (let i = 0; i < 100; i++) {
        const bytes = pattern([1, 64, 1500, 16_385, 40_000][i % 5]!, i + 1);
        const [received] = await Promise.all([readExactly(b, bytes.length), a.write(bytes)]);
        sameBytes(received, bytes);
      }
      // Held back by the kernel for 200 ms each, as with SPLICE_F_MORE, it would be four times as much.
      assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
      await a.closeWrite();
      await copying;
    });
  });

  test('a source at its end, whatever the destination', async () => {
    await withChain(async ({ a, source, target, b }) => {
      await a.closeWrite();
      assert.equal(await copy(target, source), 0);
      assert.equal(await copy(target, source), 0);
      target.closeNow();
      assert.equal(await copy(target, source), 0);
      assert.equal(await b.read(new Uint8Array(1)), null);
    });
  });

  test('what cannot be spliced is read and written', async () => {
    await withChain(async ({ a, source, target, b }) => {
      const writing = a.write(pattern(1000)).then(() => a.closeWrite());
      assert.equal(await copy(discard, new LimitedReader(source, 100)), 100);
      const reading = readToEnd(b);
      assert.equal(await copy({ write: (p) => target.write(p) }, source), 900);
      await writing;
      await target.closeWrite();
      sameBytes(await reading, pattern(1000).subarray(100));
    });
  });

  for (const [what, size] of [
    ['at once', 0],
    ['after some bytes, with others on their way', 100_000],
  ] as const) {
    test(`what the system refuses to splice, ${what}, is read and written`, needs('splice'), async (t) => {
      await withChain(async ({ a, source, target, b }) => {
        const bytes = pattern(400_000);
        let before = size;
        const calls = mockSplice(t, source, (real, from, to, most, splice) => {
          if (before > 0) {
            const outcome = real(from, to, Math.min(before, most), splice);
            before -= splice.taken;
            return outcome;
          }
          // As if the pipe could not be emptied into the destination: some of it lies in the slab now.
          const p = new Uint8Array(700);
          const driver = driverOf(source);
          const taken = from < 0 || splice.held === 1 ? 0 : driver.tryReceiveInto(from, p, 0, p.length);
          Object.assign(splice, {
            taken: Math.max(0, taken),
            sent: 0,
            leftFrom: 0,
            leftTo: Math.max(0, taken),
          });
          if (taken > 0) driver.slab.set(p.subarray(0, taken), 0);
          return SPLICE_CANNOT;
        });
        const reading = readToEnd(b);
        const copying = copy(target, source);
        await a.write(bytes);
        await a.closeWrite();
        assert.equal(await copying, bytes.length);
        await target.closeWrite();
        sameBytes(await reading, bytes);
        assert.ok(calls.callCount() >= 1);
      });
    });
  }
});

for (const [what, first, second] of [
  ['TCP to Unix', tcpPair, unixPairs('unix')],
  ['Unix to TCP', unixPairs('unix'), tcpPair],
  ['Unix to Unix', unixPairs('unix'), unixPairs('unix')],
] as [string, MakePair<StreamConn>, MakePair<StreamConn>][]) {
  test(`${what}: all bytes, a full destination, both directions, and the ends`, needs('unix'), async (t) => {
    const pairs: Pair<StreamConn>[] = [await first(), await second()];
    try {
      const [{ a, b: source }, { a: target, b }] = pairs as [Pair<StreamConn>, Pair<StreamConn>];
      const can = splices(source);
      const calls = can ? mockSplice(t, source, (real, ...args) => real(...args)) : null;
      const there = copy(target, source);
      const back = copy(source, target);
      const bytes = pattern(3 << 20, 3);
      const writing = Promise.all([a.write(bytes), b.write(bytes)]);
      await turns(50);
      const received = await Promise.all([readExactly(a, bytes.length), readExactly(b, bytes.length)]);
      for (const one of received) sameBytes(one, bytes);
      await writing;
      for (const size of [1, 5000, 16_384]) {
        await a.write(pattern(size, size));
        sameBytes(await readExactly(b, size), pattern(size, size));
      }
      await Promise.all([a.closeWrite(), b.closeWrite()]);
      assert.equal(await there, bytes.length + 21_385);
      assert.equal(await back, bytes.length);
      if (calls !== null) assert.ok(calls.callCount() > 2);
    } finally {
      for (const { a, b } of pairs) {
        a.closeNow();
        b.closeNow();
      }
    }
  });
}

test('messages keep their bounds: unixpacket is not spliced', needs('unixpacket'), async () => {
  const [{ a, b: source }, { a: target, b }] = await Promise.all([
    unixPairs('unixpacket')(),
    unixPairs('unixpacket')(),
  ]);
  try {
    const copying = copy(target, source);
    await a.write(text('one'));
    await a.write(text('another'));
    const p = new Uint8Array(100);
    assert.equal(await b.read(p), 3);
    assert.equal(await b.read(p), 7);
    await a.closeWrite();
    assert.equal(await copying, 10);
  } finally {
    for (const conn of [a, source, target, b]) conn.closeNow();
  }
});
