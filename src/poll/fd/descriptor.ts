import type { Op } from '../driver.ts';
import {
  ECONNRESET,
  EPIPE,
  FAILED_CLOSED,
  FAILED_DEADLINE,
  FAILED_MOVED,
  FAILED_NOT,
  type Failure,
} from '../errno.ts';
import { IOWait } from '../io-wait.ts';
import type { PollDesc } from '../poll-desc.ts';
import type { Poller, SlotOwner } from '../poller.ts';
import type { Waiter } from '../waiters/waiter.ts';
import { CLOSED, DISCARD, MOVED, PACKETS, RESET, SHUTTING, STRICT, UNSTAGED, WRITE_SHUT } from './flags.ts';
import type { FDOwner } from './owner.ts';
import { Rare } from './rare.ts';

/**
 * What all parts of an FD share: what it is, what has become of it, and why calls on it fail. It is one object, in
 * parts: this, receiving.ts, reading.ts, writing.ts, closing.ts, moving.ts and fd.ts.
 */
export abstract class Descriptor implements SlotOwner {
  readonly poller: Poller;
  readonly slot: number;
  readonly owner: FDOwner;
  abstract readonly reading: PollDesc;
  /** The writing direction, if it was ever waited for. */
  protected writing: PollDesc | null = null;
  protected flags = 0;
  /** Bytes that were received and that nobody has read: they did not fit a reader's buffer. */
  inbound: Uint8Array | null = null;
  protected rare: Rare | null = null;

  constructor(poller: Poller, slot: number, owner: FDOwner) {
    this.poller = poller;
    this.slot = slot;
    this.owner = owner;
  }

  /** The writing direction, made when it is first asked for: for a call that has to wait, or a deadline. */
  abstract get writer(): PollDesc;
  abstract completed(op: Op, result: number, offset: number, more: boolean): void;

  protected get some(): Rare {
    this.rare ??= new Rare();
    return this.rare;
  }

  // What it is

  get closed(): boolean {
    return (this.flags & CLOSED) !== 0;
  }

  /** Whether writes settle only when the kernel has accepted them. */
  get strict(): boolean {
    return (this.flags & STRICT) !== 0;
  }

  setStrict(): void {
    this.flags |= STRICT;
  }

  /** Whether every write is a message of its own. */
  get packets(): boolean {
    return (this.flags & PACKETS) !== 0;
  }

  setPackets(): void {
    this.flags |= PACKETS;
  }

  /** Whether writes go straight to the kernel, however small. */
  get unstaged(): boolean {
    return (this.flags & UNSTAGED) !== 0;
  }

  setUnstaged(): void {
    this.flags |= UNSTAGED;
  }

  setDiscard(on: boolean): void {
    this.flags = on ? this.flags | DISCARD : this.flags & ~DISCARD;
  }

  // Who waits

  /** All that are parked here, for the dump: with their place in the queue of their direction. */
  *parked(): Generator<[waiter: Waiter, place: number]> {
    for (const desc of [this.reading, this.writing]) {
      let place = 0;
      for (let waiter = desc?.head ?? null; waiter !== null; waiter = waiter.next, place++) {
        if (!waiter.elsewhere) yield [waiter, place];
      }
    }
  }

  *waits(): Generator<IOWait> {
    for (const [waiter, place] of this.parked()) yield new IOWait(this, waiter, place);
  }

  // Why calls fail

  /** Why calls on a closed one fail. */
  get closure(): Failure {
    return this.flags & MOVED ? FAILED_MOVED : FAILED_CLOSED;
  }

  readFailure(): Failure {
    if (this.flags & CLOSED) return this.closure;
    return this.reading.expired ? FAILED_DEADLINE : FAILED_NOT;
  }

  /** After a reset that a send was told of, the kernel shows readers an orderly end: it is none. */
  endOrReset(result: number): number {
    if (result !== 0) return result;
    const failed = this.rare?.failed ?? 0;
    if (failed !== 0) {
      this.some.failed = 0;
      return -failed;
    }
    return this.flags & RESET ? -ECONNRESET : 0;
  }

  /** Why nothing can be written. A fault is told with its count: see `takeUnsent`. */
  takeWriteFailure(): Failure {
    if (this.flags & CLOSED) return this.closure;
    const fault = this.rare?.fault;
    if (fault !== null && fault !== undefined) return fault.errno;
    if (this.flags & WRITE_SHUT) return EPIPE;
    return this.writing?.expired ? FAILED_DEADLINE : FAILED_NOT;
  }

  /** Why nothing new can be written: what was begun before `closeWrite` still goes. */
  writeRefusal(): Failure {
    const failure = this.takeWriteFailure();
    return failure === FAILED_NOT && this.flags & SHUTTING ? EPIPE : failure;
  }

  /** The count of a fault, for the one error that tells it. */
  takeUnsent(): { bytesUnsent?: number } {
    const fault = this.rare?.fault;
    if (fault === null || fault === undefined || fault.told) return {};
    fault.told = true;
    return { bytesUnsent: fault.bytesUnsent };
  }

  /** The kernel refused for good: what was outbound is lost, and nothing more can be sent. */
  faulted(errno: number, bytesUnsent: number): void {
    if (errno === ECONNRESET) this.flags |= RESET;
    const rare = this.some;
    rare.fault ??= { errno, bytesUnsent: 0, told: true };
    rare.fault.bytesUnsent += bytesUnsent;
    if (bytesUnsent > 0) rare.fault.told = false;
    this.owner.broken?.(errno);
  }
}
