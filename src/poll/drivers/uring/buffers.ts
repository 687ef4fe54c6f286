import {
  BUFFER_RING_INCREMENTAL,
  CQE_BUFFER_MORE,
  CQE_BUFFER_SHIFT,
  REGISTER_BUFFER_RING,
  UNREGISTER_BUFFER_RING,
} from './abi.ts';
import { highWord, type Refusal, type Ring } from './ring.ts';

/** How many buffers, and their size: a power of two each. */
export interface BufferShape {
  readonly count: number;
  readonly size: number;
}

export interface BufferSizes {
  /** Where the kernel fills buffers piece by piece (6.12); null: it is not asked to. */
  readonly incremental: BufferShape | null;
  /** Where each receive uses a buffer up, however little it brings. */
  readonly whole: BufferShape;
}

/** The words of an entry of the ring of buffers; the tail is where the first one has its last two bytes. */
const ENTRY_SIZE = 4;
const TAIL_INDEX = 7;
const PAGE = 4096;

/**
 * Memory for what comes, whoever it is for: the kernel takes the next buffer of a ring when bytes are there, so that
 * connections that wait need none. `received` says where a completion's bytes are; `release` gives them back.
 */
export class ProvidedBuffers {
  readonly group: number;
  readonly incremental: boolean;
  readonly count: number;
  readonly size: number;
  readonly #ring: Ring;
  readonly #shift: number;
  readonly #start: number;
  readonly #base: number;
  readonly #entries: Int32Array;
  readonly #halves: Uint16Array;
  #tail = 0;
  /** Of each buffer: how far the kernel has filled it, how many bytes of it are not released, whether it is ours. */
  readonly #filled: Int32Array;
  readonly #lent: Int32Array;
  readonly #ours: Uint8Array;
  /** Buffers that the kernel has. */
  free = 0;

  private constructor(
    ring: Ring,
    group: number,
    slab: Uint8Array,
    start: number,
    shape: BufferShape,
    incremental: boolean,
  ) {
    this.#ring = ring;
    this.group = group;
    this.incremental = incremental;
    this.count = shape.count;
    this.size = shape.size;
    this.#shift = 31 - Math.clz32(shape.size);
    this.#start = start;
    this.#base = ring.addressOf(slab) + start;
    const memory = new ArrayBuffer(shape.count * ENTRY_SIZE * 4 + PAGE);
    const address = ring.addressOf(new Uint8Array(memory));
    const aligned = (PAGE - (address % PAGE)) % PAGE;
    this.#entries = new Int32Array(memory, aligned, shape.count * ENTRY_SIZE);
    this.#halves = new Uint16Array(memory, aligned, shape.count * ENTRY_SIZE * 2);
    this.#filled = new Int32Array(shape.count);
    this.#lent = new Int32Array(shape.count);
    this.#ours = new Uint8Array(shape.count);
  }

  /** Bytes of a slab that any of the shapes needs. */
  static room({ incremental, whole }: BufferSizes): number {
    return Math.max(
      incremental === null ? 0 : incremental.count * incremental.size,
      whole.count * whole.size,
    );
  }

  /** The buffers lie in `slab` from `start` on. */
  static register(
    ring: Ring,
    group: number,
    slab: Uint8Array,
    start: number,
    sizes: BufferSizes,
  ): ProvidedBuffers | Refusal {
    let errno = 0;
    for (const [shape, incremental] of [
      [sizes.incremental, true],
      [sizes.whole, false],
    ] as const) {
      if (shape === null) continue;
      const buffers = new ProvidedBuffers(ring, group, slab, start, shape, incremental);
      errno = -buffers.#register();
      if (errno <= 0) {
        for (let id = 0; id < shape.count; id++) buffers.#give(id);
        return buffers;
      }
    }
    return { step: 'a ring of buffers', errno };
  }

  #register(): number {
    const words = new Uint32Array(10);
    const address = this.#ring.addressOf(this.#entries);
    words[0] = address | 0;
    words[1] = highWord(address);
    words[2] = this.count;
    words[3] = this.group | ((this.incremental ? BUFFER_RING_INCREMENTAL : 0) << 16);
    return this.#ring.register(REGISTER_BUFFER_RING, words, 1);
  }

  unregister(): void {
    const words = new Uint32Array(10);
    words[3] = this.group;
    this.#ring.register(UNREGISTER_BUFFER_RING, words, 1);
  }

  /** Where in the slab the bytes of a completion are. To be called for each that names a buffer, in their order. */
  received(result: number, flags: number): number {
    const id = flags >>> CQE_BUFFER_SHIFT;
    const count = Math.max(0, result);
    const offset = this.#start + id * this.size + this.#filled[id]!;
    this.#filled[id]! += count;
    this.#lent[id]! += count;
    if (!(flags & CQE_BUFFER_MORE)) {
      this.#ours[id] = 1;
      this.free--;
      if (this.#lent[id] === 0) this.#give(id);
    }
    return offset;
  }

  /** `count` bytes at `offset` are not needed any more. Nothing happens where they are not in a buffer. */
  release(offset: number, count: number): void {
    if (offset < this.#start) return;
    const id = (offset - this.#start) >>> this.#shift;
    this.#lent[id]! -= count;
    if (this.#lent[id] === 0 && this.#ours[id] === 1) this.#give(id);
  }

  /** Whether two places are in one buffer. */
  same(offset: number, other: number): boolean {
    return (offset - this.#start) >>> this.#shift === (other - this.#start) >>> this.#shift;
  }

  #give(id: number): void {
    const at = (this.#tail & (this.count - 1)) * ENTRY_SIZE;
    const address = this.#base + id * this.size;
    const entries = this.#entries;
    entries[at] = address | 0;
    entries[at + 1] = highWord(address);
    entries[at + 2] = this.size;
    // Not the upper half of the last word: in the first entry that is the tail.
    this.#halves[at * 2 + 6] = id;
    this.#filled[id] = 0;
    this.#ours[id] = 0;
    this.free++;
    this.#tail = (this.#tail + 1) & 0xffff;
    Atomics.store(this.#halves, TAIL_INDEX, this.#tail);
  }
}
