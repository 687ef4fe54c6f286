import { checkReader, checkWriter, hasMethod } from '../io/arguments.ts';
import type { NonblockingReader, Reader, Writer } from '../io/contracts/streams.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount, emptyReadsAllowed } from '../io/counts.ts';
import { NoProgressError } from '../io/errors.ts';
import { asNonblocking } from '../io/nonblocking.ts';
import { BufferClosedError } from './errors.ts';
import { LinkBuffer } from './link-buffer.ts';
import type { BlockPool } from './pool.ts';
import type { LinkOwner, LinkReader, LinkWriter } from './types.ts';

/** How many chunks a gathering write is given at most: the kernel takes 1024, and long before that it does not matter. */
const mostVectors = 64;

/**
 * A `LinkReader` over any `io.Reader`. It reads only when a call needs more than is there, at least a block at a time,
 * and passes the source's error on as it is. While nothing is buffered it holds a block only during a read, and none
 * where the source can be asked without waiting, as a `TCPConn` can. Go: `bufio.NewReader`; CloudWeGo Netpoll:
 * `netpoll.NewReader`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { linkReader } from 'gopark/linkbuffer';
 *
 * using reader = linkReader(new StringReader('PING\r\nPONG\r\n'));
 * for (let line = await reader.until('\n'); line !== null; line = await reader.until('\n')) {
 *   console.log(line.length);
 *   reader.release();
 * }
 * ```
 */
export function linkReader(source: Reader, options: { pool?: BlockPool } = {}): LinkReader & Disposable {
  checkReader(source, 'source');
  return new Filler(source, options.pool).buffer;
}

/**
 * A `LinkWriter` onto any `io.Writer`: `flush()` writes everything in its order, by `writev` where the destination has
 * one, and resolves when the destination has taken it. When it fails, `flush()` rejects with the destination's error;
 * what was not taken stays, and the next `flush()` goes on with it. Arrays that were written without a copy are the
 * caller's again when `flush()` has settled, either way.
 *
 * @example
 * ```ts
 * import { Buffer } from 'gopark/bytes';
 * import { linkWriter } from 'gopark/linkbuffer';
 *
 * const destination = new Buffer();
 * using writer = linkWriter(destination);
 * writer.writeString('$5\r\nhello\r\n');
 * await writer.flush();
 * console.log(destination.length);
 * ```
 */
export function linkWriter(destination: Writer, options: { pool?: BlockPool } = {}): LinkWriter & Disposable {
  checkWriter(destination, 'destination');
  return new Drainer(destination, options.pool).buffer;
}

/** Fills a buffer from a reader while a call waits for it. */
class Filler implements LinkOwner {
  readonly buffer: LinkBuffer;
  readonly #source: Reader;
  readonly #nonblocking: NonblockingReader | null;
  #filling = false;

  constructor(source: Reader, pool: BlockPool | undefined) {
    this.buffer = new LinkBuffer(pool === undefined ? { owner: this } : { owner: this, pool });
    this.#source = source;
    this.#nonblocking = asNonblocking(source);
  }

  need(): void {
    if (!this.#filling) void this.#fill();
  }

  drained(): void {}

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  closedError(): Error {
    return new BufferClosedError();
  }

  /** Until nobody waits. What goes wrong is told to who does. */
  async #fill(): Promise<void> {
    const { buffer } = this;
    this.#filling = true;
    let emptyReads = 0;
    while (buffer.needed > buffer.len && !buffer.ended) {
      // A call that needs more than a block gets the rest of it in one piece.
      const space = buffer.reserve(Math.max(buffer.readSize, buffer.needed - buffer.len));
      let n: number | null | undefined = 0;
      let failure: unknown = null;
      try {
        n = this.#nonblocking === null ? await this.#source.read(space) : this.#nonblocking.tryRead(space);
        if (typeof n === 'number') checkReadCount(n, space.length);
        if (n === 0 && ++emptyReads === emptyReadsAllowed) throw new NoProgressError();
        if (n !== 0 && n !== undefined) emptyReads = 0;
        if (n === undefined) {
          buffer.commit(0);
          await this.#nonblocking?.waitReadable();
          continue;
        }
      } catch (error) {
        failure = error;
        n = null;
      }
      if (buffer.reserving) buffer.commit(n ?? 0);
      if (n === null) buffer.end(failure);
    }
    this.#filling = false;
  }
}

/** Empties a buffer into a writer, one flush at a time. */
class Drainer implements LinkOwner {
  readonly buffer: LinkBuffer;
  readonly #destination: Writer & { writev?(chunks: Uint8Array[]): Promise<number> };
  readonly #gathers: boolean;
  readonly #chunks: Uint8Array[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(destination: Writer, pool: BlockPool | undefined) {
    this.buffer = new LinkBuffer(pool === undefined ? { owner: this } : { owner: this, pool });
    this.#destination = destination;
    this.#gathers = hasMethod(destination, 'writev');
  }

  need(): void {}

  drained(): void {}

  flushed(): Promise<void> {
    // Behind the flush before this one, whether that succeeds or not.
    const mine = this.#last.then(() => this.#drain());
    this.#last = mine.catch(() => {});
    return mine;
  }

  closedError(): Error {
    return new BufferClosedError();
  }

  async #drain(): Promise<void> {
    const { buffer } = this;
    const chunks = this.#chunks;
    let size = 0;
    try {
      while (buffer.len > 0) {
        // Lent to the destination: a close in the meantime must not give the memory to others.
        size = buffer.vectors(chunks, this.#gathers ? mostVectors : 1, true);
        const n = this.#gathers
          ? await this.#destination.writev!(chunks)
          : await this.#destination.write(chunks[0]!);
        checkWriteCount(n, size);
        buffer.consume(Math.min(size, buffer.len));
        buffer.release();
      }
    } catch (error) {
      buffer.consume(Math.min(bytesWrittenOf(error, size), buffer.len));
      buffer.release();
      buffer.settleLinked();
      throw error;
    } finally {
      chunks.length = 0;
    }
  }
}
