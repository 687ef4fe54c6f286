const SIZE = 64;
const CONNECTIONS = 0;
/** Of the last interval, in thousandths. */
const UTILIZATION = 1;
const GOROUTINES = 2;

/** How busy one P is. */
export interface Load {
  /** Connections that it serves, or that are on their way to it. */
  readonly connections: number;
  /** The part of the last 100 milliseconds in which its event loop did not sleep: 0 to 1. */
  readonly utilization: number;
  readonly goroutines: number;
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
    return {
      connections: Atomics.load(this.#words, CONNECTIONS),
      utilization: Atomics.load(this.#words, UTILIZATION) / 1000,
      goroutines: Atomics.load(this.#words, GOROUTINES),
    };
  }

  publish({ connections, utilization, goroutines }: Load): void {
    Atomics.store(this.#words, CONNECTIONS, connections);
    Atomics.store(this.#words, UTILIZATION, Math.round(utilization * 1000));
    Atomics.store(this.#words, GOROUTINES, goroutines);
  }

  /** One more connection is on its way to it: until it says how many it has. */
  sent(): void {
    Atomics.add(this.#words, CONNECTIONS, 1);
  }

  clear(): void {
    this.publish({ connections: 0, utilization: 0, goroutines: 0 });
  }
}
