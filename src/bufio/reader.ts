import { checkBytes, checkCount, checkReader } from '../io/arguments.ts';
import type { WriterTo } from '../io/contracts/fast-paths.ts';
import type { NonblockingReader, Reader as Source, Writer } from '../io/contracts/streams.ts';
import type { ByteScanner, Rune, RuneScanner } from '../io/contracts/units.ts';
import { copy, copyMore } from '../io/copy.ts';
import { bytesWrittenOf, checkWriteCount } from '../io/counts.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { ConcurrentUseError, CopyError, LimitExceededError, ReadError } from '../io/errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { decodeText } from '../io/text.ts';
import { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
import { Intake } from './intake.ts';
import {
  carriageReturn,
  failed,
  failedTakingAll,
  join,
  lineLength,
  newline,
  readThrough,
  sliceNow,
  slicing,
  takeThrough,
} from './search.ts';

const defaultSize = 4096;
const smallestSize = 16;
const defaultLineLimit = 64 * 1024;

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
  readonly #in: Intake;

  /**
   * Reads from `source` through a buffer of `size` bytes (default 4096, at least 16). Where `source` already is a
   * buffered reader with a buffer as large, that one is returned.
   */
  constructor(source: Source, size: number = defaultSize) {
    checkReader(source, 'source');
    checkCount(size, 'size');
    const most = Math.max(size, smallestSize);
    this.#in = new Intake(source, most);
    // biome-ignore lint/correctness/noConstructorReturn: as in Go, a reader is not buffered twice
    if (source instanceof Reader && source.size >= most) return source;
  }

  /** The size of the buffer in bytes, whether it is held at the moment or not. */
  get size(): number {
    return this.#in.size;
  }

  /** How many bytes can be read without asking the source. */
  get buffered(): number {
    return this.#in.end - this.#in.start;
  }

  /** Drops what is buffered and reads from `source` from now on. To itself: no change. */
  reset(source: Source): void {
    checkReader(source, 'source');
    if (source === this) return;
    this.#in.checkFree();
    this.#in.reset(source);
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
    if (p.length >= this.#in.size) return this.#in.readDirect(p);
    return this.#in.wait<number | null>((ended) => this.#in.copyOut(p) ?? (ended ? null : undefined));
  }

  /** `read` without waiting: a count, `null` at the end, `undefined` when nothing is at hand. */
  tryRead(p: Uint8Array): number | null | undefined {
    const input = this.#in;
    checkBytes(p);
    input.checkFree();
    if (p.length === 0) return 0;
    if (input.start === input.end) {
      if (p.length >= input.size) return input.tryDirect(p);
      const more = input.tryFill();
      if (more !== true) return more === false ? null : undefined;
    }
    return input.copyOut(p);
  }

  /** Resolves when a read has something to give: bytes, the end or an error. Rejects with the source's error. */
  waitReadable(): Promise<void> {
    const input = this.#in;
    if (input.start < input.end || input.endSeen) return resolvedVoid;
    if (input.busy) return Promise.reject(new ConcurrentUseError('the buffered reader'));
    if (input.nonblocking !== null) return input.nonblocking.waitReadable();
    return input
      .wait((ended) => {
        input.endSeen = ended;
        return true;
      })
      .then(() => undefined);
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
    return this.#in.wait<Uint8Array | null>(
      (ended) => this.#in.view(n, ended),
      (error) => failed(error, this.#in.copyBuffered()),
    );
  }

  /** `peek` without waiting: `undefined` when fewer than `n` bytes are at hand and the stream goes on. */
  tryPeek(n: number): Uint8Array | null | undefined {
    checkCount(n, 'n');
    this.#in.checkFree();
    this.#in.forgetLast();
    try {
      return this.#in.now((ended) => this.#in.view(n, ended));
    } catch (error) {
      throw failed(error, this.#in.copyBuffered());
    }
  }

  /**
   * Skips `n` bytes and resolves how many: fewer only at the end of the stream. What is buffered is skipped without
   * a read. Rejects with `ReadError` when the source fails; `bytesRead` counts what was skipped.
   */
  discard(n: number): Promise<number> {
    const input = this.#in;
    try {
      checkCount(n, 'n');
      input.checkFree();
    } catch (error) {
      return Promise.reject(error);
    }
    if (n === 0) return resolvedCount(0);
    let left = n;
    const attempt = (ended: boolean): number | undefined => {
      const step = Math.min(left, input.end - input.start);
      input.start += step;
      left -= step;
      return left === 0 || ended ? n - left : undefined;
    };
    const failed = (error: unknown) => new ReadError(error, n - left);
    input.forgetLast();
    try {
      const now = input.now(attempt);
      if (now !== undefined) return resolvedCount(now);
    } catch (error) {
      return Promise.reject(failed(error));
    }
    return input.wait(attempt, failed);
  }

  /** The next byte, `null` at the end. Rejects with the source's error; then no byte was consumed. */
  readByte(): Promise<number | null> {
    const input = this.#in;
    try {
      input.checkFree();
      const byte = input.takeByte(false) ?? input.now((ended) => input.takeByte(ended));
      if (byte !== undefined) return byte === null ? resolvedNull : resolvedCount(byte);
    } catch (error) {
      return Promise.reject(error);
    }
    return input.wait<number | null>((ended) => input.takeByte(ended));
  }

  /**
   * Takes the last byte that any reading method gave back, once. Throws `InvalidUnreadByteError` where the last call
   * was `peek`, `discard`, `writeTo`, `unreadByte` or nothing.
   */
  unreadByte(): void {
    this.#in.checkFree();
    if (!this.#in.giveBackByte()) throw new InvalidUnreadByteError();
  }

  /** The next UTF-8 character, `null` at the end. A bad byte is U+FFFD of size 1. Rejects with the source's error. */
  readRune(): Promise<Rune | null> {
    try {
      this.#in.checkFree();
      const rune = this.#in.now((ended) => this.#in.takeRune(ended));
      if (rune !== undefined) return Promise.resolve(rune);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#in.wait<Rune | null>((ended) => this.#in.takeRune(ended));
  }

  /** Takes the last character back. Throws `InvalidUnreadRuneError` unless the last call was a `readRune`. */
  unreadRune(): void {
    this.#in.checkFree();
    if (!this.#in.giveBackRune()) throw new InvalidUnreadRuneError();
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
    return this.#in.wait<Uint8Array | null>(slicing(this.#in, byte), (error) =>
      failedTakingAll(this.#in, error),
    );
  }

  /** `readSlice` without waiting: `undefined` when the delimiter is not at hand and the stream goes on. */
  tryReadSlice(delimiter: Delimiter): Uint8Array | null | undefined {
    const input = this.#in;
    const byte = delimiterByte(delimiter);
    input.checkFree();
    try {
      return sliceNow(input, byte);
    } catch (error) {
      throw failedTakingAll(input, error);
    }
  }

  /**
   * The bytes up to and including `delimiter`, in an array of the caller's. At the end of the stream it is what is
   * left, without delimiter; then `null`. `limit` (default none) bounds its length: when it is reached before the
   * delimiter, `limit` bytes are consumed and it rejects with `LimitExceededError`. Rejects with `ReadError` when the
   * source fails. Both carry what was consumed in `partial`.
   */
  readBytes(delimiter: Delimiter, options?: { limit?: number }): Promise<Uint8Array | null> {
    const input = this.#in;
    if (options === undefined) {
      const start = input.start;
      const end = takeThrough(input, delimiter, Number.POSITIVE_INFINITY);
      if (end >= 0) return Promise.resolve(input.buffer.slice(start, end));
    }
    return readThrough(input, delimiter, options?.limit ?? Number.POSITIVE_INFINITY, (search, piece) =>
      join(search, piece),
    );
  }

  /** `readBytes` as text: UTF-8, bad bytes as U+FFFD. `limit` counts bytes, `partial` is bytes. */
  readString(delimiter: Delimiter, options?: { limit?: number }): Promise<string | null> {
    const input = this.#in;
    if (options === undefined) {
      const start = input.start;
      const end = takeThrough(input, delimiter, Number.POSITIVE_INFINITY);
      if (end >= 0) return Promise.resolve(decodeText(input.buffer, start, end));
    }
    return readThrough(input, delimiter, options?.limit ?? Number.POSITIVE_INFINITY, (search, piece) => {
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
    const input = this.#in;
    const limit = options?.limit ?? defaultLineLimit;
    const start = input.start;
    const end = takeThrough(input, newline, limit);
    if (end >= 0) {
      const isPair = end - 2 >= start && input.buffer[end - 2] === carriageReturn;
      return Promise.resolve(new Uint8Array(input.memory, start, end - start - (isPair ? 2 : 1)));
    }
    // The ending is not part of the line, and a lone \r may be one.
    return readThrough(input, newline, limit + 2, (search, piece) => {
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
    const input = this.#in;
    input.checkFree();
    input.forgetLast();
    const length = input.end - input.start;
    input.busy = true;
    try {
      // Never an empty write: on a packet socket it would be a message.
      if (length > 0) {
        try {
          checkWriteCount(await w.write(input.buffer.subarray(input.start, input.end)), length);
        } catch (error) {
          const written = bytesWrittenOf(error, length);
          input.start += written;
          throw new CopyError(error, written, 'write');
        }
        input.start = input.end;
      }
      input.release();
      return await copyMore(length, copy(w, input.source));
    } finally {
      input.busy = false;
    }
  }
}
