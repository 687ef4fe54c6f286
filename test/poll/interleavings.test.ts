import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { ClosedError, DeadlineExceededError, OpError, TCPConn, TCPListener } from 'gopark/net';
import { Poller } from '#dist/poll/poller.js';
import { concat, pattern, sameBytes } from '../lib/bytes.ts';
import { CheckedDriver } from '../lib/checked-driver.ts';
import { FakeDriver, type FakeOptions } from '../lib/fake-driver.ts';
import { VirtualClock } from '../lib/virtual-clock.ts';
import { type Watched, watch } from '../lib/waiting.ts';

const clock = new VirtualClock();
before(() => clock.install());
after(() => clock.restore());

// The constructors are internal; these tests put connections on a driver of their own.
type Make<T> = new (
  poller: Poller,
  slot: number,
  settings: { strict: boolean; closeTimeout: number },
  local: null,
) => T;
const MakeConn = TCPConn as unknown as Make<TCPConn>;
const MakeListener = TCPListener as unknown as Make<TCPListener>;

/** A call whose end is looked at later. */
interface Call {
  readonly kind: string;
  readonly watched: Watched<unknown>;
  readonly p: Uint8Array | null;
  /**
   * Where the bytes of `p` are: there, or where they were transferred to. A call that was still pending for its caller
   * then may have settled a microtask before, and its bytes have moved with the memory.
   */
  memory: Uint8Array | null;
  /** Before anybody wrote into it, or transferred it. */
  readonly sent: Uint8Array | null;
  readonly size: number;
  readonly controller: AbortController | null;
}

class Side {
  readonly conn: TCPConn;
  readonly reads: Call[] = [];
  readonly writes: Call[] = [];
  readonly others: Call[] = [];
  closing: Watched<void> | null = null;
  /** Closed without a flush, or reset: what was under way may be lost. */
  abrupt = false;
  readonly slot: number;
  seed: number;

  constructor(conn: TCPConn, slot: number, seed: number) {
    this.conn = conn;
    this.slot = slot;
    this.seed = seed;
  }

  get calls(): Call[] {
    return [...this.reads, ...this.writes, ...this.others];
  }
}

const SIZES = [1, 5, 100, 3000, 4096, 16_383, 16_384, 20_000, 65_536, 70_000, 150_000];

type Command =
  | { do: 'read' | 'write'; side: 0 | 1; size: number; signal: boolean }
  | { do: 'tryRead' | 'tryWrite'; side: 0 | 1; size: number }
  | { do: 'waitReadable' | 'flush'; side: 0 | 1; signal: boolean }
  | { do: 'deadline'; side: 0 | 1; which: 'both' | 'read' | 'write'; ms: number | null }
  | { do: 'abort' | 'detach'; side: 0 | 1; pick: number }
  | { do: 'close' | 'closeNow' | 'closeWrite' | 'reset'; side: 0 | 1 }
  /** `together`: what comes next is done before any goroutine has run that this wakes. */
  | { do: 'step'; count: number; together: boolean }
  | { do: 'advance' | 'stall'; ms: number }
  | { do: 'pause'; how: 'microtask' | 'turn' };

const side = fc.constantFrom<0 | 1>(0, 1);
const size = fc.constantFrom(...SIZES);
const signal = fc.boolean();

