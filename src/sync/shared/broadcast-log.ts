import { type BlockShares, BroadcastLane } from './broadcast-lane.ts';
import { EVENT_WORDS, Events } from './events.ts';
import { claimLane, isSigned } from './lane-table.ts';
import { CLOSED, EMPTY, type LaneSizes, NO_LANE, PUT } from './records.ts';
import { Subscribers } from './subscribers.ts';

/** The header, in words of 32 bits; the subscribers' places follow it, then the lanes. */
const MAGIC = 0;
const CAPACITY = 1;
const BYTES = 2;
const PUBLISHERS = 3;
const SUBSCRIBERS = 4;
const DROPS = 5;
const IS_CLOSED = 6;
/** How many lanes have ever been claimed. */
const USED = 7;
const EVENTS = 8;
const HEADER_WORDS = 16;
const HEADER = HEADER_WORDS * 4;

const SIGN = 0x67_70_62_63;

/** What a broadcast is made with. */
export interface LogSizes extends LaneSizes {
  readonly publishers: number;
  readonly subscribers: number;
  readonly drops: boolean;
}

/** The memory of a broadcast: who is subscribed, and a lane for each thread that publishes. */
export class BroadcastLog {
  readonly buffer: SharedArrayBuffer;
  readonly sizes: LogSizes;
  readonly events: Events;
  readonly subscribers: Subscribers;
  readonly #words: Int32Array;
  readonly #lanes: readonly BroadcastLane[];
  #own: BroadcastLane | null = null;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    const words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#words = words;
    this.sizes = {
      capacity: words[CAPACITY]!,
      bytes: words[BYTES]!,
      publishers: words[PUBLISHERS]!,
      subscribers: words[SUBSCRIBERS]!,
      drops: words[DROPS] !== 0,
    };
    this.events = new Events(words.subarray(EVENTS, EVENTS + EVENT_WORDS));
    const { publishers, subscribers } = this.sizes;
    this.subscribers = new Subscribers(buffer, HEADER, subscribers);
    const first = HEADER + Subscribers.sizeOf(subscribers);
    const size = BroadcastLane.sizeOf(this.sizes, subscribers);
    this.#lanes = Array.from(
      { length: publishers },
      (_, i) => new BroadcastLane(buffer, first + i * size, this.sizes, this.subscribers),
    );
  }

  static create(sizes: LogSizes): BroadcastLog {
    const lanes = sizes.publishers * BroadcastLane.sizeOf(sizes, sizes.subscribers);
    const buffer = new SharedArrayBuffer(HEADER + Subscribers.sizeOf(sizes.subscribers) + lanes);
    const words = new Int32Array(buffer, 0, HEADER_WORDS);
    words[CAPACITY] = sizes.capacity;
    words[BYTES] = sizes.bytes;
    words[PUBLISHERS] = sizes.publishers;
    words[SUBSCRIBERS] = sizes.subscribers;
    words[DROPS] = sizes.drops ? 1 : 0;
    words[MAGIC] = SIGN;
    return new BroadcastLog(buffer);
  }

  /** Whether `value` is the memory of one. */
  static isOne(value: unknown): value is SharedArrayBuffer {
    return isSigned(value, HEADER_WORDS, SIGN);
  }

  get closed(): boolean {
    return Atomics.load(this.#words, IS_CLOSED) !== 0;
  }

  /** Nothing more is put in. False: it was so already. */
  close(): boolean {
    if (Atomics.compareExchange(this.#words, IS_CLOSED, 0, 1) !== 0) return false;
    this.events.wake('data');
    this.events.wake('room');
    return true;
  }

  // Publishing

  /** Adds a copy of `p` for all subscribers: PUT, FULL, CLOSED or NO_LANE. */
  put(kind: number, p: Uint8Array, blocks: BlockShares | null): number {
    if (this.closed) return CLOSED;
    this.#own ??= this.#claim();
    if (this.#own === null) return NO_LANE;
    const result = this.#own.put(kind, p, this.sizes.drops, blocks);
    if (result === PUT && this.events.awaited('data')) this.events.wake('data');
    return result;
  }

  #claim(): BroadcastLane | null {
    return claimLane(this.#lanes, this.#words, USED);
  }

  /** Whether a `put` would not find it full. */
  get hasRoom(): boolean {
    if (this.closed || this.sizes.drops) return true;
    this.#own ??= this.#claim();
    return this.#own?.hasRoom ?? true;
  }

  // Subscribing

  /** Takes a value for the subscriber in `place`, to where records.ts says: its kind, EMPTY or CLOSED. */
  take(place: number, generation: number, first: number): number {
    // Before the look at the lanes: nothing is put in any more after it was so.
    const { closed } = this;
    const used = Atomics.load(this.#words, USED);
    for (let i = 0; i < used; i++) {
      const kind = this.#lanes[(first + i) % used]!.take(place, generation);
      if (kind === EMPTY) continue;
      if (this.events.awaited('room')) this.events.wake('room');
      return kind;
    }
    return closed ? CLOSED : EMPTY;
  }

  lengthFor(place: number, generation: number): number {
    let length = 0;
    for (let i = Atomics.load(this.#words, USED) - 1; i >= 0; i--) {
      length += this.#lanes[i]!.lengthFor(place, generation);
    }
    return length;
  }

  /** Of this thread or one that has ended: nobody waits for the subscriber in `place` any more. */
  leave(place: number, owner: number, clear: (place: number) => void): boolean {
    if (!this.subscribers.leave(place, owner, clear)) return false;
    this.events.wake('room');
    return true;
  }

  /** How many subscribers of a thread that has ended there were. */
  reclaim(thread: number, clear: (place: number) => void): number {
    for (const lane of this.#lanes) lane.disown(thread);
    let found = 0;
    for (let place = 0; place < this.sizes.subscribers; place++)
      if (this.leave(place, thread, clear)) found++;
    this.events.wake('room');
    return found;
  }
}
