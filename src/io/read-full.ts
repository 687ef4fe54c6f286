import { checkBytes, checkCount, checkReader } from './arguments.ts';
import type { Reader } from './contracts/streams.ts';
import { checkReadCount, emptyReadsAllowed } from './counts.ts';
import { NoProgressError, ReadError, ShortBufferError, UnexpectedEOFError } from './errors.ts';
import { asNonblocking } from './nonblocking.ts';
import { resolvedCount, resolvedNull } from './resolved.ts';

/**
 * Fills all of `p` and resolves `p.length`, or `null` when `r` ended before the first byte. An empty `p` resolves 0
 * without a read. Rejects with `UnexpectedEOFError` when `r` ends after some bytes and with `ReadError` when `r`
 * fails; both carry `bytesRead`, and those bytes are at the start of `p`. Go: `io.ReadFull`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { readFull } from 'gopark/io';
 *
 * const source = new StringReader('GET /');
 * const method = new Uint8Array(3);
 * while ((await readFull(source, method)) !== null) break;
 * ```
 */
export function readFull(r: Reader, p: Uint8Array): Promise<number | null> {
  return readAtLeast(r, p, p?.length);
}

/**
 * Reads into `p` until it holds `min` bytes or more and resolves how many, or `null` when `r` ended before the first
 * byte. `min` of 0 resolves 0 without a read. Rejects with `ShortBufferError` when `p` cannot hold `min` bytes
 * (nothing is read), otherwise as `readFull`. Go: `io.ReadAtLeast`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { readAtLeast } from 'gopark/io';
 *
 * const p = new Uint8Array(4096);
 * const n = await readAtLeast(new StringReader('header and more'), p, 6);
 * ```
 */
export function readAtLeast(r: Reader, p: Uint8Array, min: number): Promise<number | null> {
  let read = 0;
  try {
    checkReader(r);
    checkBytes(p);
    checkCount(min, 'min');
    if (p.length < min) throw new ShortBufferError(p.length, min);
    if (min === 0) return resolvedCount(0);
    const nonblocking = asNonblocking(r);
    if (nonblocking !== null) {
      // What is at hand may be all that is wanted: then no promise but the shared one.
      try {
        const n = nonblocking.tryRead(p);
        if (n === null) return resolvedNull;
        if (n !== undefined) {
          checkReadCount(n, p.length);
          read = n;
        }
      } catch (error) {
        throw new ReadError(error, 0);
      }
      if (read >= min) return resolvedCount(read);
    }
  } catch (error) {
    return Promise.reject(error);
  }
  return readRest(r, p, min, read);
}

async function readRest(r: Reader, p: Uint8Array, min: number, already: number): Promise<number | null> {
  let read = already;
  let emptyReads = 0;
  while (read < min) {
    let n: number | null;
    try {
      n = await r.read(read === 0 ? p : p.subarray(read));
      if (n !== null) checkReadCount(n, p.length - read);
      if (n === 0 && ++emptyReads === emptyReadsAllowed) throw new NoProgressError();
    } catch (error) {
      throw new ReadError(error, read);
    }
    if (n === null) {
      if (read === 0) return null;
      throw new UnexpectedEOFError(read, min);
    }
    if (n > 0) emptyReads = 0;
    read += n;
  }
  return read;
}