function commands(withCloses: boolean) {
  const kinds: [number, fc.Arbitrary<Command>][] = [
    [6, fc.record({ do: fc.constant('read' as const), side, size, signal })],
    [6, fc.record({ do: fc.constant('write' as const), side, size, signal })],
    [2, fc.record({ do: fc.constantFrom('tryRead' as const, 'tryWrite' as const), side, size })],
    [2, fc.record({ do: fc.constantFrom('waitReadable' as const, 'flush' as const), side, signal })],
    [
      3,
      fc.record({
        do: fc.constant('deadline' as const),
        side,
        which: fc.constantFrom('both' as const, 'read' as const, 'write' as const),
        ms: fc.constantFrom(null, 0, 1, 5, 100),
      }),
    ],
    [
      3,
      fc.record({
        do: fc.constantFrom('abort' as const, 'abort' as const, 'detach' as const),
        side,
        pick: fc.nat(5),
      }),
    ],
    [
      12,
      fc.record({
        do: fc.constant('step' as const),
        count: fc.integer({ min: 1, max: 5 }),
        together: fc.boolean(),
      }),
    ],
    [
      3,
      fc.record({ do: fc.constantFrom('advance' as const, 'stall' as const), ms: fc.constantFrom(1, 4, 30) }),
    ],
    [
      8,
      fc.record({
        do: fc.constant('pause' as const),
        how: fc.constantFrom('microtask' as const, 'turn' as const),
      }),
    ],
  ];
  if (withCloses) {
    kinds.push([
      1,
      fc.record({
        do: fc.constantFrom(
          'close' as const,
          'closeNow' as const,
          'closeWrite' as const,
          'closeWrite' as const,
        ),
        side,
      }),
    ]);
  }
  return fc.array(fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
    minLength: 5,
    maxLength: 60,
  });
}

/** A world of one connection on a fake driver, and what a user's program may do with it. */
class World {
  readonly fake: FakeDriver;
  readonly checked: CheckedDriver;
  readonly sides: [Side, Side];

  constructor(options: FakeOptions, strict: boolean) {
    this.fake = new FakeDriver(options);
    this.checked = new CheckedDriver(this.fake);
    const poller = new Poller(this.checked);
    const settings = { strict, closeTimeout: 200 };
    const slots = this.fake.pair();
    for (const slot of slots) this.checked.adopt(slot);
    this.sides = [
      new Side(new MakeConn(poller, slots[0], settings, null), slots[0], 1),
      new Side(new MakeConn(poller, slots[1], settings, null), slots[1], 1000),
    ];
  }

  async runAll(list: readonly Command[]): Promise<void> {
    for (const command of list) {
      const run = this.run(command);
      if (command.do !== 'step' || !command.together) await run;
    }
  }

