import { ArgumentRangeError, checkBytes, checkInteger, checkString, checkWriter } from '../io/arguments.ts';
import type { WriterTo } from '../io/contracts/fast-paths.ts';
import type { ReaderAt, Seeker, Whence } from '../io/contracts/positions.ts';
import type { NonblockingReader, Writer } from '../io/contracts/streams.ts';
import type { ByteScanner, Rune, RuneScanner } from '../io/contracts/units.ts';
import { bytesWrittenOf, checkWriteCount } from '../io/counts.ts';
import { CopyError } from '../io/errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { seekTarget } from '../io/seek.ts';
import { encodeText } from '../io/text.ts';
import { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
import { badByte, codePointOf, decodeRune, sizeOf } from '../io/utf8.ts';

/**
 * Reads an array: from a position on, or anywhere with `readAt`. The array is neither copied nor changed.
 * Go: `bytes.Reader`. At its end `read` gives `null`, also for an empty `p`.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bytes';
 *
 * const reader = new Reader(new Uint8Array([1, 2, 3]));
 * await reader.seek(-1, 'end');
 * console.log(await reader.readByte()); // 3
 * ```
 */
export class Reader implements NonblockingReader, ReaderAt, ByteScanner, RuneScanner, Seeker, WriterTo {
  #data: Uint8Array;
  #at = 0;
  /** Where the rune began that unreadRune would give back, else -1. */
  #runeAt = -1;

  /** Reads `data`, nothing by default. */
  constructor(data: Uint8Array = new Uint8Array(0)) {
    checkBytes(data, 'data');
    this.#data = data;
  }

  /** How many bytes are left. */
  get length(): number {
    return Math.max(0, this.#data.length - this.#at);
  }

  /** How many bytes there are in all, wherever the position is. */
  get size(): number {
    return this.#data.length;
  }

  /** Reads `data` from its start from now on. */
  reset(data: Uint8Array): void {
    checkBytes(data, 'data');
    this.#data = data;
    this.#at = 0;
    this.#runeAt = -1;
  }

  /** Reads into `p` from the position on and moves it; `null` at the end. */
  read(p: Uint8Array): Promise<number | null> {
    try {
      const n = this.tryRead(p);
      return n === null ? resolvedNull : resolvedCount(n);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** `read` without a promise. */
  tryRead(p: Uint8Array): number | null {
    checkBytes(p);
    this.#runeAt = -1;
    const n = copyFrom(this.#data, this.#at, p);
    if (n !== null) this.#at += n;
    return n;
  }

  /** Resolves at once: memory never has to be waited for. */
  waitReadable(): Promise<void> {
    return resolvedVoid;
  }

  /** Reads at `offset`, which must not be negative; `null` at or beyond the end. The position stays. */
  readAt(p: Uint8Array, offset: number): Promise<number | null> {
    try {
      checkBytes(p);
      checkInteger(offset, 'offset');
      if (offset < 0) throw new ArgumentRangeError('offset', 'a whole number of at least 0', offset);
      const n = copyFrom(this.#data, offset, p);
      return n === null ? resolvedNull : resolvedCount(n);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next byte, `null` at the end. */
  readByte(): Promise<number | null> {
    this.#runeAt = -1;
    if (this.#at >= this.#data.length) return resolvedNull;
    return resolvedCount(this.#data[this.#at++]!);
  }

  /** Steps back by one byte, whatever came before. Throws `InvalidUnreadByteError` at the start. */
  unreadByte(): void {
    if (this.#at <= 0) throw new InvalidUnreadByteError();
    this.#runeAt = -1;
    this.#at--;
  }

  /** The next UTF-8 character, `null` at the end. A bad byte is U+FFFD of size 1. */
  readRune(): Promise<Rune | null> {
    this.#runeAt = -1;
    if (this.#at >= this.#data.length) return resolvedNull;
    let rune = decodeRune(this.#data, this.#at, this.#data.length);
    if (rune < 0) rune = badByte;
    const size = sizeOf(rune);
    this.#runeAt = this.#at;
    this.#at += size;
    return Promise.resolve({ codePoint: codePointOf(rune), size });
  }

  /** Takes the last character back. Throws `InvalidUnreadRuneError` unless the last call was a `readRune`. */
  unreadRune(): void {
    if (this.#runeAt < 0) throw new InvalidUnreadRuneError();
    this.#at = this.#runeAt;
    this.#runeAt = -1;
  }

  /** Moves the position. Before the start: rejects with `ArgumentRangeError`; beyond the end: reads give `null`. */
  seek(offset: number, whence: Whence): Promise<number> {
    try {
      this.#at = seekTarget(offset, whence, this.#at, this.#data.length);
      this.#runeAt = -1;
      return resolvedCount(this.#at);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes what is left with one write (none at the end) and resolves how many bytes. Rejects with `CopyError`. */
  async writeTo(w: Writer): Promise<number> {
    checkWriter(w);
    this.#runeAt = -1;
    const rest = this.#data.subarray(this.#at);
    if (rest.length === 0) return 0;
    try {
      checkWriteCount(await w.write(rest), rest.length);
    } catch (error) {
      const written = bytesWrittenOf(error, rest.length);
      this.#at += written;
      throw new CopyError(error, written, 'write');
    }
    this.#at += rest.length;
    return rest.length;
  }
}

/** Copies what is at `offset` into `p`; null at or beyond the end. */
function copyFrom(data: Uint8Array, offset: number, p: Uint8Array): number | null {
  if (offset >= data.length) return null;
  const n = Math.min(p.length, data.length - offset);
  p.set(data.subarray(offset, offset + n));
  return n;
}

/**
 * Reads a string as UTF-8; sizes and offsets count bytes. Go: `strings.Reader`. The text is encoded at once.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { copy, discard } from 'gopark/io';
 *
 * const n = await copy(discard, new StringReader('grüezi'));
 * console.log(n); // 7
 * ```
 */
export class StringReader extends Reader {
  /** Reads `s`, nothing by default. */
  constructor(s = '') {
    checkString(s);
    super(encodeText(s));
  }

  /** Reads `data`, text or bytes, from its start from now on. */
  override reset(data: Uint8Array | string): void {
    super.reset(typeof data === 'string' ? encodeText(data) : data);
  }
}
