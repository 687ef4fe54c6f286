import { threadId } from 'node:worker_threads';
import { EMPTY, Lane, type LaneSizes, PUT } from './lane.ts';

export const CLOSED = -3;
/** Every lane is another thread's. */
export const NO_LANE = -4;

/** The header, in words of 32 bits; the lanes follow it. */
const MAGIC = 0;
const CAPACITY = 1;
const BYTES = 2;
const LANES = 3;
const IS_CLOSED = 4;
/** Who waits for something waits on these; each change of one is an event. */
const DATA_EVENT = 5;
const ROOM_EVENT = 6;
/** About how many threads wait for each: those that were ended while they did are counted for ever. */
const RECEIVING = 7;
const SENDING = 8;
/** How many lanes have ever been claimed: the others need no look. */
const USED = 9;
const HEADER_WORDS = 16;
const HEADER = HEADER_WORDS * 4;

const SIGN = 0x67_70_63_31;

/** What is waited for. */
export type Side = 'data' | 'room';

/** By what others know this thread: never used twice in a process, and above 0. */
export const thisThread: number = threadId + 1;

/** What this thread has claimed. One that ends by itself leaves it to others; for one that is ended see `reclaim`. */
const claimed: Lane[] = [];

function disownAll(): void {
  for (const lane of claimed) lane.disown(thisThread);
}

/** A queue of byte strings in shared memory, for any number of receiving threads, and a lane for each sending one. */
export class Lanes {
  readonly buffer: SharedArrayBuffer;
  readonly sizes: LaneSizes;
  readonly #words: Int32Array;
  readonly #lanes: readonly Lane[];
  #own: Lane | null = null;
  /** The lane to look at first: everyone has its turn. */
  #next = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.sizes = { capacity: this.#words[CAPACITY]!, bytes: this.#words[BYTES]! };
    const size = Lane.sizeOf(this.sizes);
    this.#lanes = Array.from(
      { length: this.#words[LANES]! },
      (_, i) => new Lane(buffer, HEADER + i * size, this.sizes),
    );
  }

  static create(sizes: LaneSizes, lanes: number): Lanes {
    const buffer = new SharedArrayBuffer(HEADER + lanes * Lane.sizeOf(sizes));
    const words = new Int32Array(buffer, 0, HEADER_WORDS);
    words[CAPACITY] = sizes.capacity;
    words[BYTES] = sizes.bytes;
    words[LANES] = lanes;
    words[MAGIC] = SIGN;
    return new Lanes(buffer);
  }

  /** Whether `value` is the memory of one. */
  static isOne(value: unknown): value is SharedArrayBuffer {
    return (
      value instanceof SharedArrayBuffer &&
      value.byteLength > HEADER &&
      new Int32Array(value, 0, HEADER_WORDS)[MAGIC] === SIGN
    );
  }

  get length(): number {
    let length = 0;
    for (let i = Atomics.load(this.#words, USED) - 1; i >= 0; i--) length += this.#lanes[i]!.length;
    return length;
  }

  get closed(): boolean {
    return Atomics.load(this.#words, IS_CLOSED) !== 0;
  }

  /** Adds a copy of `p`: PUT, FULL, CLOSED or NO_LANE. */
  put(kind: number, p: Uint8Array): number {
    const words = this.#words;
    if (Atomics.load(words, IS_CLOSED) !== 0) return CLOSED;
    this.#own ??= this.#claim();
    if (this.#own === null) return NO_LANE;
    const result = this.#own.put(kind, p);
    if (result === PUT && Atomics.load(words, RECEIVING) > 0) this.wake('data');
    return result;
  }

  #claim(): Lane | null {
    const index = this.#lanes.findIndex((one) => one.claim(thisThread));
    if (index < 0) return null;
    const words = this.#words;
    for (let used = Atomics.load(words, USED); used <= index; used = Atomics.load(words, USED)) {
      Atomics.compareExchange(words, USED, used, index + 1);
    }
    if (claimed.length === 0) process.once('exit', disownAll);
    claimed.push(this.#lanes[index]!);
    return this.#lanes[index]!;
  }

  /** Takes a value, the oldest of its sender, to where lane.ts says: its kind, EMPTY or CLOSED. */
  take(): number {
    const words = this.#words;
    const lanes = this.#lanes;
    // Before the look at the lanes: nothing is put in any more after it was so.
    const closed = Atomics.load(words, IS_CLOSED) !== 0;
    const used = Atomics.load(words, USED);
    for (let i = 0; i < used; i++) {
      const index = (this.#next + i) % used;
      const kind = lanes[index]!.take();
      if (kind === EMPTY) continue;
      this.#next = index + 1;
      if (Atomics.load(words, SENDING) > 0) this.wake('room');
      return kind;
    }
    return closed ? CLOSED : EMPTY;
  }

  /** Nothing more is put in. False: it was so already. */
  close(): boolean {
    if (Atomics.compareExchange(this.#words, IS_CLOSED, 0, 1) !== 0) return false;
    this.wake('data');
    this.wake('room');
    return true;
  }

  /** Gives the lane of a thread that has ended to whoever comes next. */
  reclaim(thread: number): void {
    for (const lane of this.#lanes) lane.disown(thread);
    this.wake('room');
  }

  // Waiting

  /** Whether a `take` would find something, or a `put` would find room; both when it is closed. */
  ready(side: Side): boolean {
    if (this.closed) return true;
    if (side === 'data') return this.length > 0;
    this.#own ??= this.#claim();
    return this.#own?.hasRoom ?? false;
  }

  /** Counts this thread as one that waits. The event to wait for; null: there is no need to wait. */
  enter(side: Side): number | null {
    const words = this.#words;
    Atomics.add(words, side === 'data' ? RECEIVING : SENDING, 1);
    const event = Atomics.load(words, side === 'data' ? DATA_EVENT : ROOM_EVENT);
    // Whoever changes something from here on sees that somebody waits, and moves the event on.
    if (!this.ready(side)) return event;
    this.leave(side);
    return null;
  }

  leave(side: Side): void {
    Atomics.sub(this.#words, side === 'data' ? RECEIVING : SENDING, 1);
  }

  /** Resolves when `wake` is called; null: it has been called since `event`. */
  wait(side: Side, event: number): Promise<unknown> | null {
    const result = Atomics.waitAsync(this.#words, side === 'data' ? DATA_EVENT : ROOM_EVENT, event);
    return result.async ? result.value : null;
  }

  /** Wakes all threads that wait: one alone may be ended before it has done anything about it. */
  wake(side: Side): void {
    const word = side === 'data' ? DATA_EVENT : ROOM_EVENT;
    Atomics.add(this.#words, word, 1);
    Atomics.notify(this.#words, word);
  }
}