  async run(command: Command): Promise<void> {
    switch (command.do) {
      case 'step':
        for (let i = 0; i < command.count; i++) this.fake.step();
        return;
      case 'advance':
        clock.advance(command.ms);
        return;
      case 'stall':
        clock.stall(command.ms);
        return;
      case 'pause':
        await (command.how === 'turn' ? immediate() : Promise.resolve());
        return;
    }
    const side = this.sides[command.side];
    const { conn } = side;
    switch (command.do) {
      case 'read': {
        const p = new Uint8Array(command.size).fill(0xee);
        this.#call(side.reads, 'read', p, command.size, command.signal, (options) => conn.read(p, options));
        break;
      }
      case 'write': {
        const p = pattern(command.size, side.seed++);
        this.#call(side.writes, 'write', p, command.size, command.signal, (options) =>
          conn.write(p, options),
        );
        break;
      }
      case 'tryRead': {
        const p = new Uint8Array(command.size);
        this.#try(side.reads, 'tryRead', p, () => conn.tryRead(p));
        break;
      }
      case 'tryWrite': {
        const p = pattern(command.size, side.seed++);
        this.#try(side.writes, 'tryWrite', p, () => (conn.tryWrite(p) ? p.length : undefined));
        break;
      }
      case 'waitReadable':
        this.#call(side.others, 'waitReadable', null, 0, command.signal, (options) =>
          conn.waitReadable(options),
        );
        break;
      case 'flush':
        this.#call(side.others, 'flush', null, 0, command.signal, (options) => conn.flush(options));
        break;
      case 'deadline': {
        const set = {
          both: (ms: number | null) => conn.setTimeout(ms),
          read: (ms: number | null) => conn.setReadTimeout(ms),
          write: (ms: number | null) => conn.setWriteTimeout(ms),
        }[command.which];
        if (side.closing === null) set(command.ms);
        else assert.throws(() => set(command.ms), ClosedError);
        break;
      }
      case 'abort': {
        const waiting = side.calls.filter((call) => call.watched.pending && call.controller !== null);
        if (waiting.length > 0) waiting[command.pick % waiting.length]!.controller!.abort('aborted');
        break;
      }
      case 'detach': {
        const waiting = [...side.reads, ...side.writes].filter(
          (call) => call.watched.pending && call.p!.length > 0,
        );
        if (waiting.length === 0) break;
        const call = waiting[command.pick % waiting.length]!;
        const buffer = call.p!.buffer as ArrayBuffer;
        call.memory = new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
        break;
      }
      case 'closeWrite':
        this.#call(side.others, 'closeWrite', null, 0, false, () => conn.closeWrite());
        break;
      case 'close':
        if (side.closing === null) side.closing = watch(conn.close());
        else this.#call(side.others, 'close', null, 0, false, () => conn.close());
        break;
      case 'reset':
        // The slot may be somebody else's by then: only an open one can be reset.
        if (side.closing === null) this.fake.reset(side.slot);
        side.abrupt = true;
        break;
      case 'closeNow':
        conn.closeNow();
        side.abrupt = true;
        side.closing ??= watch(Promise.resolve());
        break;
    }
  }

  #call(
    calls: Call[],
    kind: string,
    p: Uint8Array | null,
    size: number,
    withSignal: boolean,
    start: (options?: { signal: AbortSignal }) => Promise<unknown>,
  ): void {
    const controller = withSignal ? new AbortController() : null;
    const sent = p === null ? null : p.slice();
    const watched = watch<unknown>(controller === null ? start() : start({ signal: controller.signal }));
    calls.push({ kind, watched, p, memory: p, sent, size, controller });
  }

  #try(calls: Call[], kind: string, p: Uint8Array, attempt: () => number | null | undefined): void {
    let result: number | null | undefined;
    try {
      result = attempt();
    } catch (error) {
      assert.ok(error instanceof OpError, String(error));
      return;
    }
    if (result === undefined) return;
    const watched = watch<unknown>(Promise.resolve(result));
    watched.outcome = { state: 'resolved', value: result };
    calls.push({ kind, watched, p, memory: p, sent: p.slice(), size: p.length, controller: null });
  }

  /** Lets everything happen that can, without time passing. */
  async settle(): Promise<void> {
    // A deadline of a driver that cannot look once more strikes two turns after its timer.
    for (let quiet = 0; quiet < 6; ) {
      quiet = this.fake.step() ? 0 : quiet + 1;
      await immediate();
      clock.ring();
    }
  }

  /** What this side's calls have received, in the order in which they were made. */
  received(side: Side): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const { watched, memory, size } of side.reads) {
      const { outcome } = watched;
      if (outcome.state !== 'resolved' || outcome.value === null) continue;
      const count = outcome.value as number;
      assert.ok(count >= 1 && count <= size, `a read of ${size} bytes gave ${count}`);
      parts.push(memory!.slice(0, count));
    }
    return concat(parts);
  }

  /** What this side's calls have handed over, in the order in which they were made. */
  accepted(side: Side): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const { watched, sent, size } of side.writes) {
      const { outcome } = watched;
      if (outcome.state === 'resolved') {
        assert.equal(outcome.value, size);
        parts.push(sent!);
      } else if (outcome.state === 'rejected') {
        const { error } = outcome;
        const count = error instanceof OpError ? (error.bytesWritten ?? 0) : 0;
        parts.push(sent!.subarray(0, count));
      }
    }
    return concat(parts);
  }

  checkCalls(): void {
    for (const side of this.sides) {
      for (const call of side.calls) {
        assert.ok(call.watched.settlements <= 1);
        const { outcome } = call.watched;
        if (outcome.state !== 'rejected') continue;
        const { error } = outcome;
        const ok = error instanceof OpError || (error === 'aborted' && call.controller !== null);
        assert.ok(ok, `${call.kind}: ${String(error)}`);
      }
    }
  }

  assertContract(): void {
    assert.deepEqual(this.checked.violations, []);
  }
}

