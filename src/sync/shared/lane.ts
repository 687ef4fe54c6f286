import { EMPTY, FULL, type LaneSizes, PUT, Records } from './records.ts';

/** The words of a lane. Its sender writes one cache line, its receivers the other. */
const OWNER = 0;
/** How many values have been put in, and how many taken out, from the beginning on, modulo 2^32. */
const TAIL = 1;
const HEAD = 16;
const WORDS = 32;

/**
 * The values of one sending thread, in shared memory: a bounded queue that this thread alone puts into and any thread
 * takes from. There is no lock, because a thread may be ended from outside between any two instructions: what it was
 * about to put in has not been put in, and what it was about to take is still there for the others.
 *
 * A receiver copies the oldest value first and then moves HEAD on; if somebody else has done so meanwhile, what it
 * copied may have been overwritten, and is forgotten.
 */
export class Lane {
  readonly #words: Int32Array;
  readonly #records: Records;

  constructor(buffer: SharedArrayBuffer, offset: number, sizes: LaneSizes) {
    this.#words = new Int32Array(buffer, offset, WORDS);
    this.#records = new Records(buffer, offset + WORDS * 4, sizes);
  }

  /** In bytes. */
  static sizeOf(sizes: LaneSizes): number {
    return (WORDS * 4 + Records.sizeOf(sizes) + 63) & ~63;
  }

  /** Makes it `owner`'s, a number above 0; false: it is somebody else's. */
  claim(owner: number): boolean {
    return Atomics.compareExchange(this.#words, OWNER, 0, owner) === 0;
  }

  /** Whoever comes next may go on where `owner` has left off. */
  disown(owner: number): void {
    Atomics.compareExchange(this.#words, OWNER, owner, 0);
  }

  get length(): number {
    const head = Atomics.load(this.#words, HEAD);
    return (Atomics.load(this.#words, TAIL) - head) | 0;
  }

  /** Whether any value that is not too large would go in. */
  get hasRoom(): boolean {
    return this.#records.hasRoom(Atomics.load(this.#words, HEAD), this.#words[TAIL]!);
  }

  /** Adds a copy of `p`, which is not too large: PUT or FULL. Only the owner. */
  put(kind: number, p: Uint8Array): number {
    const words = this.#words;
    const tail = words[TAIL]!;
    const place = this.#records.placeFor(Atomics.load(words, HEAD), tail, p.length);
    if (place < 0) return FULL;
    this.#records.write(tail, place, kind, p);
    // Here, and not before, it is in.
    Atomics.store(words, TAIL, (tail + 1) | 0);
    return PUT;
  }

  /** Takes the oldest value into `taken`: its kind, or EMPTY. */
  take(): number {
    const words = this.#words;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      if (head === Atomics.load(words, TAIL)) return EMPTY;
      const kind = this.#records.read(head);
      // Nonsense when another one has it already.
      if (Atomics.compareExchange(words, HEAD, head, (head + 1) | 0) === head) return kind;
    }
  }
}
