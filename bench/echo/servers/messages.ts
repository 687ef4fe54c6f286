/** Cuts what a stream brings into messages of one size, and keeps the rest for the next time. */
export class Messages {
  readonly #size: number;
  #rest: Buffer | null = null;

  constructor(size: number) {
    this.#size = size;
  }

  *of(chunk: Buffer): Generator<Buffer> {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; bytes.length - at >= this.#size; at += this.#size) yield bytes.subarray(at, at + this.#size);
    this.#rest = at < bytes.length ? bytes.subarray(at) : null;
  }
}
