import { EVENT_WORDS, Events, type Side } from './events.ts';
import { Lane } from './lane.ts';
import { claimLane, isSigned } from './lane-table.ts';
import { CLOSED, EMPTY, type LaneSizes, NO_LANE, PUT } from './records.ts';

/** The header, in words of 32 bits; the lanes follow it. */
const MAGIC = 0;
const CAPACITY = 1;
const BYTES = 2;
const LANES = 3;
const IS_CLOSED = 4;
const EVENTS = 5;
/** How many lanes have ever been claimed: the others need no look. */
const USED = 9;
const HEADER_WORDS = 16;
const HEADER = HEADER_WORDS * 4;

const SIGN = 0x67_70_63_31;

/** A queue of byte strings in shared memory, for any number of receiving threads, and a lane for each sending one. */
export class Lanes {
  readonly buffer: SharedArrayBuffer;
  readonly sizes: LaneSizes;
  readonly events: Events;
  readonly #words: Int32Array;
  readonly #lanes: readonly Lane[];
  #own: Lane | null = null;
  /** The lane to look at first: everyone has its turn. */
  #next = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.sizes = { capacity: this.#words[CAPACITY]!, bytes: this.#words[BYTES]! };
    this.events = new Events(this.#words.subarray(EVENTS, EVENTS + EVENT_WORDS));
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
    return isSigned(value, HEADER_WORDS, SIGN);
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
    if (result === PUT && this.events.awaited('data')) this.events.wake('data');
    return result;
  }

  #claim(): Lane | null {
    return claimLane(this.#lanes, this.#words, USED);
  }

  /** Takes a value, the oldest of its sender, to where records.ts says: its kind, EMPTY or CLOSED. */
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
      if (this.events.awaited('room')) this.events.wake('room');
      return kind;
    }
    return closed ? CLOSED : EMPTY;
  }

  /** Nothing more is put in. False: it was so already. */
  close(): boolean {
    if (Atomics.compareExchange(this.#words, IS_CLOSED, 0, 1) !== 0) return false;
    this.events.wake('data');
    this.events.wake('room');
    return true;
  }

  /** Gives the lane of a thread that has ended to whoever comes next. */
  reclaim(thread: number): void {
    for (const lane of this.#lanes) lane.disown(thread);
    this.events.wake('room');
  }

  /** Whether a `take` would find something, or a `put` would find room; both when it is closed. */
  ready(side: Side): boolean {
    if (this.closed) return true;
    if (side === 'data') return this.length > 0;
    this.#own ??= this.#claim();
    return this.#own?.hasRoom ?? false;
  }
}