const VARIANTS: Record<string, Omit<FakeOptions, 'choose'>> = {
  'all it can': {},
  'without direct memory': { direct: false },
  'without any synchronous attempt': { attempts: false, poll: false },
  multishot: { multishot: true },
  'multishot, no attempts': { multishot: true, attempts: false },
  'a tiny kernel buffer': { capacity: 300 },
};

const RUNS = 60;

describe('random interleavings on a fake driver', () => {
  for (const [name, options] of Object.entries(VARIANTS)) {
    for (const strict of [false, true]) {
      test(`${name}${strict ? ', strict writes' : ''}: every byte arrives once and in order, whatever struck meanwhile`, async () => {
        await fc.assert(
          fc.asyncProperty(commands(false), fc.infiniteStream(fc.nat(1 << 20)), async (list, random) => {
            const choose = (count: number) => random.next().value! % count;
            const world = new World({ choose, ...options }, strict);
            await world.runAll(list);
            await world.settle();
            if (world.sides.every((side) => side.calls.every((call) => !call.watched.pending))) {
              assert.equal(world.checked.holds, 0, 'nobody waits, but the process would be kept alive');
            }
            // Both ends say goodbye, and read what is left.
            for (const side of world.sides) side.conn.setTimeout(null);
            const [a, b] = world.sides;
            await world.run({ do: 'closeWrite', side: 0 });
            await world.run({ do: 'closeWrite', side: 1 });
            for (let i = 0; i < 4000; i++) {
              const ends = world.sides.map(({ reads }) => reads.at(-1)?.watched.outcome);
              if (ends.every((end) => end?.state === 'resolved' && end.value === null)) break;
              for (const [at, end] of ends.entries()) {
                if (end?.state === 'resolved' && end.value === null) continue;
                if (end?.state === 'pending') continue;
                await world.run({ do: 'read', side: at as 0 | 1, size: 65_536, signal: false });
              }
              await world.settle();
            }
            world.checkCalls();
            world.assertContract();
            for (const side of world.sides) {
              assert.ok(
                side.calls.every((call) => !call.watched.pending),
                `waits for ever: ${side.calls.filter((call) => call.watched.pending).map((call) => call.kind)}; possible: ${world.fake.describe()}`,
              );
            }
            sameBytes(world.received(b), world.accepted(a));
            sameBytes(world.received(a), world.accepted(b));
            await finish(world);
          }),
          { numRuns: RUNS },
        );
      });

      test(`${name}${strict ? ', strict writes' : ''}: closes at any moment: all settle once, nothing is left behind, no byte is invented`, async () => {
        await fc.assert(
          fc.asyncProperty(commands(true), fc.infiniteStream(fc.nat(1 << 20)), async (list, random) => {
            const choose = (count: number) => random.next().value! % count;
            const world = new World({ choose, ...options }, strict);
            await world.runAll(list);
            await world.settle();
            const [a, b] = world.sides;
            for (const [from, to] of [
              [a, b],
              [b, a],
            ] as const) {
              // With calls still waiting, their bytes may have gone as well.
              const settled = from.writes.every((call) => !call.watched.pending);
              const received = world.received(to);
              const accepted = world.accepted(from);
              if (settled) assert.ok(received.length <= accepted.length, 'more received than was sent');
              const common = Math.min(received.length, accepted.length);
              sameBytes(received.subarray(0, common), accepted.subarray(0, common));
            }
            for (const [from, to] of [
              [a, b],
              [b, a],
            ] as const) {
              if (from.closing !== null && to.closing === null && !a.abrupt && !b.abrupt) {
                await readAfterClose(world, from, to);
              }
            }
            await finish(world);
            world.checkCalls();
          }),
          { numRuns: RUNS },
        );
      });
    }
  }
});

