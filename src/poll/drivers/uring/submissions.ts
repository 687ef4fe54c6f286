import {
  OP_ASYNC_CANCEL,
  OP_NOP,
  OP_POLL_ADD,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_BUFFER_GROUP,
  Q_LENGTH,
  Q_MULTISHOT_LIMIT,
  Q_OP_FLAGS,
  RECV_MULTISHOT,
  SQE_BUFFER_SELECT,
  SQE_CQE_SKIP_SUCCESS,
  OP_RECV as SUBMIT_RECV,
} from './abi.ts';
import type { Ring } from './ring.ts';

/** What a completion is of: in its id, above the slot. */
export const KIND_SHIFT = 20;
export const SLOT_MASK: number = (1 << KIND_SHIFT) - 1;
export const RECEIVE = 0;
export const POLL_IN = 1;
export const POLL_OUT = 2;
const CANCEL = 3;
export const AGAIN = 4;

/** What of a slot the kernel has. */
export const RECEIVING: number = 1 << RECEIVE;
export const POLLING_IN: number = 1 << POLL_IN;
export const POLLING_OUT: number = 1 << POLL_OUT;
export const IN_KERNEL: number = RECEIVING | POLLING_IN | POLLING_OUT;
/** A cancel of what receives has been submitted. */
export const STOPPING = 1 << 4;
/** Closes when the kernel has let go. */
export const CLOSING = 1 << 5;
/** There is an inbound. */
export const AHEAD = 1 << 6;
/** What receives was given a limit. */
export const LIMITED: number = 1 << 7;

const POLLIN = 1;
const POLLOUT = 4;
/** Told whether it was asked for or not. */
export const POLLRDHUP = 0x2000;

export const GROUP = 0;
/** Bytes that may wait for a reader who has not asked for them: beyond that the kernel is told to stop. */
export const MOST_AHEAD: number = 64 * 1024;

/** Whose the descriptors are. */
export interface Slots {
  generationOf(slot: number): number;
  descriptorOf(slot: number): number;
}

/** What the kernel has under way for each slot: at most one operation of a kind. */
export class Submissions {
  /** Of each slot: the bits above. */
  readonly states: Uint8Array;
  readonly #ring: Ring;
  readonly #tag: number;
  readonly #slots: Slots;
  /** Whether the kernel takes a limit for what a multishot receive may bring. */
  #limited = true;

  constructor(ring: Ring, tag: number, slotCount: number, slots: Slots) {
    this.#ring = ring;
    this.#tag = tag;
    this.#slots = slots;
    this.states = new Uint8Array(slotCount);
  }

  /** The kernel receives into the provided buffers, until it is stopped or has brought enough. */
  receive(slot: number): void {
    this.states[slot]! |= RECEIVING;
    const head = SUBMIT_RECV | (SQE_BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16);
    const base = this.#submit(head, this.#slots.descriptorOf(slot), RECEIVE, slot);
    const { sqes } = this.#ring;
    sqes[base + Q_BUFFER_GROUP] = GROUP;
    if (!this.#limited) return;
    this.states[slot]! |= LIMITED;
    sqes[base + Q_LENGTH] = MOST_AHEAD;
    sqes[base + Q_MULTISHOT_LIMIT] = MOST_AHEAD;
  }

  /** A receive has ended. */
  received(slot: number): void {
    this.states[slot]! &= ~(RECEIVING | STOPPING);
  }

  /** A receive was refused as invalid. Whether that was for its limit, which a kernel before 6.17 does not know. */
  refused(slot: number): boolean {
    if (!(this.states[slot]! & LIMITED)) return false;
    this.#limited = false;
    this.states[slot]! &= ~LIMITED;
    return true;
  }

  stop(slot: number): void {
    if ((this.states[slot]! & (RECEIVING | STOPPING)) !== RECEIVING) return;
    this.states[slot]! |= STOPPING;
    this.#cancel(slot, RECEIVE);
  }

  /** Tells once when bytes, or the end, are there; when there is room, or a connect has ended. */
  poll(slot: number, kind: typeof POLL_IN | typeof POLL_OUT): void {
    if (this.states[slot]! & (1 << kind)) return;
    this.states[slot]! |= 1 << kind;
    const base = this.#submit(OP_POLL_ADD, this.#slots.descriptorOf(slot), kind, slot);
    this.#ring.sqes[base + Q_OP_FLAGS] = kind === POLL_IN ? POLLIN | POLLRDHUP : POLLOUT;
  }

  /** Another batch comes, soon. */
  again(): void {
    this.#submit(OP_NOP, -1, AGAIN, 0);
  }

  cancelAll(slot: number, mask: number): void {
    const state = this.states[slot]! & mask;
    if (state & RECEIVING) this.stop(slot);
    if (state & POLLING_IN) this.#cancel(slot, POLL_IN);
    if (state & POLLING_OUT) this.#cancel(slot, POLL_OUT);
  }

  /** Whether a completion is of what the kernel has for the slot's present owner; then it has it no more. */
  ended(slot: number, generation: number, bit: number): boolean {
    if (this.#slots.generationOf(slot) !== generation || !(this.states[slot]! & bit)) return false;
    this.states[slot]! &= ~bit;
    return true;
  }

  /** The kernel has let go of what is in `mask` when this returns; what came has been told, early. */
  quiesce(slot: number, mask: number): void {
    if (!(this.states[slot]! & mask)) return;
    const generation = this.#slots.generationOf(slot);
    this.cancelAll(slot, mask);
    while (this.states[slot]! & mask) {
      this.#ring.wait();
      for (const kind of [POLL_IN, POLL_OUT]) {
        if (!(mask & (1 << kind))) continue;
        if (this.#ring.take(this.#tag, (kind << KIND_SHIFT) | slot, generation) !== null)
          this.states[slot]! &= ~(1 << kind);
      }
    }
  }

  #cancel(slot: number, kind: number): void {
    const base = this.#submit(OP_ASYNC_CANCEL | (SQE_CQE_SKIP_SUCCESS << 8), -1, CANCEL, slot);
    const { sqes } = this.#ring;
    sqes[base + Q_ADDRESS] = this.#ring.user(this.#tag, (kind << KIND_SHIFT) | slot);
    sqes[base + Q_ADDRESS_HIGH] = this.#slots.generationOf(slot);
  }

  #submit(head: number, fd: number, kind: number, slot: number): number {
    return this.#ring.next(head, fd, this.#tag, (kind << KIND_SHIFT) | slot, this.#slots.generationOf(slot));
  }
}
