import type { Admission, Place } from '../admission.ts';

/** Buckets of each of the two rows. */
const WIDTH = 1 << 16;
const ROWS = 2;
const BUCKETS = ROWS * WIDTH;
/** Before the buckets of each P: how many connections it has. */
const HEAD = 16;
const SIZE = HEAD + BUCKETS;

/** The connections of one address in this P. */
interface Shared extends Place {
  connections: number;
}

/** What the Ps of a gateway share about who is in. */
export interface AdmissionMemory {
  readonly memory: SharedArrayBuffer;
  /** Nobody outside shall choose who falls into whose bucket. */
  readonly seed: number;
}

export function admissionMemory(procs: number): AdmissionMemory {
  const memory = new SharedArrayBuffer(procs * SIZE * 4);
  return { memory, seed: crypto.getRandomValues(new Uint32Array(1))[0]! };
}

/**
 * The limits of a gateway in several threads. Each P counts its own connections, in all and by address, in shared
 * memory; what counts is the sum over the Ps, so that what a P had is forgotten with it. Addresses are counted in
 * buckets, in two rows by two hashes, and the lesser count is believed: never too few, and too many only when others
 * with many connections share both buckets, which does not happen to who cannot know the seed.
 */
export class SharedAdmission implements Admission {
  /** Of this P. */
  readonly #places = new Map<string, Shared>();
  readonly #counts: Int32Array;
  readonly #own: number;
  readonly #seed: number;
  readonly #most: number;
  readonly #mostPerAddress: number;

  constructor(
    { memory, seed }: AdmissionMemory,
    index: number,
    limits: { maxConnections: number; maxPerAddress: number },
  ) {
    this.#counts = new Int32Array(memory);
    this.#own = index * SIZE;
    this.#seed = seed;
    this.#most = limits.maxConnections;
    this.#mostPerAddress = limits.maxPerAddress;
  }

  take(host: string): Place | null {
    // First in, then the look: of two that come to different Ps at the same time at least one sees the other.
    this.#add(host, 1);
    if (this.#sum(0) > this.#most || this.#of(host) > this.#mostPerAddress) {
      this.#add(host, -1);
      return null;
    }
    let place = this.#places.get(host);
    if (place === undefined) {
      place = { host, connections: 0 };
      this.#places.set(host, place);
    }
    place.connections++;
    return place;
  }

  giveBack(place: Place): void {
    const shared = place as Shared;
    this.#add(shared.host, -1);
    shared.connections--;
    if (shared.connections === 0) this.#places.delete(shared.host);
  }

  #add(host: string, n: number): void {
    Atomics.add(this.#counts, this.#own, n);
    for (let row = 0; row < ROWS; row++) Atomics.add(this.#counts, this.#own + this.#bucket(host, row), n);
  }

  #of(host: string): number {
    let least = Number.POSITIVE_INFINITY;
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.#sum(this.#bucket(host, row)));
    return least;
  }

  #sum(at: number): number {
    let sum = 0;
    for (let p = 0; p < this.#counts.length; p += SIZE) sum += Atomics.load(this.#counts, p + at);
    return sum;
  }

  #bucket(host: string, row: number): number {
    let hash = this.#seed ^ Math.imul(row + 1, 0x9e3779b1);
    for (let i = 0; i < host.length; i++) {
      hash = Math.imul(hash ^ host.charCodeAt(i), 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    return HEAD + row * WIDTH + ((hash ^ (hash >>> 15)) & (WIDTH - 1));
  }
}

/** The P has died: nobody is in there any more. */
export function clearAdmission({ memory }: AdmissionMemory, index: number): void {
  new Int32Array(memory, index * SIZE * 4, SIZE).fill(0);
}
