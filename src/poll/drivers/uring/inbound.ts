import type { ProvidedBuffers } from './buffers.ts';

/** Bytes of one receive: in the slab at `offset`, or, where `copy` is not null, there. */
interface Chunk {
  offset: number;
  length: number;
  copy: Uint8Array | null;
}

/** Not ended. */
export const OPEN = 1;

/** What has been received ahead of its reader, and how the stream has ended where it has. */
export class Inbound {
  readonly #buffers: ProvidedBuffers;
  readonly #slab: Uint8Array;
  readonly #scratch: number;
  readonly #chunks: Chunk[] = [];
  length = 0;
  /** 0: behind the bytes is the end, negative: this error, else `OPEN`. */
  end: number = OPEN;
  /** Where `take` has left its bytes in the slab. */
  offset = 0;

  /** At the slab's beginning are `scratch` bytes that are nobody's for longer than a call. */
  constructor(buffers: ProvidedBuffers, slab: Uint8Array, scratch: number) {
    this.#buffers = buffers;
    this.#slab = slab;
    this.#scratch = scratch;
  }

  push(offset: number, length: number): void {
    this.length += length;
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.copy === null && last.offset + last.length === offset) {
      // Of two neighbouring buffers each is released by itself.
      if (this.#buffers.same(last.offset, offset)) {
        last.length += length;
        return;
      }
    }
    this.#chunks.push({ offset, length, copy: null });
  }

  /**
   * At most `most` of the bytes that come next, and how many: they stand in the slab at `offset`, and have to be
   * released there. Bytes that had been copied come to the slab's beginning.
   */
  take(most: number): number {
    const first = this.#chunks[0]!;
    let count = Math.min(most, first.length);
    this.offset = first.offset;
    if (first.copy !== null) {
      count = Math.min(count, this.#scratch);
      this.#slab.set(first.copy.subarray(first.offset, first.offset + count));
      this.offset = 0;
    }
    this.#pass(first, count);
    return count;
  }

  /** Copies as much as fits to `p[from, to)`: how many bytes. */
  copyTo(p: Uint8Array, from: number, to: number): number {
    let at = from;
    for (let first = this.#chunks[0]; first !== undefined && at < to; first = this.#chunks[0]) {
      const { offset, copy } = first;
      const count = Math.min(to - at, first.length);
      p.set((copy ?? this.#slab).subarray(offset, offset + count), at);
      at += count;
      this.#pass(first, count);
      if (copy === null) this.#buffers.release(offset, count);
    }
    return at - from;
  }

  /** All of it, as a copy. */
  takeAll(): Uint8Array {
    const all = new Uint8Array(this.length);
    this.copyTo(all, 0, all.length);
    return all;
  }

  /** Moves it to memory of its own: others need the buffers. */
  evict(): void {
    for (const chunk of this.#chunks) {
      const { offset, length } = chunk;
      if (chunk.copy !== null) continue;
      chunk.copy = new Uint8Array(this.#slab.subarray(offset, offset + length));
      chunk.offset = 0;
      this.#buffers.release(offset, length);
    }
  }

  #pass(first: Chunk, count: number): void {
    first.offset += count;
    first.length -= count;
    this.length -= count;
    if (first.length === 0) this.#chunks.shift();
  }
}