/** `from` was closed, `to` lives: what close says to have handed over is exactly what can be read. */
async function readAfterClose(world: World, from: Side, to: Side): Promise<void> {
  to.conn.setReadTimeout(null);
  for (let end = false; !end; ) {
    await world.run({ do: 'read', side: world.sides.indexOf(to) as 0 | 1, size: 65_536, signal: false });
    await world.settle();
    const { outcome } = to.reads.at(-1)!.watched;
    if (outcome.state === 'pending') clock.advance(300);
    await world.settle();
    const now = to.reads.at(-1)!.watched.outcome;
    assert.notEqual(now.state, 'pending', 'a read after the peer has closed waits for ever');
    end = now.state === 'rejected' || (now.state === 'resolved' && now.value === null);
  }
  const closing = from.closing!.outcome;
  assert.notEqual(closing.state, 'pending');
  const unsent = closing.state === 'rejected' ? (closing.error as OpError).bytesUnsent! : 0;
  const accepted = world.accepted(from);
  sameBytes(world.received(to), accepted.subarray(0, accepted.length - unsent));
}

/** Closes what is open and looks whether anything is left: calls, operations, slots, reasons to stay. */
async function finish(world: World): Promise<void> {
  const closings: Watched<void>[] = [];
  for (const side of world.sides) {
    if (side.closing === null) {
      side.closing = watch(side.conn.close());
    }
    closings.push(side.closing);
  }
  await world.settle();
  clock.advance(300);
  await world.settle();
  for (const side of world.sides) {
    for (const call of side.calls) {
      assert.notEqual(call.watched.outcome.state, 'pending', `${call.kind} waits after close`);
    }
  }
  for (const { outcome } of closings) {
    assert.notEqual(outcome.state, 'pending', 'close waits for ever');
    if (outcome.state === 'rejected') {
      const { error } = outcome;
      assert.ok(error instanceof OpError, String(error));
      assert.ok(['ERR_UNSENT', 'EPIPE', 'ECONNRESET'].includes(error.code), error.code);
      assert.ok(error.bytesUnsent! > 0);
    }
  }
  assert.deepEqual(world.checked.unfinished, []);
  assert.equal(world.checked.holds, 0);
  world.assertContract();
}

