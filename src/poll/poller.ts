import { beginSlice } from '../runtime/budget.ts';
import { timers } from '../runtime/timers.ts';
import type { WaitRecord } from '../runtime/waits.ts';
import { type CompletionReceiver, type Driver, OP_CLOSE, type Op } from './driver.ts';
import type { FDOwner } from './fd/owner.ts';
import { LargeReads } from './large-reads.ts';
import type { PollDesc } from './poll-desc.ts';
import type { Waiter } from './waiters/waiter.ts';

/** Whose a slot is: takes its completions and its fault. */
export interface SlotOwner {
  readonly slot: number;
  /** The connection or listener above it, for who wants to know what it is. */
  readonly owner: FDOwner;
  completed(op: Op, result: number, offset: number, more: boolean): void;
  faulted(errno: number, bytesUnsent: number): void;
  /** Its parked calls, as far as nobody else keeps a list of them. */
  waits(): Iterable<WaitRecord>;
}

/** Brings a driver's completions to those they are for. One for each driver. */
export class Poller implements CompletionReceiver {
  readonly driver: Driver;
  /** Two instants a slot, of its reading and its writing direction; 0: none. */
  readonly deadlines: Float64Array;
  /** The last waiter of each queue that has more than one: kept here, because almost none has. */
  readonly tails: Map<PollDesc, Waiter> = new Map();
  /** Whether large messages go straight from and to the caller's memory: asked for each of them. */
  readonly direct: boolean;
  readonly largeReads: LargeReads = new LargeReads();
  readonly #owners: (SlotOwner | null)[] = [];
  readonly #generations: Int32Array;
  /** Completions so far, and the batches that they came in: how many are ready at a time. */
  completions = 0;
  rounds = 0;
  #lookedAt = -1;

  constructor(driver: Driver) {
    this.driver = driver;
    this.direct = driver.capabilities.has('direct');
    this.deadlines = new Float64Array(2 * driver.slotCount);
    this.#generations = new Int32Array(driver.slotCount);
    driver.start(this);
  }

  add(owner: SlotOwner): void {
    const { slot } = owner;
    while (this.#owners.length <= slot) this.#owners.push(null);
    this.#owners[slot] = owner;
    this.#generations[slot] = this.driver.generationOf(slot);
    // Looked at before it is written: pages of connections without deadlines are never touched.
    for (let i = 2 * slot; i < 2 * slot + 2; i++) if (this.deadlines[i] !== 0) this.deadlines[i] = 0;
  }

  /** Its slot is not its own any more. */
  remove(owner: SlotOwner): void {
    this.#owners[owner.slot] = null;
  }

  /** Whoever has a slot. */
  *owners(): Generator<SlotOwner> {
    for (const owner of this.#owners) if (owner !== null) yield owner;
  }

  /** Every parked call. Nobody keeps a list: who asks goes through the descriptors. */
  *waits(): Generator<WaitRecord> {
    for (const owner of this.#owners) if (owner !== null) yield* owner.waits();
  }

  complete(op: Op, slot: number, generation: number, result: number, offset: number, more: boolean): void {
    const owner = this.#owners[slot];
    if (owner === null || owner === undefined || this.#generations[slot] !== generation) return;
    if (op === OP_CLOSE) this.#owners[slot] = null;
    this.completions++;
    owner.completed(op, result, offset, more);
  }

  fault(slot: number, generation: number, errno: number, bytesUnsent: number): void {
    const owner = this.#owners[slot];
    if (owner !== null && owner !== undefined && this.#generations[slot] === generation)
      owner.faulted(errno, bytesUnsent);
  }

  round(): void {
    this.rounds++;
    beginSlice();
  }

  /** One poll pass for all deadlines that strike together. False: this driver only looks when the event loop does. */
  lookOnce(): boolean {
    if (!this.driver.capabilities.has('poll')) return false;
    if (this.#lookedAt === timers.rings) return true;
    this.#lookedAt = timers.rings;
    return this.driver.poll();
  }
}
