import { checkBytes, checkReader, checkWriter } from './arguments.ts';
import type { Reader, Writer } from './contracts/streams.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount } from './counts.ts';
import { ReadError } from './errors.ts';

/**
 * A reader that writes to `w` whatever is read through it. No buffer: a read settles when its write has. A write
 * that fails rejects the read with `ReadError`; `bytesRead` counts what `w` took of the bytes, which are in `p`.
 * Errors of `r` pass as they are. Go: `io.TeeReader`.
 *
 * @example
 * ```ts
 * import { Buffer, StringReader } from 'gopark/bytes';
 * import { readAll, teeReader } from 'gopark/io';
 *
 * const log = new Buffer();
 * await readAll(teeReader(new StringReader('request'), log));
 * console.log(log.toString());
 * ```
 */
export function teeReader(r: Reader, w: Writer): Reader {
  checkReader(r);
  checkWriter(w);
  return {
    async read(p: Uint8Array): Promise<number | null> {
      checkBytes(p);
      const n = await r.read(p);
      if (n === null || n === 0) return n;
      checkReadCount(n, p.length);
      try {
        checkWriteCount(await w.write(n === p.length ? p : p.subarray(0, n)), n);
      } catch (error) {
        throw new ReadError(error, bytesWrittenOf(error, n));
      }
      return n;
    },
  };
}
