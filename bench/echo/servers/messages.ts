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

/** Finds the lines in what a stream brings, and keeps one that has only begun for the next time. */
export class Lines {
  #rest: Buffer | null = null;

  /** All whole lines, in one piece, each of them found; null: there is none. The chunk may be used again afterwards. */
  in(chunk: Buffer): Buffer | null {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let end = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, end)) end = at + 1;
    this.#rest = end < bytes.length ? Buffer.from(bytes.subarray(end)) : null;
    return end === 0 ? null : bytes.subarray(0, end);
  }
}
