import type { Seeker } from './positions.ts';
import type { Closer, Reader, Writer } from './streams.ts';

/**
 * Reads and writes.
 *
 * @example
 * ```ts
 * import { copy, type ReadWriter } from 'gopark/io';
 *
 * const echo = (rw: ReadWriter) => copy(rw, rw);
 * ```
 */
export interface ReadWriter extends Reader, Writer {}

/**
 * Reads and closes.
 *
 * @example
 * ```ts
 * import { type ReadCloser, readAll } from 'gopark/io';
 *
 * async function drain(r: ReadCloser): Promise<Uint8Array> {
 *   const all = await readAll(r);
 *   await r.close();
 *   return all;
 * }
 * ```
 */
export interface ReadCloser extends Reader, Closer {}

/**
 * Writes and closes.
 *
 * @example
 * ```ts
 * import { type WriteCloser, writeString } from 'gopark/io';
 *
 * async function last(w: WriteCloser): Promise<void> {
 *   await writeString(w, 'bye\n');
 *   await w.close();
 * }
 * ```
 */
export interface WriteCloser extends Writer, Closer {}

/**
 * Reads, writes and closes.
 *
 * @example
 * ```ts
 * import { copy, type ReadWriteCloser } from 'gopark/io';
 *
 * async function serve(conn: ReadWriteCloser): Promise<void> {
 *   await copy(conn, conn);
 *   await conn.close();
 * }
 * ```
 */
export interface ReadWriteCloser extends Reader, Writer, Closer {}

/**
 * Reads at a position that can be moved.
 *
 * @example
 * ```ts
 * import { type ReadSeeker, readAll } from 'gopark/io';
 *
 * async function again(r: ReadSeeker): Promise<Uint8Array> {
 *   await r.seek(0, 'start');
 *   return readAll(r);
 * }
 * ```
 */
export interface ReadSeeker extends Reader, Seeker {}

/**
 * Writes at a position that can be moved.
 *
 * @example
 * ```ts
 * import type { WriteSeeker } from 'gopark/io';
 *
 * const append = (w: WriteSeeker) => w.seek(0, 'end');
 * ```
 */
export interface WriteSeeker extends Writer, Seeker {}

/**
 * Reads and writes at a position that can be moved.
 *
 * @example
 * ```ts
 * import type { ReadWriteSeeker } from 'gopark/io';
 *
 * const length = (file: ReadWriteSeeker) => file.seek(0, 'end');
 * ```
 */
export interface ReadWriteSeeker extends Reader, Writer, Seeker {}

/**
 * Reads at a position that can be moved, and closes.
 *
 * @example
 * ```ts
 * import type { ReadSeekCloser } from 'gopark/io';
 *
 * async function measure(file: ReadSeekCloser): Promise<number> {
 *   const length = await file.seek(0, 'end');
 *   await file.close();
 *   return length;
 * }
 * ```
 */
export interface ReadSeekCloser extends Reader, Seeker, Closer {}
