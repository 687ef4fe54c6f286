import { now } from '../../../runtime/clock.ts';
import { type Timer, timers } from '../../../runtime/timers.ts';
import { EINVAL } from '../../errno.ts';
import { LEASE_TIME, type Lease, type LeaseDriver } from '../../lease.ts';
import type { Native } from './native.ts';

/** So many descriptors may be on their way from one thread at a time. A row has two words, the first its state. */
const ROWS = 16_384;
const ROW_SIZE = 2;

/** Gives the wait for somebody to take a lease over up. */
class Expiry implements Timer {
  when = 0;
  index = -1;
  readonly holds = false;
  readonly #fire: () => void;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  fire(): void {
    this.#fire();
  }
}

/** What of the driver's own the leases need. */
export interface LeaseSlots {
  takeOutbound(slot: number): Uint8Array | null;
  takeInbound(slot: number): Uint8Array | null;
  takeError(slot: number): number;
}

export class EpollLeases implements LeaseDriver {
  readonly #native: Native;
  readonly #slots: LeaseSlots;
  #table: Int32Array | null = null;

  constructor(native: Native, slots: LeaseSlots) {
    this.#native = native;
    this.#slots = slots;
  }

  takeOutbound(slot: number): Uint8Array | null {
    return this.#slots.takeOutbound(slot);
  }

  takeInbound(slot: number): Uint8Array | null {
    return this.#slots.takeInbound(slot);
  }

  takeError(slot: number): number {
    return this.#slots.takeError(slot);
  }

  lease(slot: number): Lease | number {
    const table = this.#ownTable();
    const row = this.#native.lease(slot);
    if (row < 0) return row;
    const state = table[row * ROW_SIZE]!;
    timers.set(new Expiry(() => this.#native.expire(row, state)), now() + LEASE_TIME);
    return { table, row, state };
  }

  #ownTable(): Int32Array {
    if (this.#table === null) {
      this.#table = new Int32Array(new SharedArrayBuffer(ROWS * ROW_SIZE * 4));
      const result = this.#native.leases(this.#table);
      if (result < 0) throw new Error(`the table of leases was refused: ${result}`);
    }
    return this.#table;
  }

  adopt({ table, row, state }: Lease, packets: boolean): number {
    if (!(table instanceof Int32Array)) return -EINVAL;
    return this.#native.adopt(table, row, state, packets);
  }
}
