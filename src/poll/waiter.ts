import { abortReason } from '../runtime/failures.ts';
import type { Parked } from '../runtime/park.ts';
import type { Op } from './driver.ts';
import type { Failure } from './errno.ts';
import type { PollDesc } from './poll-desc.ts';

/**
 * One parked call in the queue of its direction. The first of the queue holds the direction's lock: only it has an
 * operation at the driver, the others wait behind it, whole calls at a time.
 */
export abstract class Waiter implements Parked<never> {
  resolve!: (value: never) => void;
  reject!: (reason: unknown) => void;
  next: Waiter | null = null;
  abort: AbortLink | null = null;

  /** Gets as far as it can without waiting. True: settled. Called with the lock and nothing in flight. */
  abstract attempt(): boolean;
  /** Begins the operation that it has to wait for. */
  abstract submit(): Op;
  /** That operation has completed. True: settled. */
  abstract completed(result: number, offset: number): boolean;
  abstract fail(failure: Failure): void;
  /** The caller's signal fired. */
  abandon(reason: unknown): void {
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
    signal.addEventListener('abort', this, { once: true });
  }

  handleEvent(): void {
    this.#desc.remove(this.#waiter);
    this.#waiter.abandon(abortReason(this.#signal));
  }

  release(): void {
    this.#signal.removeEventListener('abort', this);
  }
}
