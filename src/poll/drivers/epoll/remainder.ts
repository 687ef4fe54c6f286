/**
 * What the kernel refused of one outbound chain: a queue of bytes in memory of its own, so that a slow peer pins
 * nothing of the slab that all connections share.
 */
const CHUNK_SIZE = 4096;

interface Chunk {
  readonly bytes: Uint8Array;
  from: number;
  to: number;
}

export class Remainder {
  #length = 0;
  readonly #chunks: Chunk[] = [];

  get length(): number {
    return this.#length;
  }

  append(p: Uint8Array, from: number, to: number): void {
    this.#length += to - from;
    const last = this.#chunks.at(-1);
    if (last !== undefined) {
      const fits = Math.min(to - from, last.bytes.length - last.to);
      last.bytes.set(p.subarray(from, from + fits), last.to);
      last.to += fits;
      from += fits;
    }
    if (from === to) return;
    const bytes = new Uint8Array(Math.max(CHUNK_SIZE, to - from));
    bytes.set(p.subarray(from, to));
    this.#chunks.push({ bytes, from: 0, to: to - from });
  }

  /** All of it, in one piece; then it is empty. */
  takeAll(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const { bytes, from, to } of this.#chunks.splice(0)) {
      all.set(bytes.subarray(from, to), at);
      at += to - from;
    }
    this.#length = 0;
    return all;
  }

  /**
   * Sends from the front until all went (0) or `send` took less than it was given: then its last answer, which is
   * a negated errno or, for a short count, 0 as well.
   */
  sendTo(send: (p: Uint8Array, from: number, to: number) => number): number {
    let chunk = this.#chunks[0];
    while (chunk !== undefined) {
      const sent = send(chunk.bytes, chunk.from, chunk.to);
      if (sent < 0) return sent;
      this.#length -= sent;
      chunk.from += sent;
      if (chunk.from < chunk.to) return 0;
      this.#chunks.shift();
      chunk = this.#chunks[0];
    }
    return 0;
  }
}
