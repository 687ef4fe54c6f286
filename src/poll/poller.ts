import { beginSlice } from '../runtime/budget.ts';
import { timers } from '../runtime/timers.ts';
import {
  type CompletionReceiver,
  type Driver,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DRAIN,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_WRITABLE,
  type Op,
} from './driver.ts';
import type { FD } from './fd.ts';
import { IOWait } from './io-wait.ts';
import type { PollDesc } from './poll-desc.ts';
import type { Waiter } from './waiter.ts';

/** Brings a driver's completions to the FDs they are for. One for each driver. */
export class Poller implements CompletionReceiver {
  readonly driver: Driver;
  /** Two instants a slot, of its reading and its writing direction; 0: none. */
  readonly deadlines: Float64Array;
  /** The last waiter of each queue that has more than one: kept here, because almost none has. */
  readonly tails: Map<PollDesc, Waiter> = new Map();
  readonly #fds: (FD | null)[] = [];
  readonly #generations: Int32Array;
  #lookedAt = -1;

  constructor(driver: Driver) {
    this.driver = driver;
    this.deadlines = new Float64Array(2 * driver.slotCount);
    this.#generations = new Int32Array(driver.slotCount);
    driver.start(this);
  }

  add(fd: FD): void {
    while (this.#fds.length <= fd.slot) this.#fds.push(null);
    this.#fds[fd.slot] = fd;
    this.#generations[fd.slot] = this.driver.generationOf(fd.slot);
    // Looked at before it is written: pages of connections without deadlines are never touched.
    for (let i = 2 * fd.slot; i < 2 * fd.slot + 2; i++) if (this.deadlines[i] !== 0) this.deadlines[i] = 0;
  }

  /** Every parked call. Nobody keeps a list: who asks goes through the descriptors. */
  *waits(): Generator<IOWait> {
    for (const fd of this.#fds) {
      if (fd === null) continue;
      for (const [waiter, place] of fd.parked()) yield new IOWait(fd, waiter, place);
    }
  }

  complete(op: Op, slot: number, generation: number, result: number, offset: number, more: boolean): void {
    const fd = this.#fds[slot];
    if (fd === null || fd === undefined || this.#generations[slot] !== generation) return;
    switch (op) {
      case OP_RECV:
      case OP_READABLE:
      case OP_ACCEPT:
      case OP_LISTEN:
        fd.reading.completed(op, result, offset, more);
        break;
      case OP_WRITABLE:
      case OP_DRAIN:
      case OP_CONNECT:
        fd.writer.completed(op, result, offset, false);
        break;
      case OP_SHUTDOWN:
        fd.shutdownCompleted(result);
        break;
      case OP_CLOSE:
        this.#fds[slot] = null;
        fd.closeCompleted(result);
        break;
    }
  }

  fault(slot: number, generation: number, errno: number, bytesUnsent: number): void {
    const fd = this.#fds[slot];
    if (fd !== null && fd !== undefined && this.#generations[slot] === generation)
      fd.faulted(errno, bytesUnsent);
  }

  round(): void {
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
