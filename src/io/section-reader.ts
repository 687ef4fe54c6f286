import {
  ArgumentTypeError,
  checkBytes,
  checkCount,
  checkInteger,
  checkLimit,
  hasMethod,
} from './arguments.ts';
import type { ReaderAt, Seeker, Whence } from './contracts/positions.ts';
import type { Reader } from './contracts/streams.ts';
import { resolvedNull } from './resolved.ts';
import { seekTarget } from './seek.ts';

/**
 * A window of `n` bytes on a `ReaderAt`, from `offset` on, with a position of its own. Go: `io.SectionReader`.
 *
 * `n` may be Infinity: up to the end of the source. One `read` at a time; any number of `readAt` at once.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bytes';
 * import { readAll, SectionReader } from 'gopark/io';
 *
 * const file = new Reader(new Uint8Array([0, 1, 2, 3, 4, 5]));
 * const middle = await readAll(new SectionReader(file, 2, 3)); // 2, 3, 4
 * ```
 */
export class SectionReader implements Reader, ReaderAt, Seeker {
  readonly #source: ReaderAt;
  readonly #base: number;
  readonly #limit: number;
  #at: number;

  constructor(source: ReaderAt, offset: number, n: number) {
    if (!hasMethod(source, 'readAt')) {
      throw new ArgumentTypeError('source', 'a ReaderAt (with a readAt method)', source);
    }
    checkCount(offset, 'offset');
    checkLimit(n, 'n');
    this.#source = source;
    this.#base = offset;
    this.#at = offset;
    this.#limit = Math.min(offset + n, Number.MAX_SAFE_INTEGER);
  }

  /** The length of the window in bytes; the source may end before. */
  get size(): number {
    return this.#limit - this.#base;
  }

  /** What the section was made of: the source, the offset and the length. */
  get outer(): { source: ReaderAt; offset: number; n: number } {
    return { source: this.#source, offset: this.#base, n: this.size };
  }

  /** Reads from the position on and moves it; `null` at the end of the window or of the source. */
  async read(p: Uint8Array): Promise<number | null> {
    checkBytes(p);
    const left = this.#limit - this.#at;
    if (left <= 0) return null;
    const n = await this.#source.readAt(p.length > left ? p.subarray(0, left) : p, this.#at);
    if (n !== null) this.#at += n;
    return n;
  }

  /** Reads at `offset` of the window. `null` outside of it; fewer bytes than `p.length` where it ends. */
  readAt(p: Uint8Array, offset: number): Promise<number | null> {
    try {
      checkBytes(p);
      checkInteger(offset, 'offset');
    } catch (error) {
      return Promise.reject(error);
    }
    if (offset < 0 || offset >= this.size) return resolvedNull;
    const left = this.size - offset;
    return this.#source.readAt(p.length > left ? p.subarray(0, left) : p, this.#base + offset);
  }

  /** Moves the position within the window. Before its start: rejects; beyond its end: reads give `null`. */
  async seek(offset: number, whence: Whence): Promise<number> {
    this.#at = this.#base + seekTarget(offset, whence, this.#at - this.#base, this.size);
    return this.#at - this.#base;
  }
}
