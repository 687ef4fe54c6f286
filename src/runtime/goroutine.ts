import { ArgumentTypeError } from '../io/index.ts';
import { reportFailure } from './failures.ts';
import { guard } from './guard.ts';
import { park } from './park.ts';
import { enroll, setRunning, strike } from './registry.ts';
import { originOf } from './site.ts';
import { traceCreation, traceRun, tracing } from './trace.ts';
import { turnNow } from './turns.ts';

let lastId = 0;
/** A microtask by way of it costs half of what Node's `queueMicrotask` does. */
const queue = Promise.resolve();

type Outcome = { value: unknown } | { error: unknown };

/** What goroutines that were started with the same function share. */
export interface Origin {
  readonly label: string;
  readonly site: string;
}

const nothing = () => {};

/** What few goroutines ever need: fields that the others do without. */
class Rare {
  label: string | null = null;
  daemon = false;
  internal = false;
  outcome: Outcome | null = null;
  done: Promise<unknown> | null = null;
  resolve: (value: unknown) => void = nothing;
  reject: (error: unknown) => void = nothing;
}

/**
 * A function that runs beside the others, as `go` started it.
 *
 * An error that ends it goes to whoever has read `done`. Otherwise an I/O error ends only this goroutine (see
 * `runtime.onError`), and anything else is a panic that ends the process (see `runtime.onPanic`).
 *
 * @example
 * ```ts
 * import { type Goroutine, go, sleep } from 'gopark';
 *
 * const workers: Goroutine<number>[] = [1, 2, 3].map((n) => go(async () => { await sleep(n); return n * n; }));
 * workers[0]!.label = 'first';
 * console.log(await Promise.all(workers.map((worker) => worker.done))); // [ 1, 4, 9 ]
 * ```
 */
export class Goroutine<T = unknown> {
  readonly id: number = ++lastId;
  readonly #origin: Origin;
  #rare: Rare | null = null;
  #result: Promise<unknown> | null = null;
  /**
   * The end of the chain of promises that the function's own begins: the dump hangs a mark there.
   * @internal
   */
  tail: Promise<unknown> | null = null;
  /** @internal */
  previousGoroutine: Goroutine | null = null;
  /** @internal */
  nextGoroutine: Goroutine | null = null;

  /** @internal */
  constructor(origin: Origin) {
    this.#origin = origin;
  }

  private get some(): Rare {
    this.#rare ??= new Rare();
    return this.#rare;
  }

  /** Shown in reports; the function's name, unless it is set. */
  get label(): string {
    return this.#rare?.label ?? this.#origin.label;
  }

  set label(label: string) {
    this.some.label = label;
  }

  /** Where a goroutine with this function was first created: `file:line:column`. */
  get site(): string {
    return this.#origin.site;
  }

  /**
   * Whether it has started and not ended.
   * @internal
   */
  get live(): boolean {
    return this.#rare === null || this.#rare.outcome === null;
  }

  /** Whether `unref` was called. */
  get daemon(): boolean {
    return this.#rare?.daemon ?? false;
  }

  /**
   * A part of the library: the process may end while it waits.
   * @internal
   */
  get internal(): boolean {
    return this.#rare?.internal ?? false;
  }

  /** @internal */
  markInternal(): void {
    this.some.internal = true;
  }

  /**
   * What this goroutine serves, for the dump: who waits on that is presumably this one.
   * @internal
   */
  get serves(): object | null {
    return null;
  }

  /**
   * Settles as the function did. It never causes an unhandledRejection: reading it is what takes the
   * responsibility for the error.
   */
  get done(): Promise<T> {
    const rare = this.some;
    if (rare.done === null) {
      rare.done = park<unknown>(rare);
      if (rare.outcome !== null) this.settle(rare.outcome);
    }
    return rare.done as Promise<T>;
  }

  /**
   * Resolves `done`, for the dump: by it those are found that await this goroutine. Null: nobody has asked.
   * @internal
   */
  get doneResolve(): ((value: unknown) => void) | null {
    const rare = this.#rare;
    return rare === null || rare.done === null ? null : rare.resolve;
  }

  /**
   * Says that this goroutine is a daemon: whether it still waits does not matter to the process. (A wait on the
   * network keeps the process alive by itself, whoever waits.)
   */
  unref(): this {
    this.some.daemon = true;
    return this;
  }

  /** @internal */
  start(fn: (...args: never[]) => unknown, args: unknown[]): void {
    guard();
    enroll(this);
    turnNow();
    const run = () => this.run(fn as (...args: unknown[]) => unknown, args);
    if (tracing) {
      traceCreation(this, this.start);
      traceRun(this, () => void queue.then(run));
    } else {
      queue.then(run);
    }
  }

  private run(fn: (...args: unknown[]) => unknown, args: unknown[]): void {
    try {
      setRunning(this);
      const result = fn(...args);
      // While the watchdog watches closely, this shows who held the loop before its first await.
      turnNow();
      setRunning(null);
      if (result instanceof Promise) {
        this.follow(result);
      } else {
        this.succeed(result);
      }
    } catch (error) {
      setRunning(null);
      this.fail(error);
    }
  }

  /** From here on it is as if `start` had called what gave `result`: for who calls functions that may not wait at all. */
  protected adopt(result: Promise<unknown>): void {
    guard();
    enroll(this);
    turnNow();
    this.follow(result);
  }

  private follow(result: Promise<unknown>): void {
    // One bound function for both outcomes, no closure: it lives as long as the goroutine does.
    this.#result = result;
    const settled = this.settled.bind(this);
    this.tail = result.then(settled, settled);
  }

  private settled(): void {
    this.#result!.then(
      (value) => this.succeed(value),
      (error) => this.fail(error),
    );
  }

  private succeed(value: unknown): void {
    this.end({ value });
  }

  private fail(error: unknown): void {
    this.end({ error });
  }

  private end(outcome: Outcome): void {
    setRunning(this);
    turnNow();
    setRunning(null);
    strike(this);
    this.some.outcome = outcome;
    if (this.some.done !== null) this.settle(outcome);
    else if ('error' in outcome) this.failed(outcome.error);
    this.ended();
  }

  /** @internal An error that nobody reads. */
  protected failed(error: unknown): void {
    reportFailure(error, this);
  }

  /** @internal */
  protected ended(): void {}

  private settle(outcome: Outcome): void {
    const rare = this.some;
    if ('error' in outcome) {
      // Only now: a second taker of the promise would hide the first from the dump.
      rare.done!.catch(() => {});
      rare.reject(outcome.error);
    } else {
      rare.resolve(outcome.value);
    }
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
  if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
  const goroutine = new Goroutine<Awaited<T>>(originOf(fn, go));
  goroutine.start(fn as (...args: never[]) => unknown, args);
  return goroutine;
}

/**
 * The same for a goroutine of the library's own: it shows in the dump, but the process may end while it waits.
 * @internal
 */
export function goInternal<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Goroutine<Awaited<T>> {
  const goroutine = new Goroutine<Awaited<T>>(originOf(fn, goInternal));
  goroutine.markInternal();
  goroutine.start(fn as (...args: never[]) => unknown, args);
  return goroutine;
}
