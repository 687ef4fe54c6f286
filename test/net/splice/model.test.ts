import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import fc from 'fast-check';
import { CopyError, copy, LimitedReader } from 'gopark/io';
import { DeadlineExceededError, OpError, type TCPConn } from 'gopark/net';
import { concat, sameBytes } from '../../lib/bytes.ts';
import { openDescriptors } from '../../lib/descriptors.ts';
import { fdOf } from '../../lib/inside.ts';
import { tcpPair, withPair } from '../../lib/pair.ts';
import { streamBytes } from '../../lib/stream.ts';
import { turns, until } from '../../lib/waiting.ts';

type Action =
  | { do: 'write'; size: number }
  | { do: 'read'; size: number }
  | { do: 'pause'; turns: number }
  | { do: 'sleep' }
  | { do: 'readDeadline'; ms: number }
  | { do: 'writeDeadline'; ms: number }
  /** The other direction has bytes, too, and nothing to do with ours. */
  | { do: 'between'; size: number };

/** How it ends, and of what nothing may be missing then. */
const ENDINGS = {
  'half close of the writer': 'all',
  'close of the source': 'copied',
  'close of the destination': 'prefix',
  'closeNow of the destination': 'prefix',
  'reset by the writer': 'copied',
  'reset by the reader': 'prefix',
} as const;
type Ending = keyof typeof ENDINGS;

const size = fc.oneof(
  fc.constantFrom(1, 64, 4096, 16_383, 16_384, 16_385, 65_536),
  fc.integer({ min: 1, max: 2_000_000 }),
);
const ms = fc.constantFrom(0, 1, 3);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), size }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), size }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pause' as const), turns: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sleep' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('readDeadline' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('writeDeadline' as const), ms }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('between' as const), size: fc.integer({ min: 1, max: 40_000 }) }),
  },
);

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** One direction of a proxy, and what should come out of it. */
class Direction {
  /** What the copies have passed on: positions of the stream, in the order in which they went. */
  readonly passed: [from: number, to: number][] = [];
  written = 0;
  taken = 0;
  readonly #received: Uint8Array[] = [];
  #writing: Promise<unknown> = Promise.resolve();
  #reading: Promise<unknown> = Promise.resolve();
  readonly #seed: number;
  readonly #a: TCPConn;
  readonly #b: TCPConn;
  readonly #source: TCPConn;
  readonly #target: TCPConn;

  constructor(seed: number, a: TCPConn, source: TCPConn, target: TCPConn, b: TCPConn) {
    this.#seed = seed;
    this.#a = a;
    this.#source = source;
    this.#target = target;
    this.#b = b;
  }