describe('single interleavings on a fake driver', () => {
  /** Does the first possible thing each time. */
  const inOrder = () => 0;

  function conns(options: Partial<FakeOptions> = {}): World {
    return new World({ choose: inOrder, ...options }, false);
  }

  test("a receive that completes after its reader was aborted: its bytes are the next reader's", async () => {
    const world = conns({ attempts: false });
    const [a, b] = world.sides;
    const controller = new AbortController();
    const aborted = watch(a.conn.read(new Uint8Array(4), { signal: controller.signal }));
    void b.conn.write(Uint8Array.of(1, 2, 3));
    controller.abort('gone');
    await aborted.promise;
    assert.deepEqual(aborted.outcome, { state: 'rejected', error: 'gone' });
    const p = new Uint8Array(4);
    const next = watch(a.conn.read(p));
    await world.settle();
    // Whichever way the cancelled one completed.
    assert.deepEqual(next.outcome, { state: 'resolved', value: 3 });
    sameBytes(p.subarray(0, 3), Uint8Array.of(1, 2, 3));
    await finish(world);
  });

  test('a deadline that strikes between completion and continuation does not take the bytes away', async () => {
    const world = conns({ attempts: false });
    const [a, b] = world.sides;
    const p = new Uint8Array(8);
    a.conn.setReadTimeout(10);
    const reading = watch(a.conn.read(p));
    void b.conn.write(Uint8Array.of(7));
    while (world.fake.step());
    clock.stall(50);
    a.conn.setReadTimeout(0);
    await reading.promise;
    assert.deepEqual(reading.outcome, { state: 'resolved', value: 1 });
    await finish(world);
  });

  test("an accept that completes after it was cancelled: the connection is the next acceptor's, or closed with the listener", async () => {
    const cases = [false, true].flatMap((close) => [false, true].map((late) => [close, late] as const));
    for (const [close, late] of cases) {
      // The accept may win over its cancellation, or not.
      const choose = late ? (count: number) => count - 1 : inOrder;
      const fake = new FakeDriver({ choose, attempts: false });
      const checked = new CheckedDriver(fake);
      const poller = new Poller(checked);
      const slot = checked.listen('127.0.0.1', 0, { backlog: 1, reusePort: false, ipv6Only: false });
      const listener = new MakeListener(poller, slot, { strict: false, closeTimeout: 0 }, null);
      const internal = listener as unknown as { fd: { listening(): Promise<void> } };
      const listening = watch(internal.fd.listening());
      while (fake.step());
      await listening.promise;
      assert.equal(listening.outcome.state, 'resolved');
      const controller = new AbortController();
      const aborted = watch(listener.accept({ signal: controller.signal }));
      const far = fake.arrive(slot);
      controller.abort('gone');
      await aborted.promise;
      if (close) {
        const closing = watch(listener.close());
        for (let i = 0; i < 10; i++) {
          fake.step();
          await immediate();
        }
        await closing.promise;
        assert.equal(closing.outcome.state, 'resolved');
        assert.equal(fake.openSlots, 1, 'only the far end is left');
      } else {
        const next = watch(listener.accept());
        for (let i = 0; i < 10; i++) {
          fake.step();
          await immediate();
        }
        assert.equal(next.outcome.state, 'resolved');
        const closing = watch(listener.close());
        if (next.outcome.state === 'resolved') next.outcome.value.closeNow();
        for (let i = 0; i < 10; i++) {
          fake.step();
          await immediate();
        }
        await closing.promise;
      }
      assert.ok(far > 0);
      assert.deepEqual(checked.violations, []);
      assert.equal(checked.holds, 0);
    }
  });

  test('a reset wakes reader and writer, is told once with what was lost, and close still completes', async () => {
    const world = conns({ capacity: 100 });
    const [a] = world.sides;
    const reading = watch(a.conn.read(new Uint8Array(8)));
    const writing = watch(a.conn.write(new Uint8Array(30_000)));
    const flushing = watch(a.conn.flush());
    await immediate();
    world.fake.reset(0);
    await world.settle();
    for (const call of [reading, writing, flushing]) {
      assert.ok(call.outcome.state === 'rejected' && call.outcome.error instanceof OpError);
    }
    await finish(world);
  });

  test('a reset that comes to a reader who has gone is told to the next one: it is no end of the stream', async () => {
    for (const multishot of [false, true]) {
      // The last of the possible things: the receive wins over its cancellation.
      const world = conns({ attempts: false, multishot, choose: (count) => count - 1 });
      const [a] = world.sides;
      const controller = new AbortController();
      const aborted = watch(a.conn.read(new Uint8Array(4), { signal: controller.signal }));
      world.fake.reset(a.slot);
      controller.abort('gone');
      await aborted.promise;
      await world.settle();
      const next = watch(a.conn.read(new Uint8Array(4)));
      await world.settle();
      const { outcome } = next;
      assert.ok(outcome.state === 'rejected', `the next read ${JSON.stringify(outcome)}`);
      assert.equal((outcome.error as OpError).code, 'ECONNRESET');
      await finish(world);
    }
  });

  test('what a multishot receive brings last belongs to whoever waits by then, whatever it waits for', async () => {
    let last = false;
    // Of five chances for `more` the first one means no.
    const world = conns({ multishot: true, choose: (count) => (count === 5 && !last ? 1 : 0) });
    const [a, b] = world.sides;
    for (const size of [8, 20_000]) {
      last = false;
      const small = watch(a.conn.read(new Uint8Array(8)));
      await world.settle();
      void b.conn.write(Uint8Array.of(1, 2, 3));
      await world.settle();
      assert.deepEqual(small.outcome, { state: 'resolved', value: 3 });
      last = true;
      const readable = watch(a.conn.waitReadable());
      const p = new Uint8Array(size);
      const reading = watch(a.conn.read(p));
      void b.conn.write(Uint8Array.of(4, 5, 6, 7));
      await world.settle();
      assert.equal(readable.outcome.state, 'resolved');
      assert.deepEqual(reading.outcome, { state: 'resolved', value: 4 });
      sameBytes(p.subarray(0, 4), Uint8Array.of(4, 5, 6, 7));
      assert.equal(world.checked.holds, 0);
    }
    await finish(world);
  });

  describe('two large reads, of which bytes are there, and nobody has had a turn yet', () => {
    /** Every attempt finds what is there. */
    const lucky = (count: number) => (count === 6 ? 1 : 0);

    function waiting(options: { timeout?: number; signal?: AbortSignal } = {}) {
      const world = conns({ choose: lucky });
      const [a, b] = world.sides;
      if (options.timeout !== undefined)
        for (const { conn } of world.sides) conn.setReadTimeout(options.timeout);
      const memories = [new Uint8Array(20_000), new Uint8Array(20_000)] as const;
      const reads = [
        watch(a.conn.read(memories[0], options)),
        watch(b.conn.read(memories[1], options)),
      ] as const;
      void a.conn.write(Uint8Array.of(1, 2, 3));
      void b.conn.write(Uint8Array.of(4, 5));
      while (world.fake.step());
      return { world, a, b, reads, memories };
    }

    test('a deadline that strikes then does not take them away', async () => {
      const { world, reads, memories } = waiting({ timeout: 10 });
      clock.advance(50);
      await reads[1].promise;
      assert.deepEqual(
        reads.map(({ outcome }) => outcome),
        [
          { state: 'resolved', value: 2 },
          { state: 'resolved', value: 3 },
        ],
      );
      sameBytes(memories[1].subarray(0, 3), Uint8Array.of(1, 2, 3));
      await finish(world);
    });

    test("of one that is aborted they are the next reader's", async () => {
      const controller = new AbortController();
      const { world, a, b, reads } = waiting({ signal: controller.signal });
      controller.abort('gone');
      const again = [a, b].map(({ conn }) => watch(conn.read(new Uint8Array(20_000))));
      await Promise.all([...reads, ...again].map(({ promise }) => promise));
      for (const { outcome } of reads) assert.deepEqual(outcome, { state: 'rejected', error: 'gone' });
      assert.deepEqual(
        again.map(({ outcome }) => outcome),
        [
          { state: 'resolved', value: 2 },
          { state: 'resolved', value: 3 },
        ],
      );
      await finish(world);
    });

    test('one that is closed leaves nothing behind, and the other one has its turn', async () => {
      const { world, a, reads } = waiting();
      a.conn.closeNow();
      a.closing = watch(Promise.resolve());
      await reads[1].promise;
      assert.ok(reads[0].outcome.state === 'rejected' && reads[0].outcome.error instanceof ClosedError);
      assert.deepEqual(reads[1].outcome, { state: 'resolved', value: 3 });
      await finish(world);
    });

    test('one whose buffer was transferred loses nothing', async () => {
      const { world, a, reads, memories } = waiting();
      structuredClone(memories[0].buffer, { transfer: [memories[0].buffer] });
      await reads[1].promise;
      assert.equal(reads[0].outcome.state, 'rejected');
      const next = watch(a.conn.read(new Uint8Array(20_000)));
      await next.promise;
      assert.deepEqual(next.outcome, { state: 'resolved', value: 2 });
      await finish(world);
    });
  });

  test('without a synchronous look a stalled loop lets the deadline strike, and the bytes stay', async () => {
    const world = conns({ attempts: false, poll: false });
    const [a, b] = world.sides;
    const p = new Uint8Array(4);
    a.conn.setReadTimeout(10);
    const reading = watch(a.conn.read(p));
    void b.conn.write(Uint8Array.of(1));
    await immediate();
    clock.advance(50);
    await reading.promise;
    assert.ok(reading.outcome.state === 'rejected' && reading.outcome.error instanceof DeadlineExceededError);
    a.conn.setReadTimeout(null);
    const again = watch(a.conn.read(p));
    await world.settle();
    assert.deepEqual(again.outcome, { state: 'resolved', value: 1 });
    await finish(world);
  });
});
