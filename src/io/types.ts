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

/**
 * A source of single bytes. `readByte` resolves the byte (0 to 255), or `null` at the end. When it rejects, no byte
 * was consumed.
 *
 * @example
 * ```ts
 * import type { ByteReader } from 'gopark/io';
 *
 * async function varint(r: ByteReader): Promise<number> {
 *   let value = 0;
 *   for (let scale = 1; ; scale *= 128) {
 *     const byte = (await r.readByte()) ?? 0;
 *     value += (byte & 127) * scale;
 *     if (byte < 128) return value;
 *   }
 * }
 * ```
 */
export interface ByteReader {
  readByte(): Promise<number | null>;
}

/**
 * A `ByteReader` that can take its last step back: after `unreadByte` the next `readByte` gives the same byte again.
 *
 * @example
 * ```ts
 * import type { ByteScanner } from 'gopark/io';
 *
 * async function peekByte(r: ByteScanner): Promise<number | null> {
 *   const byte = await r.readByte();
 *   if (byte !== null) r.unreadByte();
 *   return byte;
 * }
 * ```
 */
export interface ByteScanner extends ByteReader {
  unreadByte(): void;
}

/**
 * A destination of single bytes.
 *
 * @example
 * ```ts
 * import type { ByteWriter } from 'gopark/io';
 *
 * async function newline(w: ByteWriter): Promise<void> {
 *   await w.writeByte(0x0a);
 * }
 * ```
 */
export interface ByteWriter {
  writeByte(byte: number): Promise<void>;
}

/**
 * One character read from UTF-8: its code point and how many bytes it took. A byte that belongs to no valid
 * character reads as U+FFFD with size 1.
 *
 * @example
 * ```ts
 * import type { Rune } from 'gopark/io';
 *
 * const euro: Rune = { codePoint: 0x20ac, size: 3 };
 * ```
 */
export interface Rune {
  readonly codePoint: number;
  readonly size: number;
}

/**
 * A source of UTF-8 characters. `readRune` resolves `null` at the end.
 *
 * @example
 * ```ts
 * import type { RuneReader } from 'gopark/io';
 *
 * async function firstCharacter(r: RuneReader): Promise<string> {
 *   const rune = await r.readRune();
 *   return rune === null ? '' : String.fromCodePoint(rune.codePoint);
 * }
 * ```
 */
export interface RuneReader {
  readRune(): Promise<Rune | null>;
}

/**
 * A `RuneReader` that can take its last `readRune` back, and only that.
 *
 * @example
 * ```ts
 * import type { RuneScanner } from 'gopark/io';
 *
 * async function skipSpaces(r: RuneScanner): Promise<void> {
 *   let rune = await r.readRune();
 *   while (rune?.codePoint === 0x20) rune = await r.readRune();
 *   if (rune !== null) r.unreadRune();
 * }
 * ```
 */
export interface RuneScanner extends RuneReader {
  unreadRune(): void;
}

/**
 * A writer that takes strings without an array in between. `writeString` encodes `s` as UTF-8 and resolves the
 * number of bytes; a lone surrogate becomes U+FFFD.
 *
 * @example
 * ```ts
 * import type { StringWriter } from 'gopark/io';
 *
 * async function greet(w: StringWriter): Promise<void> {
 *   await w.writeString('hello\n');
 * }
 * ```
 */
export interface StringWriter {
  writeString(s: string): Promise<number>;
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
