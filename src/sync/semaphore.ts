import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { MisuseError } from './errors.ts';
import { type Guard, OnceGuard } from './guard.ts';
import { type Place, SyncWaiter } from './sync-waiter.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';
import { doneWith } from './wake.ts';

function checkUnits(units: number, name: string): void {
  if (typeof units !== 'number') throw new ArgumentTypeError(name, 'a number', units);
  if (!Number.isSafeInteger(units) || units < 0) {
    throw new ArgumentRangeError(name, 'a whole number of at least 0', units);
  }
}

/**
 * So much of something, to be had in parts. Who waits first is served first: a large wish at the head is not
 * overtaken by small ones behind it. Go: `semaphore.Weighted`.
 *
 * @example
 * ```ts
 * import { Semaphore } from 'gopark/sync';
 *
 * const memory = new Semaphore(64 * 1024 * 1024);
 * async function decode(size: number): Promise<void> {
 *   using share = await memory.acquire(size, { signal: AbortSignal.timeout(1000) });
 *   console.log(memory.available);
 * }
 * await decode(1024);
 * ```
 */
export class Semaphore implements Place {
  readonly size: number;
  readonly #waiters: WaitQueue<SyncWaiter> = new WaitQueue();
  #used = 0;

  /** @throws RangeError when `size` is not a whole number of at least 0. */
  constructor(size: number) {
    checkUnits(size, 'size');
    this.size = size;
  }

  /** How much could be had at once, if nobody waits. */
  get available(): number {
    return this.size - this.#used;
  }

  /**
   * Waits for `units`. More than there are in all are never to be had: that waits for the signal, in nobody's way.
   * Give them back with the guard (by `using`) or with `release`, not with both. Rejects with the signal's reason,
   * having nothing then, or with a RangeError.
   */
  acquire(units = 1, options?: WaitOptions): Promise<Guard> {
    try {
      checkUnits(units, 'units');
    } catch (error) {
      return Promise.reject(error);
    }
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    if (this.#take(units)) return doneWith(this.#guard(units));
    const waiter = new SyncWaiter('sync.Semaphore.Acquire', this, null, units);
    if (units <= this.size) this.#waiters.push(waiter);
    return waiter.begin(options);
  }

  /** Takes `units` if that needs no waiting, and says whether it did. */
  tryAcquire(units = 1): boolean {
    checkUnits(units, 'units');
    return this.#take(units);
  }

  /**
   * Gives `units` back.
   *
   * @throws MisuseError (`ERR_NOT_ACQUIRED`) when fewer are out; then nothing changed.
   */
  release(units = 1): void {
    checkUnits(units, 'units');
    if (units > this.#used) {
      throw new MisuseError('ERR_NOT_ACQUIRED', `release of ${units} where ${this.#used} are acquired`);
    }
    this.#used -= units;
    this.relieve();
  }

  /** @internal */
  describe(waiter: SyncWaiter): string {
    return `${waiter.units} of a semaphore with ${this.available} of ${this.size} left`;
  }

  /** @internal */
  abandon(waiter: SyncWaiter): void {
    if (waiter.units <= this.size) this.#waiters.remove(waiter);
  }

  #take(units: number): boolean {
    if (this.#waiters.first !== null || units > this.available) return false;
    this.#used += units;
    return true;
  }

  /** @internal */
  relieve(): void {
    const queue = this.#waiters;
    for (let waiter = queue.first; waiter !== null && waiter.units <= this.available; waiter = queue.first) {
      queue.remove(waiter);
      this.#used += waiter.units;
      waiter.grant(this.#guard(waiter.units));
    }
  }

  #guard(units: number): Guard {
    return new OnceGuard(() => this.release(units));
  }
}
