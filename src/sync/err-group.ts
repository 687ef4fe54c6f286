import { ArgumentTypeError } from '../io/index.ts';
import { Goroutine, type Origin } from '../runtime/goroutine.ts';
import { originOf } from '../runtime/site.ts';
import { type Context, withCancel } from './context.ts';
import { Semaphore } from './semaphore.ts';
import { WaitGroup } from './wait-group.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { done } from './wake.ts';

/** What one goroutine of a group does. The signal tells it that the others' work is of no use any more. */
type Task = (signal: AbortSignal) => unknown;

interface Outcome {
  failed(error: unknown): void;
  ended(): void;
}

class TaskGoroutine extends Goroutine<void> {
  readonly #outcome: Outcome;

  constructor(origin: Origin, outcome: Outcome) {
    super(origin);
    this.#outcome = outcome;
  }

  protected override failed(error: unknown): void {
    this.#outcome.failed(error);
  }

  protected override ended(): void {
    this.#outcome.ended();
  }
}

/**
 * Goroutines that work on one thing: the first error ends it for all. Go: `errgroup.Group` with its context.
 *
 * @example
 * ```ts
 * import { ErrGroup } from 'gopark/sync';
 *
 * const group = new ErrGroup({ limit: 4 });
 * for (const url of ['http://a.example', 'http://b.example']) {
 *   await group.go((signal) => fetch(url, { signal }));
 * }
 * await group.wait().catch((error) => console.error('one has failed:', error));
 * ```
 */
export class ErrGroup {
  readonly #context: Context;
  readonly #slots: Semaphore | null;
  readonly #running = new WaitGroup();
  readonly #outcome: Outcome;
  #first: { error: unknown } | null = null;

  /**
   * @param options.limit so many run at a time; without it, any number.
   * @param options.signal ends the group's signal too.
   * @throws RangeError when `limit` is not a whole number of at least 0, or Infinity.
   */
  constructor(options: { limit?: number | undefined; signal?: AbortSignal | undefined } = {}) {
    const { limit = Number.POSITIVE_INFINITY, signal } = options;
    this.#slots = limit === Number.POSITIVE_INFINITY ? null : new Semaphore(limit);
    this.#context = withCancel(signal);
    this.#outcome = {
      failed: (error) => {
        if (this.#first !== null) return;
        this.#first = { error };
        this.#context.cancel(error);
      },
      ended: () => {
        this.#slots?.release();
        this.#running.done();
      },
    };
  }

  /** Fires at the first error, with that as its reason, and when `wait` is through. */
  get signal(): AbortSignal {
    return this.#context.signal;
  }

  /**
   * Starts `fn(signal)` as a goroutine as soon as the limit lets it; resolves then, not when it ends. Rejects only
   * with the reason of the signal in the options; then `fn` does not run.
   */
  go(fn: Task, options?: WaitOptions): Promise<void> {
    if (typeof fn !== 'function') return Promise.reject(new ArgumentTypeError('fn', 'a function', fn));
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    const origin = originOf(fn, this.go);
    // Counted while it waits for its slot: whoever calls `wait` after this waits for it, too.
    this.#running.add();
    if (this.#slots === null || this.#slots.tryAcquire()) {
      this.#start(fn, origin);
      return done();
    }
    return this.#slots.acquire(1, options).then(
      () => this.#start(fn, origin),
      (reason) => {
        this.#running.done();
        throw reason;
      },
    );
  }

  /** Starts `fn(signal)` if the limit lets it at once, and says whether it did. */
  tryGo(fn: Task): boolean {
    if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
    if (this.#slots !== null && !this.#slots.tryAcquire()) return false;
    this.#running.add();
    this.#start(fn, originOf(fn, this.tryGo));
    return true;
  }

  /**
   * Waits until all have ended, then fires the group's signal. Rejects with the first error that one of them ended
   * with; or with the reason of the signal in the options, and then they go on.
   */
  async wait(options?: WaitOptions): Promise<void> {
    await this.#running.wait(options);
    this.#context.cancel();
    if (this.#first !== null) throw this.#first.error;
  }

  #start(fn: Task, origin: Origin): void {
    new TaskGoroutine(origin, this.#outcome).start(fn as (...args: never[]) => unknown, [this.signal]);
  }
}
