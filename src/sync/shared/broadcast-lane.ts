import { EMPTY, FULL, type LaneSizes, PUT, Records, taken } from './records.ts';
import type { Subscribers } from './subscribers.ts';
import { BLOCK } from './values.ts';

const OWNER = 0;
/** How many values have been put in, from the beginning on, modulo 2^32. */
const TAIL = 1;
const HEADER = 16;
/** Of each subscriber, a cache line: the number of its next value, and as which generation it came in. */
const NEXT = 0;
const JOINED = 1;
const LINE = 16;

/** What a lane asks of the blocks that are sent; nothing where none are. */
export interface BlockShares {
  /** The block in `bytes` belongs to the subscribers in `places` (bits). */
  share(bytes: Uint8Array, places: number): void;
  /** The subscriber in `place` has no use for it any more. */
  letGo(bytes: Uint8Array, place: number): void;
}

/**
 * The values of one publishing thread, in shared memory: it alone puts in, and each subscriber takes all of them,
 * each at its own pace. No lock, as in lane.ts, for the same reason: any thread may be ended at any instant.
 *
 * Only the publisher lets subscribers in: at its next value it sees who is new, and that one begins there. Where
 * values are dropped it moves on a subscriber that is too slow, as that does itself; one of the two is first.
 */
export class BroadcastLane {
  readonly #words: Int32Array;
  readonly #records: Records;
  readonly #subscribers: Subscribers;
  /** Those of the value that is being put in, as they were at its beginning. */
  readonly #generations: number[];

  constructor(buffer: SharedArrayBuffer, offset: number, sizes: LaneSizes, subscribers: Subscribers) {
    const words = HEADER + subscribers.count * LINE;
    this.#words = new Int32Array(buffer, offset, words);
    this.#records = new Records(buffer, offset + words * 4, sizes);
    this.#subscribers = subscribers;
    this.#generations = new Array<number>(subscribers.count).fill(0);
  }

  /** In bytes. */
  static sizeOf(sizes: LaneSizes, subscribers: number): number {
    return ((HEADER + subscribers * LINE) * 4 + Records.sizeOf(sizes) + 63) & ~63;
  }

  /** Makes it `owner`'s, a number above 0; false: it is somebody else's. */
  claim(owner: number): boolean {
    return Atomics.compareExchange(this.#words, OWNER, 0, owner) === 0;
  }

  /** Whoever comes next may go on where `owner` has left off. */
  disown(owner: number): void {
    Atomics.compareExchange(this.#words, OWNER, owner, 0);
  }

  // Its publisher's

  /** Whether any value that is not too large would go in. */
  get hasRoom(): boolean {
    const tail = this.#words[TAIL]!;
    return this.#records.hasRoom(this.#oldest(tail), tail);
  }

  /** Adds a copy of `p`, which is not too large: PUT or FULL; with `drops` always PUT. */
  put(kind: number, p: Uint8Array, drops: boolean, blocks: BlockShares | null): number {
    const words = this.#words;
    const tail = words[TAIL]!;
    this.#admit(tail);
    let place = this.#placeFor(tail, p.length);
    for (; place < 0; place = this.#placeFor(tail, p.length)) {
      if (!drops) return FULL;
      this.#dropOldest(tail, blocks);
    }
    this.#records.write(tail, place, kind, p);
    if (kind === BLOCK) this.#shareBlock(p, blocks!);
    // Here, and not before, it is in.
    Atomics.store(words, TAIL, (tail + 1) | 0);
    return PUT;
  }

  #placeFor(tail: number, length: number): number {
    return this.#records.placeFor(this.#oldest(tail), tail, length);
  }

  /** Who has come since the last value begins with this one. */
  #admit(tail: number): void {
    const words = this.#words;
    for (let place = 0; place < this.#generations.length; place++) {
      const generation = this.#subscribers.generation(place);
      this.#generations[place] = generation;
      const line = HEADER + place * LINE;
      if (generation % 2 === 0 || Atomics.load(words, line + JOINED) === generation) continue;
      Atomics.store(words, line + NEXT, tail);
      Atomics.store(words, line + JOINED, generation);
    }
  }

  /** Whether the subscriber there gets this lane's values. */
  #isIn(place: number): boolean {
    const generation = this.#subscribers.generation(place);
    return generation % 2 !== 0 && Atomics.load(this.#words, HEADER + place * LINE + JOINED) === generation;
  }

  /** The number of the oldest value that somebody has yet to receive; `tail`: there is none. */
  #oldest(tail: number): number {
    let most = 0;
    for (let place = 0; place < this.#generations.length; place++) {
      if (!this.#isIn(place)) continue;
      most = Math.max(most, (tail - Atomics.load(this.#words, HEADER + place * LINE + NEXT)) | 0);
    }
    return (tail - most) | 0;
  }

  #dropOldest(tail: number, blocks: BlockShares | null): void {
    const words = this.#words;
    const oldest = this.#oldest(tail);
    for (let place = 0; place < this.#generations.length; place++) {
      const line = HEADER + place * LINE;
      if (!this.#isIn(place) || Atomics.load(words, line + NEXT) !== oldest) continue;
      // It receives the value itself at this very moment, or it does not any more.
      if (Atomics.compareExchange(words, line + NEXT, oldest, (oldest + 1) | 0) !== oldest) continue;
      this.#subscribers.missed(place);
      if (this.#records.read(oldest) === BLOCK) blocks?.letGo(taken, place);
    }
  }

  #shareBlock(p: Uint8Array, blocks: BlockShares): void {
    let places = 0;
    for (const [place, generation] of this.#generations.entries())
      if (generation % 2 !== 0) places |= 1 << place;
    blocks.share(p, places);
    // Who left before it was shared has not let go of it; who leaves after this sees that it has it.
    for (const [place, generation] of this.#generations.entries()) {
      const left = generation % 2 !== 0 && this.#subscribers.generation(place) !== generation;
      if (left) blocks.letGo(p, place);
    }
  }

  // A subscriber's

  /** How many values the subscriber in `place` has yet to receive. */
  lengthFor(place: number, generation: number): number {
    const line = HEADER + place * LINE;
    if (Atomics.load(this.#words, line + JOINED) !== generation) return 0;
    const next = Atomics.load(this.#words, line + NEXT);
    return (Atomics.load(this.#words, TAIL) - next) | 0;
  }

  /** Takes its oldest value into `taken`: its kind, or EMPTY. */
  take(place: number, generation: number): number {
    const words = this.#words;
    const line = HEADER + place * LINE;
    if (Atomics.load(words, line + JOINED) !== generation) return EMPTY;
    for (;;) {
      const next = Atomics.load(words, line + NEXT);
      if (next === Atomics.load(words, TAIL)) return EMPTY;
      const kind = this.#records.read(next);
      // Nonsense when the publisher has just dropped it.
      if (Atomics.compareExchange(words, line + NEXT, next, (next + 1) | 0) === next) return kind;
    }
  }
}
