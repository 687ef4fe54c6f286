import assert from 'node:assert/strict';
import { constants } from 'node:os';
import {
  OP_ACCEPT,
  OP_CLOSE,
  OP_DRAIN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_WRITABLE,
  type Op,
} from '#dist/poll/driver.js';
import { seeded } from '../random.ts';
import { isOfStream, streamBytes } from '../stream.ts';
import { turns, until } from '../waiting.ts';
import type { Completion, Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EAGAIN, ECANCELED, EPIPE, ECONNRESET } = constants.errno;
const INBOUND: readonly Op[] = [OP_RECV, OP_READABLE];
const CANCELLABLE: readonly Op[] = [OP_RECV, OP_READABLE, OP_WRITABLE, OP_DRAIN];
const MOST_OUTBOUND = 60_000;

/** The naive model of one end: how far its two streams are, and what is in flight. */
class End {
  readonly slot: number;
  /** Which stream it sends: the other end knows its bytes by position. */
  readonly seed: number;
  peer!: End;
  sent = 0;
  received = 0;
  readonly inFlight = new Set<Op>();
  shut = false;
  ended = false;
  closing = false;
  closed = false;

  constructor(slot: number, seed: number) {
    this.slot = slot;
    this.seed = seed;
  }

  /** Whether bytes may be lost on the way to it or from it: one end went without a farewell. */
  get abrupt(): boolean {
    return this.closing || this.peer.closing;
  }

  took(bytes: Uint8Array): void {
    const right = isOfStream(bytes, this.peer.seed, this.received);
    assert.ok(right, `slot ${this.slot}: wrong bytes in [${this.received}, ${this.received + bytes.length})`);
    this.received += bytes.length;
    assert.ok(this.received <= this.peer.sent, 'more than was ever sent');
  }
}

class Soak {
  readonly #rig: Rig;
  readonly #below: (count: number) => number;
  readonly #ends = new Map<number, End>();
  readonly ends: End[] = [];

  constructor(rig: Rig, below: (count: number) => number) {
    this.#rig = rig;
    this.#below = below;
    rig.onComplete = (completion) => this.#completed(completion);
  }

