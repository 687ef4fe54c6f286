/**
 * A source of bytes. The contract is Go's `io.Reader`, with `null` in the place of `io.EOF`.
 *
 * `read` fills at most `p.length` bytes of `p` and resolves how many: `n >= 1` when bytes came, `null` at the end
 * of the stream (again and again), `0` only for a zero-length `p`. It resolves with what is there instead of
 * waiting for a full `p`. Bytes that arrived before an error are delivered first; the error is what the next call
 * rejects with. The reader may use all of `p` as scratch space, and neither touches nor keeps it once the promise
 * has settled.
 *
 * @example
 * ```ts
 * import type { Reader } from 'gopark/io';
 *
 * class Zeros implements Reader {
 *   async read(p: Uint8Array): Promise<number | null> {
 *     p.fill(0);
 *     return p.length;
 *   }
 * }
 * ```
 */
export interface Reader {
  read(p: Uint8Array): Promise<number | null>;
}

/**
 * A destination of bytes. The contract is Go's `io.Writer`.
 *
 * `write` resolves `p.length` once the destination took all of `p`, else it rejects with an error that carries
 * `bytesWritten`. It never modifies `p` and never keeps it once the promise has settled.
 *
 * @example
 * ```ts
 * import type { Writer } from 'gopark/io';
 *
 * class Counter implements Writer {
 *   count = 0;
 *   async write(p: Uint8Array): Promise<number> {
 *     this.count += p.length;
 *     return p.length;
 *   }
 * }
 * ```
 */
export interface Writer {
  write(p: Uint8Array): Promise<number>;
}

/**
 * Something that holds a resource until `close`. What a second `close` does is up to each type.
 *
 * @example
 * ```ts
 * import type { Closer } from 'gopark/io';
 *
 * async function finish(resource: Closer): Promise<void> {
 *   await resource.close();
 * }
 * ```
 */
export interface Closer {
  close(): Promise<void>;
}

/**
 * A reader that can be asked without waiting, as a `TCPConn` can. Helpers find it by its methods and then hold no
 * buffer while nothing is there to read.
 *
 * `tryRead` gives what is at hand now: a count, `null` at the end, `undefined` for "not without waiting"; it throws
 * what `read` would reject with. `waitReadable` resolves when bytes, the end or an error are at hand; it consumes
 * nothing. A resolved `waitReadable` promises no bytes: ask again, and wait again on `undefined`.
 *
 * @example
 * ```ts
 * import type { NonblockingReader } from 'gopark/io';
 *
 * async function readSome(r: NonblockingReader, p: Uint8Array): Promise<number | null> {
 *   for (;;) {
 *     const n = r.tryRead(p);
 *     if (n !== undefined) return n;
 *     await r.waitReadable();
 *   }
 * }
 * ```
 */
export interface NonblockingReader extends Reader {
  tryRead(p: Uint8Array): number | null | undefined;
  waitReadable(): Promise<void>;
}
