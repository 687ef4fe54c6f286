import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { Goroutine, type Origin } from '../runtime/goroutine.ts';
import { originOf } from '../runtime/site.ts';
import { MisuseError } from './errors.ts';
import { type Place, SyncWaiter } from './sync-waiter.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';
import { done } from './wake.ts';

class CountedGoroutine<T> extends Goroutine<T> {
  readonly #group: WaitGroup;

  constructor(origin: Origin, group: WaitGroup) {
    super(origin);
    this.#group = group;
  }

  protected override ended(): void {
    this.#group.done();
  }
}

/**
 * Waits for a number of things to be done. Go: `sync.WaitGroup`.
 *
 * @example
 * ```ts
 * import { WaitGroup } from 'gopark/sync';
 *
 * const group = new WaitGroup();
 * for (const host of ['a', 'b']) group.go(async () => console.log('asking', host));
 * await group.wait();
 * ```
 */
export class WaitGroup implements Place {
  readonly #waiters: WaitQueue<SyncWaiter> = new WaitQueue();
  #count = 0;

  /** How many are not done. */
  get count(): number {
    return this.#count;
  }

  /**
   * So many more are to be done; fewer, if `delta` is negative.
   *
   * @throws MisuseError (`ERR_NEGATIVE_COUNT`) when more would be done than there were; then nothing changed.
   */
  add(delta = 1): void {
    if (typeof delta !== 'number') throw new ArgumentTypeError('delta', 'a number', delta);
    if (!Number.isSafeInteger(delta)) throw new ArgumentRangeError('delta', 'a whole number', delta);
    if (this.#count + delta < 0) throw new MisuseError('ERR_NEGATIVE_COUNT', 'negative WaitGroup counter');
    this.#count += delta;
    if (this.#count > 0) return;
    const queue = this.#waiters;
    for (let waiter = queue.first; waiter !== null; waiter = queue.first) {
      queue.remove(waiter);
      waiter.grant();
    }
  }

  /**
   * One is done.
   *
   * @throws MisuseError (`ERR_NEGATIVE_COUNT`) when all were already.
   */
  done(): void {
    this.add(-1);
  }

  /** Waits until all are done. Rejects only with the signal's reason. */
  wait(options?: WaitOptions): Promise<void> {
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    if (this.#count === 0) return done();
    const waiter = new SyncWaiter('sync.WaitGroup.Wait', this);
    this.#waiters.push(waiter);
    return waiter.begin(options);
  }

  /** Starts `fn(...args)` as a goroutine of this group: it is done when it ends, however it ends. See `go`. */
  go<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Goroutine<Awaited<T>> {
    if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
    this.add(1);
    const goroutine = new CountedGoroutine<Awaited<T>>(originOf(fn, this.go), this);
    goroutine.start(fn as (...args: never[]) => unknown, args);
    return goroutine;
  }

  /** @internal */
  describe(): string {
    return `${this.#count} to go`;
  }

  /** @internal */
  abandon(waiter: SyncWaiter): void {
    this.#waiters.remove(waiter);
  }
}
