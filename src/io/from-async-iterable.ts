import { ArgumentTypeError, checkBytes, hasMethod } from './arguments.ts';
import type { ReadCloser } from './contracts/combinations.ts';
import { ClosedPipeError, ConcurrentUseError } from './errors.ts';
import { resolvedCount, resolvedNull } from './resolved.ts';
import { encodeText } from './text.ts';

/**
 * A chunk of bytes as other libraries hand it out: an array or view of any kind, or text, taken as UTF-8.
 *
 * @example
 * ```ts
 * import type { Chunk } from 'gopark/io';
 *
 * const chunks: Chunk[] = ['text', new Uint8Array(4), new DataView(new ArrayBuffer(8))];
 * ```
 */
export type Chunk = Uint8Array | ArrayBufferView | ArrayBuffer | string;

/** The bytes of a chunk, not copied; throws ArgumentTypeError for what is none. */
export function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return encodeText(chunk);
  if (ArrayBuffer.isView(chunk)) {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    checkBytes(bytes, 'a chunk');
    return bytes;
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new ArgumentTypeError('a chunk', 'bytes or a string', chunk);
}

const empty = new Uint8Array(0);

interface Waiting {
  p: Uint8Array;
  resolve(n: number | null): void;
  reject(error: unknown): void;
}

/** Where a ChunkReader gets its chunks. */
export interface ChunkOrigin {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Tells the producer that nothing more is wanted. */
  cancel(reason: unknown): Promise<void>;
}

/** A reader of chunks that somebody else makes, one at a time and only when asked: backpressure stays. */
export class ChunkReader implements ReadCloser, AsyncDisposable {
  readonly #origin: ChunkOrigin;
  #chunk = empty as Uint8Array;
  #at = 0;
  #waiting: Waiting | null = null;
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open';
  #error: unknown;

  constructor(origin: ChunkOrigin) {
    this.#origin = origin;
  }

  read(p: Uint8Array): Promise<number | null> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#state === 'closed') return Promise.reject(new ClosedPipeError(0, 'reader'));
    if (this.#waiting !== null) return Promise.reject(new ConcurrentUseError('the reader'));
    if (p.length === 0) return resolvedCount(0);
    if (this.#at < this.#chunk.length) return resolvedCount(this.#take(p));
    if (this.#state === 'ended') return resolvedNull;
    if (this.#state === 'failed') return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#waiting = { p, resolve, reject };
      this.#ask();
    });
  }

  /**
   * Closes the reader and tells the producer. A waiting read rejects with `ClosedPipeError`, as all later ones do.
   * Resolves when the producer has heard it and rejects with its error; a second close does nothing.
   */
  close(): Promise<void> {
    return this.closeWithError(undefined);
  }

  /** `close` with a reason for the producer, where it takes one. */
  async closeWithError(reason: unknown): Promise<void> {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#chunk = empty;
    this.#at = 0;
    this.#settle((waiting) => waiting.reject(new ClosedPipeError(0, 'reader')));
    if (wasOpen) await this.#origin.cancel(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    how(waiting);
  }

  #take(p: Uint8Array): number {
    const n = Math.min(p.length, this.#chunk.length - this.#at);
    p.set(this.#chunk.subarray(this.#at, this.#at + n));
    this.#at += n;
    if (this.#at === this.#chunk.length) {
      this.#chunk = empty;
      this.#at = 0;
    }
    return n;
  }

  #ask(): void {
    let answer: Promise<{ done?: boolean | undefined; value?: unknown }>;
    try {
      answer = Promise.resolve(this.#origin.next());
    } catch (error) {
      this.#fail(error);
      return;
    }
    answer.then(
      (result) => {
        if (this.#state === 'closed') return;
        try {
          this.#accept(result);
        } catch (error) {
          // A chunk that is none: nobody will ask for the next.
          this.#fail(error);
          this.#origin.cancel(error).catch(() => {});
        }
      },
      (error) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#state = 'failed';
    this.#error = error;
    this.#settle((waiting) => waiting.reject(error));
  }

  #accept(result: { done?: boolean | undefined; value?: unknown }): void {
    if (result.done) {
      this.#state = 'ended';
      this.#settle((waiting) => waiting.resolve(null));
      return;
    }
    this.#chunk = chunkBytes(result.value);
    this.#at = 0;
    if (this.#chunk.length === 0) this.#ask();
    else this.#settle((waiting) => waiting.resolve(this.#take(waiting.p)));
  }
}

/**
 * A reader of the chunks of an iterable, synchronous or not: a generator, an array, a Node stream. The next chunk is
 * asked for when the one before is used up. `close` ends the iteration (the generator's `finally` runs, a Node
 * stream is destroyed). Errors of the iterable are what `read` rejects with, also later. A chunk that is neither
 * bytes nor a string rejects with `ArgumentTypeError`. One read at a time.
 *
 * @example
 * ```ts
 * import { fromAsyncIterable, readAll } from 'gopark/io';
 *
 * async function* produce() {
 *   yield 'hello, ';
 *   yield new Uint8Array([0x77, 0x0a]);
 * }
 * await using reader = fromAsyncIterable(produce());
 * console.log(await readAll(reader));
 * ```
 */
export function fromAsyncIterable(
  it: AsyncIterable<Chunk> | Iterable<Chunk>,
): ReadCloser & AsyncDisposable & { closeWithError(reason: unknown): Promise<void> } {
  const source = it as Partial<AsyncIterable<Chunk> & Iterable<Chunk>> | null | undefined;
  const isString = typeof it === 'string';
  if (!isString && source !== null && source !== undefined) {
    const open = source[Symbol.asyncIterator] ?? source[Symbol.iterator];
    if (typeof open === 'function') {
      const iterator = Reflect.apply(open, source, []) as AsyncIterator<Chunk> | Iterator<Chunk>;
      return new ChunkReader({
        next: async () => iterator.next(),
        cancel: async () => {
          if (hasMethod(iterator, 'return')) await iterator.return?.();
        },
      });
    }
  }
  throw new ArgumentTypeError('it', 'an iterable of chunks', it);
}