  /** Copies, again after each deadline, until the source ends or a side fails for good. What failed. */
  async proxy(limits: readonly number[]): Promise<CopyError | null> {
    for (let i = 0; ; i++) {
      const limit = limits[i] ?? Number.MAX_SAFE_INTEGER;
      const limited = new LimitedReader(this.#source, limit);
      const from = this.taken;
      try {
        const copied = await copy(this.#target, limited);
        assert.equal(copied, limit - limited.remaining, 'what was copied was taken, all of it');
        this.#passed(from, copied, limit - limited.remaining);
        if (limited.remaining > 0) return null;
      } catch (error) {
        assert.ok(error instanceof CopyError, String(error));
        this.#passed(from, error.bytesCopied, limit - limited.remaining);
        if (!(error.cause instanceof DeadlineExceededError)) return error;
        if (error.side === 'read')
          assert.equal(error.bytesCopied, limit - limited.remaining, 'nothing is lost');
        if (!fdOf(this.#source).closed) this.#source.setReadDeadline(null);
        if (!fdOf(this.#target).closed) this.#target.setWriteDeadline(null);
      }
    }
  }

  #passed(from: number, copied: number, taken: number): void {
    assert.ok(taken >= copied && taken >= 0, `${copied} of ${taken} bytes`);
    this.passed.push([from, from + copied]);
    this.taken = from + taken;
  }

  write(size: number): void {
    const from = this.written;
    this.written += size;
    const bytes = streamBytes(this.#seed, from, from + size);
    this.#writing = this.#writing
      .then(() => this.#a.write(bytes))
      .catch((error) => assert.ok(error instanceof OpError));
  }

  read(size: number): void {
    this.#reading = this.#reading.then(() => this.#readSome(size));
  }

  async #readSome(size: number): Promise<boolean> {
    const p = new Uint8Array(Math.min(size, 300_000));
    const n = await this.#b.read(p).catch((error) => {
      assert.ok(error instanceof OpError, String(error));
      return null;
    });
    if (n !== null) this.#received.push(p.slice(0, n));
    return n !== null;
  }

  /** Everything that was written and has been read, until the end. */
  async finish(): Promise<Uint8Array> {
    await this.#reading;
    while (await this.#readSome(300_000));
    return concat(this.#received);
  }

  get writing(): Promise<unknown> {
    return this.#writing;
  }

  get expected(): Uint8Array {
    return concat(this.passed.map(([from, to]) => streamBytes(this.#seed, from, to)));
  }
}

async function run(actions: readonly Action[], ending: Ending, limits: readonly number[]): Promise<void> {
  await withPair(tcpPair, ({ a, b: source }) =>
    withPair(tcpPair, async ({ a: target, b }) => {
      const direction = new Direction(actions.length + 1, a, source, target, b);
      const copying = direction.proxy(limits);
      for (const action of actions) {
        if (action.do === 'write') direction.write(action.size);
        else if (action.do === 'read') direction.read(action.size);
        else if (action.do === 'pause') await turns(action.turns);
        else if (action.do === 'sleep') await later(2);
        else if (action.do === 'readDeadline') source.setReadTimeout(action.ms);
        else if (action.do === 'writeDeadline') target.setWriteTimeout(action.ms);
        else b.write(streamBytes(1, 0, action.size)).catch(() => {});
      }
      const back = copy(source, target).catch((error) => assert.ok(error instanceof CopyError));
      const what = ENDINGS[ending];
      let finishing: Promise<Uint8Array> | null = what === 'prefix' ? null : direction.finish();
      if (ending === 'half close of the writer') await direction.writing.then(() => a.closeWrite());
      else if (ending === 'close of the source') source.close().catch(() => {});
      else if (ending === 'close of the destination') target.close().catch(() => {});
      else if (ending === 'closeNow of the destination') target.closeNow();
      else {
        const peer = ending === 'reset by the writer' ? a : b;
        peer.setLinger(0);
        peer.closeNow();
      }
      finishing ??= direction.finish();
      // Who has lost his destination hears of it with the next byte.
      if (what === 'prefix') a.closeNow();
      const failure = await copying;
      if (ending === 'half close of the writer') assert.equal(failure, null);
      // The deadline was the copy's: what went is to arrive.
      if (!fdOf(target).closed) target.setWriteDeadline(null);
      await target.closeWrite().catch(() => target.closeNow());
      const received = await finishing;
      const { expected } = direction;
      if (what === 'all' || what === 'copied') {
        assert.equal(sha(received), sha(expected), `${received.length} of ${expected.length} bytes`);
        if (what === 'all') assert.equal(direction.taken, direction.written);
      } else {
        // What the kernel had, or the chain, when the connection was given up, may not have come.
        assert.ok(received.length <= expected.length, `${received.length} of ${expected.length} bytes`);
        sameBytes(received, expected.subarray(0, received.length));
      }
      source.closeNow();
      target.closeNow();
      a.closeNow();
      b.closeNow();
      await back;
    }),
  );
}

describe('copies between connections, against a model', () => {
  for (const ending of Object.keys(ENDINGS) as Ending[]) {
    test(ending, async () => {
      const count = () => openDescriptors().filter((entry) => /socket:|pipe:/.test(entry)).length;
      const before = count();
      await fc.assert(
        fc.asyncProperty(
          fc.array(action, { minLength: 1, maxLength: 25 }),
          fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 3 }),
          (actions, limits) => run(actions, ending, limits),
        ),
        { numRuns: 25 },
      );
      // A few empty pipes are kept for a while.
      await until(() => count() <= before + 16, 'all descriptors to be closed');
    });
  }
});
