import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { CopyError, copy, LimitedReader } from 'gopark/io';
import { OpError, TCPConn } from 'gopark/net';
import { Poller } from '#dist/poll/poller.js';
import { concat, sameBytes } from '../lib/bytes.ts';
import { CheckedDriver } from '../lib/checked-driver.ts';
import { FakeDriver, type FakeOptions } from '../lib/fake-driver.ts';
import { streamBytes } from '../lib/stream.ts';
import { VirtualClock } from '../lib/virtual-clock.ts';
import { type Watched, watch } from '../lib/waiting.ts';

const clock = new VirtualClock();
before(() => clock.install());
after(() => clock.restore());

// The constructor is internal; these tests put connections on a driver of their own.
const MakeConn = TCPConn as unknown as new (
  poller: Poller,
  slot: number,
  settings: { strict: boolean; closeTimeout: number },
  local: null,
) => TCPConn;

type Command =
  | { do: 'write'; size: number }
  | { do: 'read'; size: number }
  | { do: 'readSource'; size: number }
  | { do: 'abort' }
  | { do: 'copy'; limit: number }
  | { do: 'deadline'; of: 'source' | 'target'; ms: number | null }
  | { do: 'end'; of: number; how: 'close' | 'closeNow' | 'closeWrite' | 'reset' }
  | { do: 'step'; count: number }
  | { do: 'advance'; ms: number }
  | { do: 'pause'; how: 'microtask' | 'turn' };

const size = fc.constantFrom(1, 100, 4096, 16_384, 20_000, 70_000, 150_000);

function commands(withEnds: boolean) {
  const kinds: fc.WeightedArbitrary<Command>[] = [
    { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), size }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), size }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('readSource' as const), size }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('copy' as const),
        limit: fc.constantFrom(0, 1, 5000, 100_000, 1e9),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('deadline' as const),
        of: fc.constantFrom('source' as const, 'target' as const),
        ms: fc.constantFrom(null, 0, 1, 5),
      }),
    },
    {
      weight: 14,
      arbitrary: fc.record({ do: fc.constant('step' as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 4, 30) }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('pause' as const),
        how: fc.constantFrom('microtask' as const, 'turn' as const),
      }),
    },
  ];
  if (withEnds) {
    kinds.push({
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        of: fc.nat(3),
        how: fc.constantFrom('close' as const, 'closeNow' as const, 'closeWrite' as const, 'reset' as const),
      }),
    });
  }
  return fc.array(fc.oneof(...kinds), { minLength: 5, maxLength: 60 });
}

/** Who took bytes of the source: a read, which keeps them, or a copy, which passes them on. */
interface Taker {
  readonly watched: Watched<number | null>;
  readonly controller: AbortController | null;
  readonly p: Uint8Array | null;
  readonly limited: LimitedReader;
  readonly limit: number;
}

/** `a` writes to `source`, copies go from there to `target`, whose peer is `b`. */
class World {
  readonly fake: FakeDriver;
  readonly checked: CheckedDriver;
  readonly conns: readonly [a: TCPConn, source: TCPConn, target: TCPConn, b: TCPConn];
  readonly slots: readonly number[];
  readonly takers: Taker[] = [];
  readonly others: Watched<unknown>[] = [];
  readonly reads: { watched: Watched<number | null>; p: Uint8Array }[] = [];
  readonly closings = new Map<number, Watched<void>>();
  #written = 0;

  constructor(options: FakeOptions) {
    this.fake = new FakeDriver(options);
    this.checked = new CheckedDriver(this.fake);
    const poller = new Poller(this.checked);
    this.slots = [...this.fake.pair(), ...this.fake.pair()];
    const [a, source, target, b] = this.slots.map((slot) => {
      this.checked.adopt(slot);
      return new MakeConn(poller, slot, { strict: false, closeTimeout: 200 }, null);
    });
    this.conns = [a!, source!, target!, b!];
  }

  async run(command: Command): Promise<void> {
    const [a, source, target, b] = this.conns;
    switch (command.do) {
      case 'write': {
        const bytes = streamBytes(1, this.#written, this.#written + command.size);
        this.#written += command.size;
        this.others.push(watch(a.write(bytes)));
        break;
      }
      case 'read': {
        const p = new Uint8Array(command.size);
        this.reads.push({ watched: watch(b.read(p)), p });
        break;
      }
      case 'readSource': {
        if (this.busy) break;
        const p = new Uint8Array(command.size);
        const controller = new AbortController();
        const watched = watch(source.read(p, { signal: controller.signal }));
        this.takers.push({ watched, controller, p, limited: new LimitedReader(source, 0), limit: 0 });
        break;
      }
      case 'abort':
        this.takers.at(-1)?.controller?.abort('aborted');
        break;
      case 'copy': {
        if (this.busy) break;
        const limited = new LimitedReader(source, command.limit);
        const watched = watch<number | null>(copy(target, limited));
        this.takers.push({ watched, controller: null, p: null, limited, limit: command.limit });
        break;
      }
      case 'deadline':
        if (command.of === 'source' && !this.closings.has(1)) source.setReadTimeout(command.ms);
        if (command.of === 'target' && !this.closings.has(2)) target.setWriteTimeout(command.ms);
        break;
      case 'end':
        this.#end(command.of, command.how);
        break;
      case 'step':
        for (let i = 0; i < command.count; i++) this.fake.step();
        break;
      case 'advance':
        clock.advance(command.ms);
        break;
      case 'pause':
        await (command.how === 'turn' ? immediate() : Promise.resolve());
        break;
    }
  }

  #end(of: number, how: 'close' | 'closeNow' | 'closeWrite' | 'reset'): void {
    if (this.closings.has(of)) return;
    const conn = this.conns[of]!;
    if (how === 'reset') {
      // Both ends: the one that hears of it sends nothing more.
      this.fake.reset(this.slots[of]!);
      this.fake.reset(this.slots[of ^ 1]!);
    }
    if (how === 'closeWrite') this.others.push(watch(conn.closeWrite()));
    else if (how === 'close') this.closings.set(of, watch(conn.close()));
    else if (how === 'closeNow') {
      conn.closeNow();
      this.closings.set(of, watch(Promise.resolve()));
    }
  }

