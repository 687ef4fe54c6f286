import { checkCount, checkReader } from './arguments.ts';
import type { NonblockingReader, Reader } from './contracts/streams.ts';
import { checkReadCount, emptyReadsAllowed } from './counts.ts';
import { NoProgressError } from './errors.ts';
import { asNonblocking } from './nonblocking.ts';

const defaultSize = 64 * 1024;

/** Reads a stream chunk by chunk, each chunk in memory of its own. */
export class ChunkSource {
  readonly #source: Reader;
  readonly #nonblocking: NonblockingReader | null;
  readonly #size: number;
  #block: Uint8Array<ArrayBuffer> | null = null;

  constructor(source: Reader, size: number = defaultSize) {
    checkReader(source);
    checkCount(size, 'size', 1);
    this.#source = source;
    this.#nonblocking = asNonblocking(source);
    this.#size = size;
  }

  async next(): Promise<Uint8Array<ArrayBuffer> | null> {
    for (let emptyReads = 0; emptyReads < emptyReadsAllowed; ) {
      this.#block ??= new Uint8Array(this.#size);
      const block = this.#block;
      const source = this.#nonblocking;
      const n = source === null ? await this.#source.read(block) : source.tryRead(block);
      if (n === undefined && source !== null) {
        // Nothing there: wait without a block.
        this.#block = null;
        await source.waitReadable();
        continue;
      }
      if (n === null) {
        this.#block = null;
        return null;
      }
      checkReadCount(n as number, block.length);
      if (n === 0) {
        emptyReads++;
        continue;
      }
      // A block that is mostly full goes to the consumer, of any other only a copy of the bytes.
      if ((n as number) * 2 < block.length) return block.slice(0, n);
      this.#block = null;
      return block.subarray(0, n);
    }
    throw new NoProgressError();
  }
}

class ChunkIterator implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  #chunks: ChunkSource | null;

  constructor(chunks: ChunkSource) {
    this.#chunks = chunks;
  }

  async next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    const chunk = this.#chunks === null ? null : await this.#chunks.next();
    return chunk === null ? { value: undefined, done: true } : { value: chunk, done: false };
  }

  async return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    this.#chunks = null;
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * The rest of `r` as chunks of at most `size` bytes (default 64 KiB), for `for await`, `Readable.from` and the like.
 * One read per chunk, made when the consumer asks. Each chunk has memory of its own, the consumer's to keep. Leaving
 * the loop early neither closes `r` nor loses bytes: the next read goes on. Rejects with the errors of `r`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { toAsyncIterable } from 'gopark/io';
 *
 * for await (const chunk of toAsyncIterable(new StringReader('some text'), { size: 4 })) console.log(chunk.length);
 * ```
 */
export function toAsyncIterable(
  r: Reader,
  options: { size?: number } = {},
): AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  return new ChunkIterator(new ChunkSource(r, options?.size));
}
