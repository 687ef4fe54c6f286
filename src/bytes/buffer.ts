import {
  ArgumentRangeError,
  ArgumentTypeError,
  checkByte,
  checkBytes,
  checkCount,
  checkReader,
  checkString,
  checkWriter,
} from '../io/arguments.ts';
import type { ReaderFrom, WriterTo } from '../io/contracts/fast-paths.ts';
import type { NonblockingReader, Reader, Writer } from '../io/contracts/streams.ts';
import type { ByteScanner, ByteWriter, Rune, RuneScanner, StringWriter } from '../io/contracts/units.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount, emptyReadsAllowed } from '../io/counts.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { ConcurrentUseError, CopyError, NoProgressError } from '../io/errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { decodeText, encodeText, indexOfByte } from '../io/text.ts';
import { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
import { badByte, codePointOf, decodeRune, encodeRune, sizeOf } from '../io/utf8.ts';
import { BufferTooLargeError } from './errors.ts';

const smallest = 64;
/** The least free space that readFrom offers its source. */
const leastRead = 512;

/**
 * Bytes in memory: what is written at the end is read from the front. Go: `bytes.Buffer`.
 *
 * Reads give `null` when it is empty, and bytes again after the next write. Nothing waits, save `readFrom` and
 * `writeTo` for the other side; during those every other call that reads or writes rejects or throws
 * `ConcurrentUseError`. Arrays from `bytes`, `next` and `peek` are views, valid until the next call that reads or
 * writes.
 *
 * @example
 * ```ts
 * import { Buffer } from 'gopark/bytes';
 *
 * const page = new Buffer('hello');
 * await page.writeString(', world');
 * page.append('!\n');
 * console.log(page.length, page.toString());
 * ```
 */
export class Buffer
  implements
    NonblockingReader,
    Writer,
    ByteScanner,
    ByteWriter,
    RuneScanner,
    StringWriter,
    ReaderFrom,
    WriterTo
{
  #data: Uint8Array;
  #start = 0;
  #end: number;
  /** What the last call read: 0 nothing, -1 bytes, else the size of a rune. */
  #lastRead = 0;
  #busy = false;

  /** Starts with `init` as content: an array, which it takes over and the caller must not use any more, or text. */
  constructor(init?: Uint8Array | string) {
    if (init === undefined) {
      this.#data = new Uint8Array(0);
    } else if (typeof init === 'string') {
      this.#data = encodeText(init);
    } else {
      checkBytes(init, 'init');
      this.#data = init;
    }
    this.#end = this.#data.length;
  }

  /** How many bytes are there to be read. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** How many bytes the memory held has room for, the read ones included. */
  get capacity(): number {
    return this.#data.length;
  }

  /** How many bytes can be written without the memory growing or moving. */
  get available(): number {
    return this.#data.length - this.#end;
  }

  /** A view of everything there is to be read. */
  bytes(): Uint8Array {
    return this.#data.subarray(this.#start, this.#end);
  }

  /** The content as text: UTF-8, bad bytes as U+FFFD. Reads nothing. */
  toString(): string {
    return decodeText(this.#data, this.#start, this.#end);
  }

  /** Drops the content, keeps the memory. */
  reset(): void {
    this.#checkFree();
    this.#start = 0;
    this.#end = 0;
    this.#lastRead = 0;
  }

  /** Keeps the first `n` bytes to be read and drops the rest. Throws `ArgumentRangeError` beyond the length. */
  truncate(n: number): void {
    checkCount(n, 'n');
    this.#checkFree();
    if (n === 0) {
      this.reset();
      return;
    }
    if (n > this.length) throw new ArgumentRangeError('n', `at most the length ${this.length}`, n);
    this.#lastRead = 0;
    this.#end = this.#start + n;
  }

  /** Makes room for `n` more bytes. Throws `BufferTooLargeError`. */
  grow(n: number): void {
    checkCount(n, 'n');
    this.#checkFree();
    // The bytes may move to the front, and what was read before them is gone.
    this.#lastRead = 0;
    this.#makeRoom(n);
  }

  /** A view of the free memory, to be filled from its front and then written: `write(space.subarray(0, n))`. */
  availableBuffer(): Uint8Array {
    this.#checkFree();
    return this.#data.subarray(this.#end);
  }

  /** Writes without a promise; bytes or text. Returns this buffer. */
  append(data: Uint8Array | string): this {
    if (typeof data === 'string') {
      this.#append(encodeText(data));
      return this;
    }
    if (data === undefined) throw new ArgumentTypeError('data', 'a Uint8Array or a string', data);
    checkBytes(data, 'data');
    this.#append(data);
    return this;
  }

  /** Takes a copy of `p` and resolves `p.length`. */
  write(p: Uint8Array): Promise<number> {
    try {
      checkBytes(p);
      this.#append(p);
      return resolvedCount(p.length);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes `s` as UTF-8 and resolves the number of bytes. */
  writeString(s: string): Promise<number> {
    try {
      checkString(s);
      const bytes = encodeText(s);
      this.#append(bytes);
      return resolvedCount(bytes.length);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes one byte, 0 to 255. */
  writeByte(byte: number): Promise<void> {
    try {
      checkByte(byte);
      this.#checkFree();
      this.#makeRoom(1);
      this.#lastRead = 0;
      this.#data[this.#end++] = byte;
      return resolvedVoid;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes one code point as UTF-8 and resolves its size; what is no character becomes U+FFFD. */
  writeRune(codePoint: number): Promise<number> {
    try {
      const bytes = encodeRune(codePoint);
      this.#append(new Uint8Array(bytes));
      return resolvedCount(bytes.length);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Reads into `p`. `null` when the buffer is empty, but 0 for an empty `p`. */
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
    this.#checkFree();
    this.#lastRead = 0;
    if (this.#isEmpty()) return p.length === 0 ? 0 : null;
    const n = Math.min(p.length, this.length);
    p.set(this.#data.subarray(this.#start, this.#start + n));
    this.#start += n;
    if (n > 0) this.#lastRead = -1;
    return n;
  }

  /** Resolves at once: a buffer never has to be waited for. */
  waitReadable(): Promise<void> {
    return resolvedVoid;
  }

  /** Reads up to `n` bytes, as a view. */
  next(n: number): Uint8Array {
    const view = this.peek(n);
    this.#lastRead = view.length > 0 ? -1 : 0;
    this.#start += view.length;
    return view;
  }

  /** A view of the next `n` bytes, fewer where fewer are there; they stay to be read. */
  peek(n: number): Uint8Array {
    checkCount(n, 'n');
    this.#checkFree();
    return this.#data.subarray(this.#start, this.#start + Math.min(n, this.length));
  }

  /** The next byte, `null` when the buffer is empty. */
  readByte(): Promise<number | null> {
    try {
      this.#checkFree();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#lastRead = 0;
    if (this.#isEmpty()) return resolvedNull;
    this.#lastRead = -1;
    return resolvedCount(this.#data[this.#start++]!);
  }

  /** Takes back the last byte read. Throws `InvalidUnreadByteError` unless the last call read at least one. */
  unreadByte(): void {
    this.#checkFree();
    if (this.#lastRead === 0) throw new InvalidUnreadByteError();
    this.#lastRead = 0;
    this.#start--;
  }

  /** The next UTF-8 character, `null` when the buffer is empty. A bad byte is U+FFFD of size 1. */
  readRune(): Promise<Rune | null> {
    try {
      this.#checkFree();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#lastRead = 0;
    if (this.#isEmpty()) return resolvedNull;
    let rune = decodeRune(this.#data, this.#start, this.#end);
    if (rune < 0) rune = badByte;
    const size = sizeOf(rune);
    this.#start += size;
    this.#lastRead = size;
    return Promise.resolve({ codePoint: codePointOf(rune), size });
  }

  /** Takes the last character back. Throws `InvalidUnreadRuneError` unless the last call was a `readRune`. */
  unreadRune(): void {
    this.#checkFree();
    if (this.#lastRead <= 0) throw new InvalidUnreadRuneError();
    this.#start -= this.#lastRead;
    this.#lastRead = 0;
  }

  /**
   * A copy of the bytes up to and including `delimiter`; without one in the buffer, of all that is left; `null` when
   * it is empty.
   */
  readBytes(delimiter: Delimiter): Promise<Uint8Array | null> {
    try {
      const view = this.#through(delimiter);
      return view === null ? resolvedNull : Promise.resolve(view.slice());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** `readBytes` as text. */
  readString(delimiter: Delimiter): Promise<string | null> {
    try {
      const view = this.#through(delimiter);
      return view === null ? resolvedNull : Promise.resolve(decodeText(view, 0, view.length));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Appends everything from `r` until its end and resolves how many bytes came. Rejects with `CopyError`. */
  async readFrom(r: Reader): Promise<number> {
    checkReader(r);
    this.#checkFree();
    this.#lastRead = 0;
    this.#busy = true;
    let total = 0;
    let emptyReads = 0;
    try {
      for (;;) {
        this.#makeRoom(leastRead);
        const space = this.#data.subarray(this.#end);
        const n = await r.read(space);
        if (n === null) return total;
        checkReadCount(n, space.length);
        if (n === 0 && ++emptyReads === emptyReadsAllowed) throw new NoProgressError();
        if (n > 0) emptyReads = 0;
        this.#end += n;
        total += n;
      }
    } catch (error) {
      throw new CopyError(error, total, 'read');
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Writes the content to `w` with one write (none when it is empty) and resolves how many bytes. Rejects with
   * `CopyError`; what `w` did not take stays.
   */
  async writeTo(w: Writer): Promise<number> {
    checkWriter(w);
    this.#checkFree();
    this.#lastRead = 0;
    const length = this.length;
    if (length === 0) return 0;
    this.#busy = true;
    try {
      checkWriteCount(await w.write(this.bytes()), length);
    } catch (error) {
      const written = bytesWrittenOf(error, length);
      this.#start += written;
      throw new CopyError(error, written, 'write');
    } finally {
      this.#busy = false;
    }
    this.reset();
    return length;
  }

  #checkFree(): void {
    if (this.#busy) throw new ConcurrentUseError('the buffer');
  }

  /** Whether nothing is left; the memory is then used from its front again. */
  #isEmpty(): boolean {
    if (this.#start < this.#end) return false;
    this.#start = 0;
    this.#end = 0;
    return true;
  }

  #append(data: Uint8Array): void {
    this.#checkFree();
    this.#makeRoom(data.length);
    this.#lastRead = 0;
    this.#data.set(data, this.#end);
    this.#end += data.length;
  }

  /** Makes room for `n` bytes behind the content: by moving it to the front where that is worth it, else by growing. */
  #makeRoom(n: number): void {
    if (n <= this.#data.length - this.#end) return;
    this.#isEmpty();
    if (n <= this.#data.length - this.#end) return;
    const length = this.length;
    let target = this.#data;
    if (length + n > this.#data.length / 2) {
      const size = Math.max(smallest, length + n, Math.min(this.#data.length * 2, length + n + 2 ** 28));
      try {
        target = new Uint8Array(size);
      } catch (error) {
        throw new BufferTooLargeError(size, error);
      }
    }
    // Within one array this moves the bytes as memmove does.
    target.set(this.#data.subarray(this.#start, this.#end));
    this.#data = target;
    this.#start = 0;
    this.#end = length;
  }

  #through(delimiter: Delimiter): Uint8Array | null {
    const byte = delimiterByte(delimiter);
    this.#checkFree();
    this.#lastRead = 0;
    if (this.#isEmpty()) return null;
    const at = indexOfByte(this.#data, byte, this.#start);
    const end = at < 0 || at >= this.#end ? this.#end : at + 1;
    const view = this.#data.subarray(this.#start, end);
    this.#start = end;
    this.#lastRead = -1;
    return view;
  }
}