  async open(): Promise<void> {
    const seed = this.ends.length;
    const [a, b] = (await this.#rig.pair()).map((slot, i) => new End(slot, seed + i)) as [End, End];
    a.peer = b;
    b.peer = a;
    for (const end of [a, b]) {
      this.ends.push(end);
      this.#ends.set(end.slot, end);
    }
  }

  get alive(): End[] {
    return this.ends.filter(({ closing }) => !closing);
  }

  act(): void {
    const alive = this.alive;
    const end = alive[this.#below(alive.length)];
    if (end === undefined) return;
    const { driver } = this.#rig;
    const { slot, inFlight } = end;
    const below = this.#below;
    const inbound = INBOUND.some((op) => inFlight.has(op));
    switch (below(12)) {
      case 0:
      case 1:
      case 2: {
        const size = 1 + below(below(3) === 0 ? 20_000 : 300);
        if (end.shut || driver.outboundLength(slot) + size > MOST_OUTBOUND) return;
        // A writer that waits for room is alone.
        if (inFlight.has(OP_WRITABLE)) return;
        this.#rig.send(slot, streamBytes(end.seed, end.sent, end.sent + size));
        end.sent += size;
        return;
      }
      case 3: {
        if (end.shut || driver.outboundLength(slot) > 0) return;
        const size = 1 + below(30_000);
        const sent = driver.trySend(slot, streamBytes(end.seed, end.sent, end.sent + size), 0, size);
        if (sent > 0) end.sent += sent;
        else if (!end.abrupt) assert.equal(sent, -EAGAIN);
        return;
      }
      case 4:
      case 5:
        if (!inbound) this.#begin(end, OP_RECV, () => driver.recv(slot, 1 + below(20_000)));
        return;
      case 6:
        if (!inbound) this.#begin(end, OP_READABLE, () => driver.readable(slot));
        return;
      case 7: {
        if (inbound) return;
        const received = driver.tryReceive(slot, 1 + below(10_000));
        if (received > 0) end.took(driver.slab.subarray(driver.receivedAt, driver.receivedAt + received));
        else this.#nothing(end, received);
        return;
      }
      case 8:
        if (!inFlight.has(OP_WRITABLE) && driver.outboundLength(slot) === 0)
          this.#begin(end, OP_WRITABLE, () => driver.writable(slot));
        return;
      case 9:
        if (!inFlight.has(OP_DRAIN)) this.#begin(end, OP_DRAIN, () => driver.drain(slot, below(40_000)));
        return;
      case 10: {
        const op = CANCELLABLE[below(CANCELLABLE.length)]!;
        if (inFlight.has(op)) driver.cancel(slot, op);
        return;
      }
      default:
        if (below(30) === 0) {
          end.closing = true;
          driver.close(slot);
        } else if (below(10) === 0 && !end.shut && driver.outboundLength(slot) === 0) {
          end.shut = true;
          inFlight.add(OP_SHUTDOWN);
          driver.shutdown(slot, 'write');
        } else if (below(4) === 0) {
          driver.flushNow(slot);
        }
    }
  }

  /** The orderly ones say goodbye and get all that was meant for them. */
  async finish(): Promise<void> {
    for (const end of this.alive) {
      for (const op of end.inFlight) if (CANCELLABLE.includes(op)) this.#rig.driver.cancel(end.slot, op);
    }
    await until(() => this.alive.every(({ inFlight }) => inFlight.size === 0), 'what was cancelled', 20_000);
    const reading = this.alive.map(async (end) => {
      for (;;) {
        // Whoever is full sends on while the others read.
        if (end.received === end.peer.sent && (end.ended || !end.peer.shut)) break;
        if (end.peer.closing && end.ended) break;
        const before = end.received;
        // A multishot one is still there.
        if (!end.inFlight.has(OP_RECV))
          this.#begin(end, OP_RECV, () => this.#rig.driver.recv(end.slot, 16_384));
        await until(
          () => end.received > before || end.ended || !end.inFlight.has(OP_RECV),
          `slot ${end.slot}: ${before} of ${end.peer.sent}`,
          20_000,
        );
      }
      if (!end.abrupt) assert.equal(end.received, end.peer.sent, 'everything arrived');
    });
    await Promise.all(reading);
    this.#rig.onComplete = null;
  }

  #begin(end: End, op: Op, begin: () => void): void {
    end.inFlight.add(op);
    begin();
  }

  #completed({ op, slot, result, bytes, more }: Completion): void {
    const end = this.#ends.get(slot);
    if (end === undefined || op === OP_ACCEPT) return;
    assert.equal(end.closed, false);
    if (op === OP_CLOSE) {
      end.closed = true;
      this.#ends.delete(slot);
      assert.equal(end.inFlight.size, 0, 'close comes last');
      return;
    }
    if (!more) assert.ok(end.inFlight.delete(op), `operation ${op} completed, which was not in flight`);
    if (op === OP_RECV && result > 0) end.took(bytes);
    else if (op === OP_RECV) this.#nothing(end, result);
    else if (result !== -ECANCELED && !end.abrupt) assert.equal(result, 0);
  }

  #nothing(end: End, result: number): void {
    if (result === 0 || (result !== -EAGAIN && result !== -ECANCELED)) end.ended = true;
    if (result === 0) assert.ok(end.peer.shut || end.peer.closing, 'an end that nobody made');
    else if (result !== -EAGAIN && result !== -ECANCELED) {
      assert.ok(end.abrupt && [-ECONNRESET, -EPIPE].includes(result), `receive: ${result}`);
    }
    if (result === 0 && !end.abrupt) assert.equal(end.received, end.peer.sent, 'the end came too early');
  }
}

export const soak: Rows = (row) => {
  row('random operations on many connections, against a naive model', [], async (rig) => {
    for (let round = 0; round < 4; round++) {
      const { seed, below } = seeded();
      try {
        const soak = new Soak(rig, below);
        for (let i = 0; i < 12; i++) await soak.open();
        for (let i = 0; i < 2500; i++) {
          soak.act();
          if (below(8) === 0) await turns(below(3));
          else if (below(4) === 0) await Promise.resolve();
        }
        await soak.finish();
        for (const slot of [...rig.open.keys()]) {
          if (soak.alive.some((end) => end.slot === slot)) await rig.close(slot);
        }
        await until(() => rig.open.size === 0, 'all closed');
      } catch (error) {
        throw new Error(`with seed ${seed} (GOPARK_SEED repeats it)`, { cause: error });
      }
    }
  });
};
