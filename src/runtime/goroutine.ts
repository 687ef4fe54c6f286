import { reportFailure } from './failures.ts';
import { creationSite } from './site.ts';

let lastId = 0;
let live = 0;

type Outcome = { value: unknown } | { error: unknown };

/**
 * A function that runs beside the others, as `go` started it.
 *
 * An error that ends it goes to whoever has read `done`. Otherwise an I/O error ends only this goroutine (see
 * `runtime.onError`), and anything else is a panic that ends the process (see `runtime.onPanic`).
 */
export class Goroutine<T = unknown> {
  readonly id: number = ++lastId;
  /** Shown in reports; the function's name at first. */
  label: string;
  /** Where a goroutine with this function was first created: `file:line:column`. */
  readonly site: string;
  /** Whether `unref` was called. */
  daemon = false;
  #outcome: Outcome | null = null;
  #done: { promise: Promise<T>; resolve: (value: unknown) => void; reject: (error: unknown) => void } | null =
    null;

  constructor(label: string, site: string) {
    this.label = label;
    this.site = site;
  }

  /**
   * Settles as the function did. It never causes an unhandledRejection: reading it is what takes the
   * responsibility for the error.
   */
  get done(): Promise<T> {
    if (this.#done === null) {
      let resolve!: (value: unknown) => void;
      let reject!: (error: unknown) => void;
      const promise = new Promise<T>((onValue, onError) => {
        resolve = onValue as (value: unknown) => void;
        reject = onError;
      });
      promise.catch(() => {});
      this.#done = { promise, resolve, reject };
      if (this.#outcome !== null) this.#settle(this.#outcome);
    }
    return this.#done.promise;
  }

  /**
   * Says that this goroutine is a daemon: whether it still waits does not matter to the process. (A wait on the
   * network keeps the process alive by itself, whoever waits.)
   */
  unref(): this {
    this.daemon = true;
    return this;
  }

  /** @internal */
  start(fn: (...args: never[]) => unknown, args: unknown[]): void {
    live++;
    queueMicrotask(() => {
      try {
        const result = (fn as (...args: unknown[]) => unknown)(...args);
        if (result instanceof Promise) {
          result.then(
            (value) => this.#end({ value }),
            (error) => this.#end({ error }),
          );
        } else {
          this.#end({ value: result });
        }
      } catch (error) {
        this.#end({ error });
      }
    });
  }

  #end(outcome: Outcome): void {
    live--;
    this.#outcome = outcome;
    if (this.#done !== null) this.#settle(outcome);
    else if ('error' in outcome) this.failed(outcome.error);
    this.ended();
  }

  /** @internal An error that nobody reads. */
  protected failed(error: unknown): void {
    reportFailure(error, this);
  }

  /** @internal */
  protected ended(): void {}

  #settle(outcome: Outcome): void {
    if ('error' in outcome) this.#done?.reject(outcome.error);
    else this.#done?.resolve(outcome.value);
  }
}

/**
 * Starts `fn(...args)` as a goroutine: straight-line code that waits at its awaits while others run. Returns before
 * `fn` has begun.
 *
 * @example
 * ```ts
 * import { go, sleep } from 'gopark';
 *
 * const ticker = go(async (name: string) => {
 *   for (let i = 0; i < 3; i++) {
 *     console.log(name, i);
 *     await sleep(100);
 *   }
 *   return 'finished';
 * }, 'tick');
 * console.log(await ticker.done);
 * ```
 */
export function go<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Goroutine<Awaited<T>> {
  if (typeof fn !== 'function') throw new TypeError(`go: expected a function, got ${typeof fn}`);
  const goroutine = new Goroutine<Awaited<T>>(fn.name, creationSite(fn, go));
  goroutine.start(fn as (...args: never[]) => unknown, args);
  return goroutine;
}

/** How many goroutines have been started and have not ended, in this thread. */
export function numGoroutine(): number {
  return live;
}
