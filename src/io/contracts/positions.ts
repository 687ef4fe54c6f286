/**
 * Where a `seek` counts from: the start, the current position or the end.
 *
 * @example
 * ```ts
 * import type { Whence } from 'gopark/io';
 *
 * const fromTheEnd: Whence = 'end';
 * ```
 */
export type Whence = 'start' | 'current' | 'end';

/**
 * Something with a position. `seek` moves it by `offset` bytes counted from `whence` and resolves the new position
 * from the start. A position before the start is an error; one beyond the end is allowed, reads there give `null`.
 *
 * @example
 * ```ts
 * import type { Seeker } from 'gopark/io';
 *
 * async function rewind(source: Seeker): Promise<void> {
 *   await source.seek(0, 'start');
 * }
 * ```
 */
export interface Seeker {
  seek(offset: number, whence: Whence): Promise<number>;
}

/**
 * A source with addressable bytes. `readAt` waits until all of `p` is filled and resolves fewer bytes only at the
 * end of the source; `null` when `offset` is at or beyond the end. It neither uses nor moves a position, so any
 * number of calls may run at once.
 *
 * @example
 * ```ts
 * import type { ReaderAt } from 'gopark/io';
 *
 * async function magic(file: ReaderAt): Promise<Uint8Array> {
 *   const p = new Uint8Array(4);
 *   await file.readAt(p, 0);
 *   return p;
 * }
 * ```
 */
export interface ReaderAt {
  readAt(p: Uint8Array, offset: number): Promise<number | null>;
}

/**
 * A destination with addressable bytes. `writeAt` resolves `p.length`, else it rejects with an error that carries
 * `bytesWritten`. It neither uses nor moves a position; calls on ranges that do not overlap may run at once.
 *
 * @example
 * ```ts
 * import type { WriterAt } from 'gopark/io';
 *
 * async function stamp(file: WriterAt): Promise<void> {
 *   await file.writeAt(new Uint8Array([0x7f, 0x45]), 0);
 * }
 * ```
 */
export interface WriterAt {
  writeAt(p: Uint8Array, offset: number): Promise<number>;
}
