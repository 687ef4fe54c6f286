import { chan } from 'gopark';

/** A queue of numbers, used as its own users would: every contender has its own loops, none goes through a wrapper. */
export interface Queue {
  /** Sends first, first + step, ... below `end`. */
  produce(first: number, end: number, step: number): Promise<void>;
  /** The sum of the next `count`. */
  consume(count: number): Promise<number>;
  /** Sends and receives without waiting, `batch` at a time. Gives the sum; null: it has no such calls. */
  exchange(count: number, batch: number): number | null;
}

export interface Contender {
  readonly name: string;
  /** Null: it has no such kind. */
  make(capacity: number): Queue | null;
}

const gopark: Contender = {
  name: 'gopark',
  make: (capacity) => {
    const ch = chan<number>(capacity);
    return {
      produce: async (first, end, step) => {
        for (let i = first; i < end; i += step) await ch.send(i);
      },
      consume: async (count) => {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += (await ch.recv())!;
        return sum;
      },
      exchange: (count, batch) => {
        let sum = 0;
        for (let i = 0; i < count; ) {
          const end = Math.min(count, i + batch);
          for (; i < end; i++) ch.trySend(i);
          for (let value = ch.tryRecv(); value !== undefined; value = ch.tryRecv()) sum += value;
        }
        return sum;
      },
    };
  },
};

/** What is used of ts-chan. */
interface PeerChan {
  send(value: number): Promise<void>;
  recv(): Promise<IteratorResult<number, number | undefined>>;
  trySend(value: number): boolean;
  tryRecv(): IteratorResult<number, number | undefined> | undefined;
}

// By a name that the compiler does not look up: so the rest builds where this peer is not installed.
const peer: string = 'ts-chan';
const { Chan: PeerChan } = (await import(peer)) as { Chan: new (capacity: number) => PeerChan };

const tsChan: Contender = {
  name: 'ts-chan 0.6.0',
  make: (capacity) => {
    const ch = new PeerChan(capacity);
    return {
      produce: async (first, end, step) => {
        for (let i = first; i < end; i += step) await ch.send(i);
      },
      consume: async (count) => {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += (await ch.recv()).value!;
        return sum;
      },
      exchange: (count, batch) => {
        let sum = 0;
        for (let i = 0; i < count; ) {
          const end = Math.min(count, i + batch);
          for (; i < end; i++) ch.trySend(i);
          for (let result = ch.tryRecv(); result !== undefined; result = ch.tryRecv()) sum += result.value!;
        }
        return sum;
      },
    };
  },
};

/** What people write by hand: an array, and the resolving functions of those who wait. Without bounds: no send waits. */
class PromiseQueue {
  readonly #values: number[] = [];
  readonly #waiting: ((value: number) => void)[] = [];

  send(value: number): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#values.push(value);
    else resolve(value);
  }

  recv(): Promise<number> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift()!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const byHand: Contender = {
  name: 'array and promises, no bound',
  make: (capacity) => {
    if (capacity === 0) return null;
    const queue = new PromiseQueue();
    return {
      produce: async (first, end, step) => {
        for (let i = first; i < end; i += step) {
          queue.send(i);
          await null;
        }
      },
      consume: async (count) => {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += await queue.recv();
        return sum;
      },
      exchange: () => null,
    };
  },
};

export const contenders: readonly Contender[] = [gopark, tsChan, byHand];
