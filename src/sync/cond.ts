import { ArgumentTypeError } from '../io/index.ts';
import { Mutex } from './mutex.ts';
import { type Place, SyncWaiter } from './sync-waiter.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * A place to wait until something under a lock has changed. Go: `sync.Cond`. A channel is often simpler.
 *
 * @example
 * ```ts
 * import { Cond, Mutex } from 'gopark/sync';
 *
 * const mutex = new Mutex();
 * const changed = new Cond(mutex);
 * const queue: string[] = [];
 * async function take(): Promise<string> {
 *   using guard = await mutex.lock();
 *   while (queue.length === 0) await changed.wait();
 *   return queue.shift()!;
 * }
 * const taking = take();
 * queue.push('job');
 * changed.signal();
 * console.log(await taking);
 * ```
 */
export class Cond implements Place {
  readonly mutex: Mutex;
  readonly #waiters: WaitQueue<SyncWaiter> = new WaitQueue();

  constructor(mutex: Mutex) {
    if (!(mutex instanceof Mutex)) throw new ArgumentTypeError('mutex', 'a Mutex', mutex);
    this.mutex = mutex;
  }

  /**
   * Gives the mutex back, waits for `signal` or `broadcast`, and takes the mutex again before it settles, also when
   * the signal of the options ends the wait. Look at what was waited for again: others may have been faster.
   *
   * @returns rejects with `MisuseError` (`ERR_NOT_LOCKED`) when the mutex is free, and with the signal's reason.
   */
  async wait(options?: WaitOptions): Promise<void> {
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    const turn = this.mutex.suspend();
    const waiter = new SyncWaiter('sync.Cond.Wait', this);
    this.#waiters.push(waiter);
    try {
      await waiter.begin(options);
    } finally {
      await this.mutex.resume(turn);
    }
  }

  /** Wakes who waits longest, if anybody does. The mutex may be held or not. */
  signal(): void {
    const waiter = this.#waiters.first;
    if (waiter === null) return;
    this.#waiters.remove(waiter);
    waiter.grant();
  }

  /** Wakes all who wait. */
  broadcast(): void {
    while (this.#waiters.first !== null) this.signal();
  }

  /** @internal */
  describe(): string {
    return '';
  }

  /** @internal */
  abandon(waiter: SyncWaiter): void {
    this.#waiters.remove(waiter);
  }
}
