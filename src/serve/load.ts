const SIZE = 64;
const CONNECTIONS = 0;
/** Of the last interval, in thousandths. */
const UTILIZATION = 1;
const GOROUTINES = 2;
/** In hundredths. */
const RUNNABLE = 3;
/** How many connections it has taken over of those it was handed; wraps round. */
const TAKEN = 4;
/** When it last said so: milliseconds of the clock of all threads, cut to 32 bits; 0: never. */
const SAID_AT = 5;

/** How often a P tells, in milliseconds. */
export const LOAD_INTERVAL = 100;
/** Who has not done so for so long is held by something: as busy as can be. */
const SILENT = 300;

/**
 * How busy one P is.
 *
 * @example
 * ```ts
 * import type { Load } from 'gopark/serve';
 *
 * const isBusy = ({ utilization }: Load): boolean => utilization > 0.8;
 * console.log(isBusy);
 * ```
 */
export interface Load {
  /** Connections that it serves, or that are on their way to it. */
  readonly connections: number;
  /** The part of the last 100 milliseconds in which its event loop did not sleep: 0 to 1. 1, too, while it hangs. */
  readonly utilization: number;
  readonly goroutines: number;
  /** How many of its connections were ready at the same time, on average: what waits behind who is being served. */
  readonly runnable: number;
}

function sharedMilliseconds(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 1_000_000n)) || 1;
}

/** What a P tells of itself, for others to see without asking: a cache line of shared memory. */
export class LoadCell {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  get load(): Load {
    const words = this.#words;
    const saidAt = Atomics.load(words, SAID_AT);
    const hangs = saidAt !== 0 && ((sharedMilliseconds() - saidAt) | 0) > SILENT;
    return {
      connections: Atomics.load(words, CONNECTIONS),
      utilization: hangs ? 1 : Atomics.load(words, UTILIZATION) / 1000,
      goroutines: Atomics.load(words, GOROUTINES),
      runnable: Atomics.load(words, RUNNABLE) / 100,
    };
  }

  publish({ connections, utilization, goroutines, runnable }: Load): void {
    Atomics.store(this.#words, CONNECTIONS, connections);
    Atomics.store(this.#words, UTILIZATION, Math.round(utilization * 1000));
    Atomics.store(this.#words, GOROUTINES, goroutines);
    Atomics.store(this.#words, RUNNABLE, Math.round(runnable * 100));
    Atomics.store(this.#words, SAID_AT, sharedMilliseconds());
  }

  /** So many that were handed over have arrived, or are somebody else's by now, and these connections are here now. */
  took(count: number, connections: number): void {
    // In this order, and read in the other one: one may be counted twice for a moment, but none is ever forgotten.
    Atomics.store(this.#words, CONNECTIONS, connections);
    Atomics.add(this.#words, TAKEN, count);
  }

  get taken(): number {
    return Atomics.load(this.#words, TAKEN);
  }

  clear(): void {
    this.publish({ connections: 0, utilization: 0, goroutines: 0, runnable: 0 });
    Atomics.store(this.#words, SAID_AT, 0);
  }
}
