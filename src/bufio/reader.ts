import { checkBytes, checkCount, checkLimit, checkReader } from '../io/arguments.ts';
import { giveBuffer, takeBuffer } from '../io/buffer-pool.ts';
import type { WriterTo } from '../io/contracts/fast-paths.ts';
import type { NonblockingReader, Reader as Source, Writer } from '../io/contracts/streams.ts';
import type { ByteScanner, Rune, RuneScanner } from '../io/contracts/units.ts';
import { copy, copyMore } from '../io/copy.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount, emptyReadsAllowed } from '../io/counts.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import {
  ConcurrentUseError,
  CopyError,
  LimitExceededError,
  NoProgressError,
  ReadError,
} from '../io/errors.ts';
import { asNonblocking } from '../io/nonblocking.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { decodeText, indexOfByte } from '../io/text.ts';
import { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
import { badByte, codePointOf, decodeRune, sizeOf } from '../io/utf8.ts';
import { BufferFullError } from './errors.ts';
import { carriageReturn, join, lineLength, newline, type Search } from './search.ts';

const defaultSize = 4096;
const smallestSize = 16;
const defaultLineLimit = 64 * 1024;

/** Stands for "no buffer". */
const none = new Uint8Array(0);

/**
 * A buffered reader. Go: `bufio.Reader`.
 *
 * It takes its buffer when bytes come and gives it back when a call has to wait with nothing buffered, provided the
 * source can be asked without waiting (see `NonblockingReader`; a `TCPConn` can): an idle connection holds none.
 * What is buffered is answered without the event loop. One call at a time: a second one rejects with
 * `ConcurrentUseError`. Arrays from `peek`, `readSlice`, `readLine` and their `try` forms are views of the buffer,
 * valid until the next call on this reader.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const reader = new Reader(new StringReader('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'));
 * const request = await reader.readString('\n');
 * for await (const header of reader.lines()) {
 *   if (header === '') break;
 *   console.log(request, header);
 * }
 * ```
 */
export class Reader implements NonblockingReader, ByteScanner, RuneScanner, WriterTo {
  #source: Source;
  #nonblocking: NonblockingReader | null;
  readonly #size: number;
  #buffer: Uint8Array<ArrayBuffer> = none;
  /** The memory of #buffer: asking an array for it costs as much as making a view. */
  #memory: ArrayBuffer = none.buffer;
  #start = 0;
  #end = 0;
  /** What unreadByte would give back, else -1. */
  #lastByte = -1;
  /** The size of what unreadRune would give back, else 0. */
  #lastRune = 0;
  #busy = false;
  /** waitReadable came upon the end of a plain source; the next call that asks is told. */
  #endSeen = false;

  /**
   * Reads from `source` through a buffer of `size` bytes (default 4096, at least 16). Where `source` already is a
   * buffered reader with a buffer as large, that one is returned.
   */
  constructor(source: Source, size: number = defaultSize) {
    checkReader(source, 'source');
    checkCount(size, 'size');
    this.#source = source;
    this.#nonblocking = asNonblocking(source);
    this.#size = Math.max(size, smallestSize);
    // biome-ignore lint/correctness/noConstructorReturn: as in Go, a reader is not buffered twice
    if (source instanceof Reader && source.size >= this.#size) return source;
  }

  /** The size of the buffer in bytes, whether it is held at the moment or not. */
  get size(): number {
    return this.#size;
  }

  /** How many bytes can be read without asking the source. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Drops what is buffered and reads from `source` from now on. To itself: no change. */
  reset(source: Source): void {
    checkReader(source, 'source');
    if (source === this) return;
    this.#checkFree();
    this.#start = this.#end;
    this.#release();
    this.#source = source;
    this.#nonblocking = asNonblocking(source);
    this.#endSeen = false;
    this.#lastByte = -1;
    this.#lastRune = 0;
  }

  /**
   * Reads into `p` by at most one read of the source, with `p` itself where nothing is buffered and `p` is as large
   * as the buffer. Rejects with the source's error.
   */
  read(p: Uint8Array): Promise<number | null> {
    try {
      const n = this.tryRead(p);
      if (n !== undefined) return n === null ? resolvedNull : resolvedCount(n);
    } catch (error) {
      return Promise.reject(error);
    }
    if (p.length >= this.#size) return this.#readDirect(p);
    return this.#wait<number | null>((ended) => this.#copyOut(p) ?? (ended ? null : undefined));
  }

  /** `read` without waiting: a count, `null` at the end, `undefined` when nothing is at hand. */
  tryRead(p: Uint8Array): number | null | undefined {
    checkBytes(p);
    this.#checkFree();
    if (p.length === 0) return 0;
    if (this.#start === this.#end) {
      if (p.length >= this.#size) return this.#tryDirect(p);
      const more = this.#tryFill();
      if (more !== true) return more === false ? null : undefined;
    }
    return this.#copyOut(p);
  }

  /** Resolves when a read has something to give: bytes, the end or an error. Rejects with the source's error. */
  waitReadable(): Promise<void> {
    if (this.#start < this.#end || this.#endSeen) return resolvedVoid;
    if (this.#busy) return Promise.reject(new ConcurrentUseError('the buffered reader'));
    if (this.#nonblocking !== null) return this.#nonblocking.waitReadable();
    return this.#wait((ended) => {
      this.#endSeen = ended;
      return true;
    }).then(() => undefined);
  }

  /**
   * A view of the next `n` bytes, which stay to be read. At the end of the stream the view is shorter; `null` when
   * it would be empty. Rejects with `BufferFullError` when `n` is larger than the buffer and that much came, with
   * `ReadError` when the source fails; `partial` then holds a copy of what is buffered. Nothing is consumed.
   */
  peek(n: number): Promise<Uint8Array | null> {
    try {
      const now = this.tryPeek(n);
      if (now !== undefined) return Promise.resolve(now);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait<Uint8Array | null>(
      (ended) => this.#view(n, ended),
      (error) => this.#failed(error, this.#copyBuffered()),
    );
  }

  /** `peek` without waiting: `undefined` when fewer than `n` bytes are at hand and the stream goes on. */
  tryPeek(n: number): Uint8Array | null | undefined {
    checkCount(n, 'n');
    this.#checkFree();
    this.#lastByte = -1;
    this.#lastRune = 0;
    try {
      return this.#now((ended) => this.#view(n, ended));
    } catch (error) {
      throw this.#failed(error, this.#copyBuffered());
    }
  }

  /**
   * Skips `n` bytes and resolves how many: fewer only at the end of the stream. What is buffered is skipped without
   * a read. Rejects with `ReadError` when the source fails; `bytesRead` counts what was skipped.
   */
  discard(n: number): Promise<number> {
    try {
      checkCount(n, 'n');
      this.#checkFree();
    } catch (error) {
      return Promise.reject(error);
    }
    if (n === 0) return resolvedCount(0);
    let left = n;
    const attempt = (ended: boolean): number | undefined => {
      const step = Math.min(left, this.#end - this.#start);
      this.#start += step;
      left -= step;
      return left === 0 || ended ? n - left : undefined;
    };
    this.#lastByte = -1;
    this.#lastRune = 0;
    if (attempt(false) !== undefined) return resolvedCount(n);
    return this.#wait(attempt, (error) => new ReadError(error, n - left));
  }

  /** The next byte, `null` at the end. Rejects with the source's error; then no byte was consumed. */
  readByte(): Promise<number | null> {
    try {
      this.#checkFree();
      const byte = this.#takeByte(false) ?? this.#now((ended) => this.#takeByte(ended));
      if (byte !== undefined) return byte === null ? resolvedNull : resolvedCount(byte);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait<number | null>((ended) => this.#takeByte(ended));
  }

  /**
   * Takes the last byte that any reading method gave back, once. Throws `InvalidUnreadByteError` where the last call
   * was `peek`, `discard`, `writeTo`, `unreadByte` or nothing.
   */
  unreadByte(): void {
    this.#checkFree();
    if (this.#lastByte < 0 || (this.#start === 0 && this.#end > 0)) throw new InvalidUnreadByteError();
    if (this.#start > 0) {
      this.#start--;
    } else {
      if (this.#buffer === none) this.#use(takeBuffer(this.#size));
      this.#end = 1;
    }
    this.#buffer[this.#start] = this.#lastByte;
    this.#lastByte = -1;
    this.#lastRune = 0;
  }

  /** The next UTF-8 character, `null` at the end. A bad byte is U+FFFD of size 1. Rejects with the source's error. */
  readRune(): Promise<Rune | null> {
    try {
      this.#checkFree();
      const rune = this.#now((ended) => this.#takeRune(ended));
      if (rune !== undefined) return Promise.resolve(rune);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait<Rune | null>((ended) => this.#takeRune(ended));
  }

  /** Takes the last character back. Throws `InvalidUnreadRuneError` unless the last call was a `readRune`. */
  unreadRune(): void {
    this.#checkFree();
    if (this.#lastRune === 0 || this.#start < this.#lastRune) throw new InvalidUnreadRuneError();
    this.#start -= this.#lastRune;
    this.#lastByte = -1;
    this.#lastRune = 0;
  }

  /**
   * A view of the bytes up to and including `delimiter`. At the end of the stream it is what is left, without
   * delimiter; then `null`. Rejects with `BufferFullError` when the buffer fills up before the delimiter came, with
   * `ReadError` when the source fails; what was buffered is then consumed and in `partial`.
   */
  readSlice(delimiter: Delimiter): Promise<Uint8Array | null> {
    let byte: number;
    try {
      byte = delimiterByte(delimiter);
      const now = this.tryReadSlice(byte);
      if (now !== undefined) return Promise.resolve(now);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait<Uint8Array | null>(this.#slicing(byte), (error) => this.#failedTakingAll(error));
  }

  /** `readSlice` without waiting: `undefined` when the delimiter is not at hand and the stream goes on. */
  tryReadSlice(delimiter: Delimiter): Uint8Array | null | undefined {
    const byte = delimiterByte(delimiter);
    this.#checkFree();
    const at = this.#find(byte, this.#start);
    if (at >= 0) return this.#take(at + 1);
    if (this.#nonblocking === null && this.#end - this.#start < this.#size) return undefined;
    try {
      return this.#now(this.#slicing(byte));
    } catch (error) {
      throw this.#failedTakingAll(error);
    }
  }

  /**
   * The bytes up to and including `delimiter`, in an array of the caller's. At the end of the stream it is what is
   * left, without delimiter; then `null`. `limit` (default none) bounds its length: when it is reached before the
   * delimiter, `limit` bytes are consumed and it rejects with `LimitExceededError`. Rejects with `ReadError` when the
   * source fails. Both carry what was consumed in `partial`.
   */
  readBytes(delimiter: Delimiter, options?: { limit?: number }): Promise<Uint8Array | null> {
    if (options === undefined) {
      const start = this.#start;
      const end = this.#takeThrough(delimiter, Number.POSITIVE_INFINITY);
      if (end >= 0) return Promise.resolve(this.#buffer.slice(start, end));
    }
    return this.#readThrough(delimiter, options?.limit ?? Number.POSITIVE_INFINITY, (search, piece) =>
      join(search, piece),
    );
  }

  /** `readBytes` as text: UTF-8, bad bytes as U+FFFD. `limit` counts bytes, `partial` is bytes. */
  readString(delimiter: Delimiter, options?: { limit?: number }): Promise<string | null> {
    if (options === undefined) {
      const start = this.#start;
      const end = this.#takeThrough(delimiter, Number.POSITIVE_INFINITY);
      if (end >= 0) return Promise.resolve(decodeText(this.#buffer, start, end));
    }
    return this.#readThrough(delimiter, options?.limit ?? Number.POSITIVE_INFINITY, (search, piece) => {
      const bytes = search.chunks.length === 0 ? piece : join(search, piece);
      return decodeText(bytes, 0, bytes.length);
    });
  }

  /**
   * The next line without its `\n` or `\r\n`; a view where it fits into the buffer. A last line without ending
   * counts; then `null`. `limit` (bytes, default 64 KiB) bounds it: a longer line rejects with `LimitExceededError`,
   * a failing source with `ReadError`; `partial` is what was consumed, line ending included.
   */
  readLine(options?: { limit?: number }): Promise<Uint8Array | null> {
    const limit = options?.limit ?? defaultLineLimit;
    const start = this.#start;
    const end = this.#takeThrough(newline, limit);
    if (end >= 0) {
      const isPair = end - 2 >= start && this.#buffer[end - 2] === carriageReturn;
      return Promise.resolve(new Uint8Array(this.#memory, start, end - start - (isPair ? 2 : 1)));
    }
    // The ending is not part of the line, and a lone \r may be one.
    return this.#readThrough(newline, limit + 2, (search, piece) => {
      const bytes = search.chunks.length === 0 ? piece : join(search, piece);
      const length = lineLength(bytes);
      if (length > limit) throw new LimitExceededError(limit, bytes.slice());
      return length === bytes.length ? bytes : bytes.subarray(0, length);
    });
  }

  /**
   * The lines that are left, as text without line endings, for `for await`. `limit` as in `readLine`. Leaving the
   * loop early leaves the rest to be read.
   */
  lines(options?: { limit?: number }): AsyncIterableIterator<string> {
    const toResult = (line: Uint8Array | null): IteratorResult<string> =>
      line === null
        ? { value: undefined, done: true }
        : { value: decodeText(line, 0, line.length), done: false };
    return {
      next: () => this.readLine(options).then(toResult),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Writes everything that is left to `w` and resolves how many bytes: first what is buffered, then the source by
   * its own fast path or that of `w` (see `copy`). Rejects with `CopyError`.
   */
  async writeTo(w: Writer): Promise<number> {
    this.#checkFree();
    this.#lastByte = -1;
    this.#lastRune = 0;
    const length = this.#end - this.#start;
    this.#busy = true;
    try {
      // Never an empty write: on a packet socket it would be a message.
      if (length > 0) {
        try {
          checkWriteCount(await w.write(this.#buffer.subarray(this.#start, this.#end)), length);
        } catch (error) {
          const written = bytesWrittenOf(error, length);
          this.#start += written;
          throw new CopyError(error, written, 'write');
        }
        this.#start = this.#end;
      }
      this.#release();
      return await copyMore(length, copy(w, this.#source));
    } finally {
      this.#busy = false;
    }
  }

  #checkFree(): void {
    if (this.#busy) throw new ConcurrentUseError('the buffered reader');
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#memory = buffer.buffer;
  }

  /** Gives an empty buffer back. */
  #release(): void {
    if (this.#start !== this.#end || this.#buffer === none) return;
    giveBuffer(this.#buffer);
    this.#use(none);
    this.#start = 0;
    this.#end = 0;
  }

  /** The free part of the buffer, with what is buffered moved to the front. */
  #room(): Uint8Array {
    if (this.#buffer === none) this.#use(takeBuffer(this.#size));
    if (this.#start > 0) {
      if (this.#start < this.#end) this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
  }

  /** Asks the source without waiting. true: bytes came; false: the end; undefined: not without waiting. */
  #tryFill(): boolean | undefined {
    const source = this.#nonblocking;
    if (this.#endSeen) {
      this.#endSeen = false;
      return false;
    }
    if (source === null) return undefined;
    for (let i = 0; i < emptyReadsAllowed; i++) {
      const room = this.#room();
      let n: number | null | undefined;
      try {
        n = source.tryRead(room);
      } catch (error) {
        this.#release();
        throw error;
      }
      if (typeof n !== 'number') {
        this.#release();
        return n === null ? false : undefined;
      }
      checkReadCount(n, room.length);
      this.#end += n;
      if (n > 0) return true;
    }
    throw new NoProgressError();
  }

  /** Answers by what is at hand; `attempt` gives undefined to ask for more bytes. */
  #now<T>(attempt: (ended: boolean) => T | undefined): T | undefined {
    for (;;) {
      const answer = attempt(false);
      if (answer !== undefined) return answer;
      const more = this.#tryFill();
      if (more === undefined) return undefined;
      if (!more) return attempt(true);
    }
  }

  /**
   * Answers after waiting: asks `attempt` again each time bytes came, and a last time at the end. The one place where
   * this reader waits, and one frame: what is parked here a hundred thousand times should be small.
   */
  async #wait<T>(
    attempt: (ended: boolean) => T | undefined,
    failed: (error: unknown) => unknown = (error) => error,
  ): Promise<T> {
    let emptyReads = 0;
    this.#busy = true;
    try {
      for (;;) {
        const source = this.#nonblocking;
        let more: boolean;
        if (source !== null) {
          const now = this.#tryFill();
          if (now === undefined) {
            await source.waitReadable();
            continue;
          }
          more = now;
        } else if (this.#endSeen) {
          this.#endSeen = false;
          more = false;
        } else {
          const room = this.#room();
          const n = await this.#source.read(room);
          if (n !== null) checkReadCount(n, room.length);
          if (n === 0) {
            if (++emptyReads === emptyReadsAllowed) throw new NoProgressError();
            continue;
          }
          emptyReads = 0;
          this.#end += n ?? 0;
          more = n !== null;
        }
        const answer = attempt(!more);
        if (answer !== undefined) return answer;
      }
    } catch (error) {
      const wrapped = failed(error);
      this.#release();
      throw wrapped;
    } finally {
      // An empty buffer is not given back here: the answer may be a view of it.
      this.#busy = false;
    }
  }

  #tryDirect(p: Uint8Array): number | null | undefined {
    if (this.#nonblocking === null) return this.#tryFill() === false ? null : undefined;
    const n = this.#nonblocking.tryRead(p);
    if (typeof n === 'number') this.#noteDirect(p, n);
    return n;
  }

  async #readDirect(p: Uint8Array): Promise<number | null> {
    this.#release();
    this.#busy = true;
    try {
      const n = await this.#source.read(p);
      if (n !== null) this.#noteDirect(p, n);
      return n;
    } finally {
      this.#busy = false;
    }
  }

  #noteDirect(p: Uint8Array, n: number): void {
    checkReadCount(n, p.length);
    if (n > 0) this.#lastByte = p[n - 1]!;
    this.#lastRune = 0;
  }

  #copyOut(p: Uint8Array): number | undefined {
    const n = Math.min(p.length, this.#end - this.#start);
    if (n === 0) return undefined;
    p.set(new Uint8Array(this.#memory, this.#start, n));
    this.#start += n;
    this.#lastByte = this.#buffer[this.#start - 1]!;
    this.#lastRune = 0;
    return n;
  }

  #takeByte(ended: boolean): number | null | undefined {
    if (this.#start === this.#end) return ended ? null : undefined;
    this.#lastByte = this.#buffer[this.#start++]!;
    this.#lastRune = 0;
    return this.#lastByte;
  }

  #takeRune(ended: boolean): Rune | null | undefined {
    if (this.#start === this.#end) {
      this.#lastRune = 0;
      return ended ? null : undefined;
    }
    let rune = decodeRune(this.#buffer, this.#start, this.#end);
    if (rune < 0) {
      if (!ended) return undefined;
      rune = badByte;
    }
    const size = sizeOf(rune);
    this.#start += size;
    this.#lastByte = this.#buffer[this.#start - 1]!;
    this.#lastRune = size;
    return { codePoint: codePointOf(rune), size };
  }

  /** The next `n` bytes for `peek`. */
  #view(n: number, ended: boolean): Uint8Array | null | undefined {
    const buffered = this.#end - this.#start;
    if (n <= buffered) return this.#buffer.subarray(this.#start, this.#start + n);
    if (ended) return buffered === 0 ? null : this.#buffer.subarray(this.#start, this.#end);
    if (buffered === this.#size) throw new BufferFullError(this.#copyBuffered());
    return undefined;
  }

  /** Where `byte` is among what is buffered from `from` on, else -1. */
  #find(byte: number, from: number): number {
    const end = this.#end;
    if (from >= end) return -1;
    const buffer = this.#buffer;
    // A sentinel behind the data: the search never runs on through what earlier reads left there.
    if (end < buffer.length) buffer[end] = byte;
    const at = indexOfByte(buffer, byte, from);
    return at < end ? at : -1;
  }

  /** Consumes up to `to`, which is beyond the start, and gives it as a view. */
  #take(to: number): Uint8Array {
    const start = this.#start;
    const buffer = this.#buffer;
    this.#start = to;
    this.#lastByte = buffer[to - 1]!;
    this.#lastRune = 0;
    return new Uint8Array(this.#memory, start, to - start);
  }

  /**
   * The short way: consumes up to and including a delimiter that is buffered and within `limit`, and gives the index
   * behind it. -1 for everything else, wrong arguments included: the long way deals with those.
   */
  #takeThrough(delimiter: Delimiter, limit: number): number {
    if (this.#busy) return -1;
    let byte: number;
    try {
      byte = delimiterByte(delimiter);
    } catch {
      return -1;
    }
    const at = this.#find(byte, this.#start);
    if (at < 0 || !(at + 1 - this.#start <= limit)) return -1;
    this.#start = at + 1;
    this.#lastByte = byte;
    this.#lastRune = 0;
    return at + 1;
  }

  #slicing(byte: number): (ended: boolean) => Uint8Array | null | undefined {
    let scanned = 0;
    return (ended) => {
      const at = this.#find(byte, this.#start + scanned);
      if (at >= 0) return this.#take(at + 1);
      scanned = this.#end - this.#start;
      if (ended) return scanned === 0 ? null : this.#take(this.#end);
      if (scanned === this.#size) throw new BufferFullError(this.#take(this.#end).slice());
      return undefined;
    };
  }

  #copyBuffered(): Uint8Array {
    return this.#buffer.slice(this.#start, this.#end);
  }

  /** Wraps the source's error, with `partial`; errors of this package and of arguments stay what they are. */
  #failed(error: unknown, partial: Uint8Array): unknown {
    if (error instanceof BufferFullError || error instanceof LimitExceededError) return error;
    return new ReadError(error, partial.length, partial);
  }

  /** The same, and what is buffered is consumed: it travels in `partial`. */
  #failedTakingAll(error: unknown): unknown {
    const rest = this.#copyBuffered();
    this.#start = this.#end;
    return this.#failed(error, rest);
  }

  /** The common part of readBytes, readString and readLine: `finish` gets what was found. */
  #readThrough<T>(
    delimiter: Delimiter,
    limit: number,
    finish: (search: Search, piece: Uint8Array) => T,
  ): Promise<T | null> {
    const search: Search = { chunks: [], taken: 0, scanned: 0 };
    const failed = (error: unknown) => {
      if (error instanceof LimitExceededError) return error;
      const rest = this.#start === this.#end ? none : this.#take(this.#end);
      const partial = join(search, rest);
      return new ReadError(error, partial.length, partial);
    };
    let attempt: (ended: boolean) => T | null | undefined;
    try {
      checkLimit(limit);
      const byte = delimiterByte(delimiter);
      this.#checkFree();
      attempt = (ended) => {
        const piece = this.#searchOn(search, byte, limit, ended);
        return piece === null || piece === undefined ? piece : finish(search, piece);
      };
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      const now = this.#now(attempt);
      if (now !== undefined) return Promise.resolve(now);
    } catch (error) {
      return Promise.reject(failed(error));
    }
    return this.#wait<T | null>(attempt, failed);
  }

  /** One step of a search: the last piece when it is over, null when the stream ended before it, else undefined. */
  #searchOn(search: Search, byte: number, limit: number, ended: boolean): Uint8Array | null | undefined {
    const at = this.#find(byte, this.#start + search.scanned);
    const length = (at < 0 ? this.#end : at + 1) - this.#start;
    if (search.taken + length > limit) {
      const allowed = limit - search.taken;
      const partial = join(search, allowed === 0 ? none : this.#take(this.#start + allowed));
      throw new LimitExceededError(limit, partial);
    }
    if (at >= 0) return this.#take(at + 1);
    if (ended) {
      if (length > 0) return this.#take(this.#end);
      return search.taken === 0 ? null : none;
    }
    search.scanned = length;
    if (length === this.#size) {
      search.chunks.push(this.#take(this.#end).slice());
      search.taken += length;
      search.scanned = 0;
    }
    return undefined;
  }
}