  /** Whether somebody takes bytes right now: a second one would take in an order that nobody can tell. */
  get busy(): boolean {
    return this.takers.at(-1)?.watched.pending ?? false;
  }

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      quiet = this.fake.step() ? 0 : quiet + 1;
      await immediate();
      clock.ring();
    }
  }

  /** What should arrive at `b`, by what the takers say. */
  passed(): Uint8Array {
    const parts: Uint8Array[] = [];
    let position = 0;
    for (const { watched, p, limited, limit } of this.takers) {
      const { outcome } = watched;
      assert.notEqual(outcome.state, 'pending');
      if (p !== null) {
        const count = outcome.state === 'resolved' ? (outcome.value ?? 0) : 0;
        sameBytes(p.subarray(0, count), streamBytes(1, position, position + count));
        position += count;
        continue;
      }
      const taken = limit - limited.remaining;
      if (outcome.state === 'resolved') {
        assert.equal(outcome.value, taken);
        parts.push(streamBytes(1, position, position + taken));
      } else if (outcome.state === 'rejected') {
        const { error } = outcome;
        assert.ok(error instanceof CopyError, String(error));
        assert.ok(error.cause instanceof OpError, String(error.cause));
        assert.ok(error.bytesCopied <= taken, `${error.bytesCopied} of ${taken}`);
        if (error.side === 'read')
          assert.equal(error.bytesCopied, taken, 'nothing is lost when the source fails');
        parts.push(streamBytes(1, position, position + error.bytesCopied));
      }
      position += taken;
    }
    return concat(parts);
  }

  received(): Uint8Array {
    return concat(
      this.reads.map(({ watched: { outcome }, p }) =>
        outcome.state === 'resolved' && outcome.value !== null
          ? p.subarray(0, outcome.value)
          : new Uint8Array(0),
      ),
    );
  }

  get pending(): number {
    return [...this.takers, ...this.reads].filter(({ watched }) => watched.pending).length;
  }

  /** Closes what is open, and looks whether anything is left behind. */
  async finish(): Promise<void> {
    for (const of of this.conns.keys()) this.#end(of, 'close');
    await this.settle();
    clock.advance(300);
    await this.settle();
    assert.equal(this.pending, 0, 'somebody waits after close');
    for (const { outcome } of this.others) assert.notEqual(outcome.state, 'pending');
    assert.deepEqual(this.checked.violations, []);
    assert.deepEqual(this.checked.unfinished, []);
    assert.equal(this.checked.holds, 0);
    assert.equal(this.fake.splices, 0);
  }
}

const VARIANTS: Record<string, Omit<FakeOptions, 'choose'>> = {
  'all it can': {},
  'without a look before deadlines': { poll: false },
  multishot: { multishot: true },
  'a tiny kernel buffer': { capacity: 300 },
  'no splice': { attempts: false },
};

describe('random interleavings of copies on a fake driver', () => {
  for (const [name, options] of Object.entries(VARIANTS)) {
    test(`${name}: every byte goes once and in order, whatever struck meanwhile`, async () => {
      await fc.assert(
        fc.asyncProperty(commands(false), fc.infiniteStream(fc.nat(1 << 20)), async (list, random) => {
          const choose = (count: number) => random.next().value! % count;
          const world = new World({ choose, ...options });
          for (const command of list) await world.run(command);
          const [a, source, target] = world.conns;
          source.setReadDeadline(null);
          target.setWriteDeadline(null);
          // A last copy takes what is left, and both ends are told.
          const ending = a.closeWrite();
          for (let copied = false; !copied; ) {
            while (world.reads.filter(({ watched }) => watched.pending).length < 3)
              await world.run({ do: 'read', size: 100_000 });
            await world.settle();
            copied = !world.busy && world.takers.at(-1)?.limit === 2e9;
            if (!world.busy && !copied) await world.run({ do: 'copy', limit: 2e9 });
          }
          await ending;
          const goodbye = watch(target.closeWrite());
          while (world.reads.at(-1)!.watched.pending || goodbye.pending) {
            if (!world.reads.at(-1)!.watched.pending) await world.run({ do: 'read', size: 100_000 });
            await world.settle();
          }
          for (let end = false; !end; ) {
            await world.run({ do: 'read', size: 100_000 });
            await world.settle();
            const { outcome } = world.reads.at(-1)!.watched;
            assert.equal(outcome.state, 'resolved');
            end = outcome.state === 'resolved' && outcome.value === null;
          }
          sameBytes(world.received(), world.passed());
          assert.equal(world.checked.holds, 0, 'nobody waits, but the process would be kept alive');
          await world.finish();
        }),
        { numRuns: 60 },
      );
    });

    test(`${name}: closes, half closes and resets at any moment: all settle once, nothing is left behind`, async () => {
      await fc.assert(
        fc.asyncProperty(commands(true), fc.infiniteStream(fc.nat(1 << 20)), async (list, random) => {
          const choose = (count: number) => random.next().value! % count;
          const world = new World({ choose, ...options });
          for (const command of list) await world.run(command);
          await world.settle();
          await world.finish();
          const received = world.received();
          const passed = world.passed();
          assert.ok(received.length <= passed.length, 'more received than was passed on');
          sameBytes(received, passed.subarray(0, received.length));
        }),
        { numRuns: 60 },
      );
    });
  }
});
