/** What `put` and `take` say beside a kind of value, which is at least 0. */
export const PUT = 0;
export const FULL = -1;
export const EMPTY = -2;
export const CLOSED = -3;
/** Every lane is another thread's. */
export const NO_LANE = -4;

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

/** Where a thread copies values to: one's bytes are here until the next `read` in this thread. */
export let taken: Uint8Array = new Uint8Array(64 * 1024);
export let takenLength = 0;

/**
 * Values in shared memory, by their numbers: an array of places, and the records. One thread writes; how far readers
 * are, and so what may be overwritten, is known to who uses it.
 */
export class Records {
  readonly #places: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #sizes: LaneSizes;
  /** The array of places has a power of two of them, so that numbers may wrap around. */
  readonly #mask: number;

  constructor(buffer: SharedArrayBuffer, offset: number, sizes: LaneSizes) {
    const places = Records.#placesFor(sizes);
    this.#places = new Int32Array(buffer, offset, places);
    this.#bytes = new Uint8Array(buffer, offset + places * 4, Records.#roomFor(sizes));
    this.#view = new DataView(buffer, offset + places * 4, this.#bytes.length);
    this.#sizes = sizes;
    this.#mask = places - 1;
  }

  static #placesFor({ capacity }: LaneSizes): number {
    return 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
  }

  /** A value that is small enough fits wherever the others stand when half of the room is free. */
  static #roomFor(sizes: LaneSizes): number {
    return 4 * (RECORD + aligned(sizes.bytes));
  }

  /** In bytes. */
  static sizeOf(sizes: LaneSizes): number {
    return Records.#placesFor(sizes) * 4 + Records.#roomFor(sizes);
  }

  /** Whether any value that is not too large would fit behind those from number `head` to before `tail`. */
  hasRoom(head: number, tail: number): boolean {
    if (((tail - head) | 0) >= this.#sizes.capacity) return false;
    return this.#placeFor(head, tail, RECORD + aligned(this.#sizes.bytes)) >= 0;
  }

  /** Where a value of so many bytes would go, behind those from `head` to before `tail`; negative: nowhere. */
  placeFor(head: number, tail: number, length: number): number {
    if (((tail - head) | 0) >= this.#sizes.capacity) return -1;
    return this.#placeFor(head, tail, RECORD + aligned(length));
  }

  #placeFor(head: number, tail: number, needed: number): number {
    if (head === tail) return 0;
    const size = this.#bytes.length;
    // Readers may go on meanwhile: then there is more room than this.
    const oldest = this.#places[head & this.#mask]!;
    const last = this.#places[(tail - 1) & this.#mask]!;
    const end = last + RECORD + aligned(this.#view.getInt32(last, true));
    if (end <= oldest) return oldest - end >= needed ? end : -1;
    if (size - end >= needed) return end;
    return oldest >= needed ? 0 : -1;
  }

  /** Writes value `number` at a place that is free. Nobody sees it before its number is made known. */
  write(number: number, place: number, kind: number, p: Uint8Array): void {
    this.#view.setInt32(place, p.length, true);
    this.#view.setInt32(place + 4, kind, true);
    this.#bytes.set(p, place + RECORD);
    this.#places[number & this.#mask] = place;
  }

  /** Copies value `number` to `taken`: its kind. Nonsense when it is being overwritten meanwhile. */
  read(number: number): number {
    const place = Atomics.load(this.#places, number & this.#mask);
    const length = this.#view.getInt32(place, true);
    if (length >= 0 && length <= this.#sizes.bytes) {
      if (length > taken.length) taken = new Uint8Array(Math.min(2 * length, this.#sizes.bytes));
      taken.set(this.#bytes.subarray(place + RECORD, place + RECORD + length));
    }
    takenLength = length;
    return this.#view.getInt32(place + 4, true);
  }
}
