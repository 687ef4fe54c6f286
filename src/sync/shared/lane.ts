/** What `put` and `take` say beside a kind of value, which is at least 0. */
export const PUT = 0;
export const FULL = -1;
export const EMPTY = -2;

/** The words of a lane. Its sender writes one cache line, its receivers the other. */
const OWNER = 0;
/** How many values have been put in, and how many taken out, from the beginning on, modulo 2^32. */
const TAIL = 1;
const HEAD = 16;
const INDEX = 32;

/** A record: its length and its kind, then the bytes; it begins at a multiple of 8. */
const RECORD = 8;

const aligned = (length: number) => (length + 7) & ~7;

/** How large a lane is. */
export interface LaneSizes {
  /** The most values. */
  readonly capacity: number;
  /** The most bytes of one value. */
  readonly bytes: number;
}

/** What all threads of this process can take from: a value's bytes are here until the next `take` in this thread. */
export let taken: Uint8Array = new Uint8Array(64 * 1024);
export let takenLength = 0;

/**
 * The values of one sending thread, in shared memory: a bounded queue that this thread alone puts into and any thread
 * takes from. There is no lock, because a thread may be ended from outside between any two instructions: what it was
 * about to put in has not been put in, and what it was about to take is still there for the others.
 *
 * Where the values stand is kept in an array, by their numbers. A receiver copies the oldest one first and then
 * moves HEAD on; if somebody else has done so meanwhile, what it copied may have been overwritten, and is forgotten.
 */
export class Lane {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #sizes: LaneSizes;
  /** The array of places has a power of two of them, so that numbers may wrap around. */
  readonly #mask: number;

  constructor(buffer: SharedArrayBuffer, offset: number, sizes: LaneSizes) {
    const places = Lane.#placesFor(sizes);
    const head = (INDEX + places) * 4;
    this.#words = new Int32Array(buffer, offset, INDEX + places);
    this.#bytes = new Uint8Array(buffer, offset + head, Lane.sizeOf(sizes) - head);
    this.#view = new DataView(buffer, offset + head, this.#bytes.length);
    this.#sizes = sizes;
    this.#mask = places - 1;
  }

  static #placesFor({ capacity }: LaneSizes): number {
    return 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
  }

  /** In bytes. A value that is small enough fits wherever the others stand when half of the room is free. */
  static sizeOf(sizes: LaneSizes): number {
    const room = 4 * (RECORD + aligned(sizes.bytes));
    return ((INDEX + Lane.#placesFor(sizes)) * 4 + room + 63) & ~63;
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
    if (this.length >= this.#sizes.capacity) return false;
    return this.#placeFor(RECORD + aligned(this.#sizes.bytes)) >= 0;
  }

  /** Where so many bytes would go; negative: nowhere. */
  #placeFor(needed: number): number {
    const words = this.#words;
    const tail = words[TAIL]!;
    const head = Atomics.load(words, HEAD);
    if (head === tail) return 0;
    const size = this.#bytes.length;
    // Receivers may go on meanwhile: then there is more room than this.
    const oldest = words[INDEX + (head & this.#mask)]!;
    const last = words[INDEX + ((tail - 1) & this.#mask)]!;
    const end = last + RECORD + aligned(this.#view.getInt32(last, true));
    if (end <= oldest) return oldest - end >= needed ? end : -1;
    if (size - end >= needed) return end;
    return oldest >= needed ? 0 : -1;
  }

  /** Adds a copy of `p`, which is not too large: PUT or FULL. Only the owner. */
  put(kind: number, p: Uint8Array): number {
    const words = this.#words;
    if (this.length >= this.#sizes.capacity) return FULL;
    const place = this.#placeFor(RECORD + aligned(p.length));
    if (place < 0) return FULL;
    this.#view.setInt32(place, p.length, true);
    this.#view.setInt32(place + 4, kind, true);
    this.#bytes.set(p, place + RECORD);
    const tail = words[TAIL]!;
    words[INDEX + (tail & this.#mask)] = place;
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
      const place = Atomics.load(words, INDEX + (head & this.#mask));
      const length = this.#view.getInt32(place, true);
      const kind = this.#view.getInt32(place + 4, true);
      // Nonsense when another one has it already.
      if (length >= 0 && length <= this.#sizes.bytes) {
        if (length > taken.length) taken = new Uint8Array(Math.min(2 * length, this.#sizes.bytes));
        taken.set(this.#bytes.subarray(place + RECORD, place + RECORD + length));
      }
      if (Atomics.compareExchange(words, HEAD, head, (head + 1) | 0) !== head) continue;
      takenLength = length;
      return kind;
    }
  }
}
