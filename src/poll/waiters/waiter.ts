import { abortReason } from '../../runtime/failures.ts';
import type { Parked } from '../../runtime/park.ts';
import { onAbort } from '../../runtime/signal.ts';
import type { Op } from '../driver.ts';
import type { Failure } from '../errno.ts';
import type { FD } from '../fd/fd.ts';
import type { PollDesc } from '../poll-desc.ts';

/**
 * One parked call in the queue of its direction. The first of the queue holds the direction's lock: only it has an
 * operation at the driver, the others wait behind it, whole calls at a time.
 */
export abstract class Waiter implements Parked<never> {
  resolve!: (value: never) => void;
  reject!: (reason: unknown) => void;
  next: Waiter | null = null;
  abort: AbortLink | null = null;
  /** When it was parked, in ticks of the runtime's coarse clock. */
  sinceTick = 0;

  // The FD is an argument everywhere, because tens of thousands of waiters would each have a field for it.

  /** Gets as far as it can without waiting. True: settled. Called with the lock and nothing in flight. */
  abstract attempt(fd: FD): boolean;
  /** Begins the operation that it has to wait for. */
  abstract submit(fd: FD): Op;
  /** That operation has completed. True: settled. */
  abstract completed(fd: FD, result: number, offset: number, op: Op): boolean;
  abstract fail(fd: FD, failure: Failure): void;
  /** What the caller called, for the dump. */
  get operation(): string {
    return 'wait';
  }
  /** A read that goes straight into the caller's memory: see LargeReads. */
  isLarge(_fd: FD): boolean {
    return false;
  }
  /** A thread is busy for it: it keeps its place until that returns, whatever happens. */
  get pinned(): boolean {
    return false;
  }
  /** It has another one at the other end of its copy, which says it all. */
  get elsewhere(): boolean {
    return false;
  }
  /** What happened while it was pinned. */
  interrupt(_failure: Failure): void {}
  /** The caller's signal fired. */
  abandon(_fd: FD, reason: unknown): void {
    this.reject(reason);
  }
}

/** Ties a parked call to its caller's AbortSignal; one object for both directions of the tie. */
export class AbortLink {
  readonly #signal: AbortSignal;
  readonly #desc: PollDesc;
  readonly #waiter: Waiter;

  constructor(signal: AbortSignal, desc: PollDesc, waiter: Waiter) {
    this.#signal = signal;
    this.#desc = desc;
    this.#waiter = waiter;
    onAbort(signal, this);
  }

  handleEvent(): void {
    this.#desc.remove(this.#waiter);
    this.#waiter.abandon(this.#desc.fd, abortReason(this.#signal));
  }

  release(): void {
    this.#signal.removeEventListener('abort', this);
  }
}
