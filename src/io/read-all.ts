import { checkLimit, checkReader } from './arguments.ts';
import type { Reader } from './contracts/streams.ts';
import { checkReadCount, emptyReadsAllowed } from './counts.ts';
import { LimitExceededError, NoProgressError, ReadError } from './errors.ts';

const firstChunk = 4096;
const largestChunk = 1024 * 1024;

/** Puts arrays one after the other into one of exactly their common length. */
export function concat(chunks: Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/**
 * Reads `r` to its end and resolves everything that came, an array of exactly that length which is the caller's.
 * The end is success.
 *
 * `limit` (bytes, default none) is how much is accepted: more rejects with `LimitExceededError`. Set it wherever a
 * peer decides how much comes. When `r` fails it rejects with `ReadError`. Both carry everything that was read in
 * `partial`. Go: `io.ReadAll`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { readAll } from 'gopark/io';
 *
 * const body = await readAll(new StringReader('hello'), { limit: 1024 * 1024 });
 * console.log(body.length); // 5
 * ```
 */
export async function readAll(r: Reader, options: { limit?: number } = {}): Promise<Uint8Array<ArrayBuffer>> {
  checkReader(r);
  const limit = options?.limit ?? Number.POSITIVE_INFINITY;
  checkLimit(limit);
  const full: Uint8Array[] = [];
  let chunk = new Uint8Array(Math.min(firstChunk, limit + 1));
  let used = 0;
  let total = 0;
  let emptyReads = 0;
  const all = () => concat([...full, chunk.subarray(0, used)], total);
  for (;;) {
    let n: number | null;
    try {
      n = await r.read(used === 0 ? chunk : chunk.subarray(used));
      if (n !== null) checkReadCount(n, chunk.length - used);
      if (n === 0 && ++emptyReads === emptyReadsAllowed) throw new NoProgressError();
    } catch (error) {
      throw new ReadError(error, total, all());
    }
    if (n === null) return used === chunk.length && full.length === 0 ? chunk : all();
    if (n > 0) emptyReads = 0;
    used += n;
    total += n;
    // One byte more than allowed is asked for: only so can the end be told from an excess.
    if (total > limit) throw new LimitExceededError(limit, all());
    if (used === chunk.length) {
      full.push(chunk);
      const next = Math.min(chunk.length * 2, largestChunk, limit + 1 - total);
      chunk = new Uint8Array(next);
      used = 0;
    }
  }
}
