import type { Reader, Writer } from './streams.ts';

/**
 * The fast path of `copy`'s destination: reads `r` until its end and resolves how many bytes came.
 *
 * @example
 * ```ts
 * import { discard, type ReaderFrom } from 'gopark/io';
 *
 * const sink: ReaderFrom = discard;
 * ```
 */
export interface ReaderFrom {
  readFrom(r: Reader): Promise<number>;
}

/**
 * The fast path of `copy`'s source: writes everything that is left to `w` and resolves how many bytes went.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bytes';
 * import type { WriterTo } from 'gopark/io';
 *
 * const source: WriterTo = new Reader(new Uint8Array(10));
 * ```
 */
export interface WriterTo {
  writeTo(w: Writer): Promise<number>;
}
