import { holds, holdsNoMore, thisThread } from './this-thread.ts';

/** The words of a subscriber's place: a cache line. */
const OWNER = 0;
/** Odd: somebody is subscribed. Never the same twice. */
const GENERATION = 1;
const DROPPED = 2;
const WORDS = 16;

/** The places of a broadcast's subscribers, in shared memory. */
export class Subscribers {
  readonly #words: Int32Array;
  readonly count: number;
  /** Of this thread: how each gives its place back if the thread ends. */
  readonly #givingBack = new Map<number, () => void>();

  constructor(buffer: SharedArrayBuffer, offset: number, count: number) {
    this.#words = new Int32Array(buffer, offset, count * WORDS);
    this.count = count;
  }

  static sizeOf(count: number): number {
    return count * WORDS * 4;
  }

  generation(place: number): number {
    return Atomics.load(this.#words, place * WORDS + GENERATION);
  }

  get active(): number {
    let active = 0;
    for (let place = 0; place < this.count; place++) if (this.generation(place) % 2 !== 0) active++;
    return active;
  }

  /** A place of this thread's, from now on; -1: there is none. `clear` takes away what it has not received. */
  join(clear: (place: number) => void): number {
    const words = this.#words;
    for (let place = 0; place < this.count; place++) {
      const at = place * WORDS;
      if (Atomics.compareExchange(words, at + OWNER, 0, thisThread) !== 0) continue;
      Atomics.store(words, at + DROPPED, 0);
      Atomics.add(words, at + GENERATION, 1);
      const giveBack = () => this.leave(place, thisThread, clear);
      this.#givingBack.set(place, giveBack);
      holds(giveBack);
      return place;
    }
    return -1;
  }

  /** False: it is not `owner`'s. A second time does no harm, where somebody was ended in the middle. */
  leave(place: number, owner: number, clear: (place: number) => void): boolean {
    const words = this.#words;
    const at = place * WORDS;
    if (Atomics.load(words, at + OWNER) !== owner) return false;
    const generation = Atomics.load(words, at + GENERATION);
    if (generation % 2 !== 0)
      Atomics.compareExchange(words, at + GENERATION, generation, (generation + 1) | 0);
    clear(place);
    const giveBack = this.#givingBack.get(place);
    if (owner === thisThread && giveBack !== undefined) {
      holdsNoMore(giveBack);
      this.#givingBack.delete(place);
    }
    // Here, and not before, somebody else may have it.
    Atomics.store(words, at + OWNER, 0);
    return true;
  }

  missed(place: number): void {
    Atomics.add(this.#words, place * WORDS + DROPPED, 1);
  }

  dropped(place: number): number {
    return Atomics.load(this.#words, place * WORDS + DROPPED);
  }
}
