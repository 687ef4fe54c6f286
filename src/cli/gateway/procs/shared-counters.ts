import { type Counters, newCounters } from '../counters.ts';

const NAMES = Object.keys(newCounters()) as (keyof Counters)[];
/** Those that are of now: of a thread that has died nothing is left of them. */
const OF_NOW = ['connections', 'symbols', 'subscriptions'] as const;

/** Memory for the counters of so many threads. */
export function counterMemory(procs: number): SharedArrayBuffer {
  return new SharedArrayBuffer(procs * NAMES.length * 8);
}

function cellsOf(memory: SharedArrayBuffer, index: number): Float64Array {
  return new Float64Array(memory, index * NAMES.length * 8, NAMES.length);
}

/**
 * The counters of one P, which it alone changes and everybody sees: accessors of cells in shared memory. They outlive
 * it, and the next one in its place counts on.
 */
export function sharedCounters(memory: SharedArrayBuffer, index: number): Counters {
  return new SharedCounters(cellsOf(memory, index)) as Counters & SharedCounters;
}

class SharedCounters {
  readonly #cells: Float64Array;

  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  static {
    for (const [at, name] of NAMES.entries()) {
      Object.defineProperty(SharedCounters.prototype, name, {
        get(this: SharedCounters) {
          return this.#cells[at];
        },
        set(this: SharedCounters, value: number) {
          this.#cells[at] = value;
        },
      });
    }
  }
}

/** Those of all Ps together. */
export function sumOfCounters(memory: SharedArrayBuffer): Counters {
  const cells = new Float64Array(memory);
  const sum = newCounters();
  for (let at = 0; at < cells.length; at++) sum[NAMES[at % NAMES.length]!] += cells[at]!;
  return sum;
}

/** The P has died. */
export function clearOfNow(memory: SharedArrayBuffer, index: number): void {
  const counters = sharedCounters(memory, index);
  for (const name of OF_NOW) counters[name] = 0;
}
