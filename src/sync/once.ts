import { ArgumentTypeError } from '../io/index.ts';
import { Mutex } from './mutex.ts';
import type { WaitOptions } from './wait-options.ts';

/**
 * Does something once, whoever comes first. Go: `sync.Once`.
 *
 * @example
 * ```ts
 * import { Once } from 'gopark/sync';
 *
 * const connected = new Once();
 * const connect = () => connected.do(async () => console.log('connecting'));
 * await Promise.all([connect(), connect()]); // connects once
 * ```
 */
export class Once {
  readonly #mutex = new Mutex();
  #done = false;

  /**
   * Calls `fn` if nobody has before; resolves when it has ended, whoever called it. An error of `fn` is what its own
   * caller rejects with; it counts as done all the same. A signal ends waiting for another caller's `fn`.
   */
  async do(fn: () => unknown, options?: WaitOptions): Promise<void> {
    if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
    if (this.#done) return;
    const guard = await this.#mutex.lockFor(this.do, options);
    try {
      if (this.#done) return;
      try {
        await fn();
      } finally {
        this.#done = true;
      }
    } finally {
      guard.release();
    }
  }
}

/**
 * A function that calls `fn` the first time and gives what that gave, also its error, every time. Go:
 * `sync.OnceValue`.
 *
 * @example
 * ```ts
 * import { onceValue } from 'gopark/sync';
 *
 * const settings = onceValue(async () => ({ port: 9000 }));
 * console.log((await settings()) === (await settings())); // true
 * ```
 */
export function onceValue<T>(fn: () => T): () => Promise<Awaited<T>> {
  if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
  let result: Promise<Awaited<T>> | null = null;
  return () => {
    if (result === null) result = (async (): Promise<Awaited<T>> => await fn())();
    return result;
  };
}
