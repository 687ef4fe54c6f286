import { checkBytes, checkInteger, checkReader } from './arguments.ts';
import type { NonblockingReader, Reader } from './contracts/streams.ts';
import { asNonblocking } from './nonblocking.ts';
import { resolvedNull } from './resolved.ts';

/**
 * The first bytes of another reader: what `limitReader` gives. Fast paths may look through it to `source`, move at
 * most `remaining` bytes by other means and then lower `remaining` by what they moved. One read at a time.
 * Go: `io.LimitedReader`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { LimitedReader, readAll } from 'gopark/io';
 *
 * const head = new LimitedReader(new StringReader('0123456789'), 4);
 * await readAll(head);
 * console.log(head.remaining); // 0
 * ```
 */
export class LimitedReader implements Reader {
  /** Where the bytes come from. */
  readonly source: Reader;
  /** How many bytes may still be read; 0 or less is the end. */
  remaining: number;

  constructor(source: Reader, n: number) {
    checkReader(source, 'source');
    checkInteger(n, 'n');
    this.source = source;
    this.remaining = n;
  }

  /** Reads from the source, `remaining` bytes at most; `null` without touching the source when none remain. */
  read(p: Uint8Array): Promise<number | null> {
    if (this.remaining <= 0) return resolvedNull;
    return this.#read(p);
  }

  async #read(p: Uint8Array): Promise<number | null> {
    checkBytes(p);
    const n = await this.source.read(p.length > this.remaining ? p.subarray(0, this.remaining) : p);
    if (n !== null) this.remaining -= n;
    return n;
  }
}

/** The same over a source that can be asked without waiting, which so stays possible. */
class NonblockingLimitedReader extends LimitedReader implements NonblockingReader {
  tryRead(p: Uint8Array): number | null | undefined {
    if (this.remaining <= 0) return null;
    checkBytes(p);
    const source = this.source as NonblockingReader;
    const n = source.tryRead(p.length > this.remaining ? p.subarray(0, this.remaining) : p);
    if (typeof n === 'number') this.remaining -= n;
    return n;
  }

  waitReadable(): Promise<void> {
    return this.remaining <= 0 ? Promise.resolve() : (this.source as NonblockingReader).waitReadable();
  }
}

/**
 * A reader of at most `n` bytes of `r`, then `null`. Reads nothing of `r` beyond them; `n` of 0 or less is the end
 * at once. Go: `io.LimitReader`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { limitReader, readAll } from 'gopark/io';
 *
 * const body = await readAll(limitReader(new StringReader('0123456789'), 4));
 * console.log(body.length); // 4
 * ```
 */
export function limitReader(r: Reader, n: number): LimitedReader {
  checkReader(r);
  return asNonblocking(r) === null ? new LimitedReader(r, n) : new NonblockingLimitedReader(r, n);
}
