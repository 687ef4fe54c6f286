import {
  ArgumentRangeError,
  ArgumentTypeError,
  checkBytes,
  checkCount,
  checkReader,
} from '../io/arguments.ts';
import { giveBuffer, takeBuffer } from '../io/buffer-pool.ts';
import type { NonblockingReader, Reader } from '../io/contracts/streams.ts';
import { checkReadCount, emptyReadsAllowed } from '../io/counts.ts';
import { ConcurrentUseError, NoProgressError } from '../io/errors.ts';
import { asNonblocking } from '../io/nonblocking.ts';
import { resolvedFalse, resolvedTrue } from '../io/resolved.ts';
import { decodeText, indexOfByte } from '../io/text.ts';
import { AdvanceTooFarError, NegativeAdvanceError, ScanStartedError, TokenTooLongError } from './errors.ts';
import {
  defaults,
  firstSize,
  maxScanTokenSize,
  type ScannerOptions,
  type Settings,
} from './scanner-options.ts';
import { carriageReturn, newline } from './search.ts';
import { finalToken, type SplitFunction, scanLines } from './split.ts';
import { TextIterator, ViewIterator } from './token-iterators.ts';

/** Stands for "no buffer". */
const none = new Uint8Array(0);

// States of a scanner, kept as bits of one number: a scanner per connection should be small.
const started = 1;
/** A scan is waiting for the source. */
const busy = 2;
/** The source has ended or failed; what is buffered is all there is. */
const ended = 4;
const finished = 8;
/** The next token is the rest of one that was too long. */
const dropping = 16;
/** The current token was cut at the limit. */
const cut = 32;
/** Whoever is none of these can take the short way to the next line. */
const special = busy | finished | dropping | cut;

/**
 * Reads a stream token by token, lines by default. Go: `bufio.Scanner`.
 *
 * Bounded: no token is larger than 64 KiB unless `buffer` or an option says so. A source that fails is reported
 * after the tokens that came before; what was left of the data is offered to the split function as at the end.
 * While it waits with nothing buffered it holds no buffer, provided the source can be asked without waiting (see
 * `NonblockingReader`; a `TCPConn` can). One scan at a time: a second one rejects with `ConcurrentUseError`.
 *
 * @example
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('one\ntwo\n'));
 * for await (const line of scanner) console.log(line);
 * ```
 *
 * @example
 * The same without a promise per line: all that is at hand first, then one wait.
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('one\ntwo\n'));
 * while (scanner.tryScan() ?? (await scanner.scan())) console.log(scanner.text());
 * ```
 */
export class Scanner implements AsyncIterable<string> {
  readonly #source: Reader;
  readonly #nonblocking: NonblockingReader | null;
  #split: SplitFunction = scanLines;
  #settings: Settings = defaults;
  #buffer: Uint8Array = none;
  /** The memory of #buffer, kept because asking an array for it costs as much as making a view; null: ask. */
  #memory: ArrayBuffer | null = none.buffer;
  #start = 0;
  #end = 0;
  #tokenStart = 0;
  #tokenEnd = 0;
  /** The token where a split function made it; lines are kept as the two numbers above. */
  #token: Uint8Array | null = null;
  #state = 0;
  /** How many bytes behind #start hold no newline. */
  #scanned = 0;
  #emptyTokens = 0;
  /** What the scan ends with; undefined for the end of the stream. Wrapped, as anything can be thrown. */
  #failure: { error: unknown } | undefined = undefined;

  /** Reads tokens from `source`. */
  constructor(source: Reader, options?: ScannerOptions) {
    checkReader(source, 'source');
    this.#source = source;
    this.#nonblocking = asNonblocking(source);
    if (options === undefined) return;
    const { maxTokenSize = maxScanTokenSize, onTooLong = 'error' } = options;
    checkCount(maxTokenSize, 'maxTokenSize', 1);
    if (onTooLong !== 'error' && onTooLong !== 'truncate' && onTooLong !== 'skip') {
      throw new ArgumentRangeError('onTooLong', "'error', 'truncate' or 'skip'", onTooLong);
    }
    this.#settings = { ...defaults, max: maxTokenSize, onTooLong };
  }

  /** Sets the split function (default `scanLines`). Throws `ScanStartedError` once a scan was begun. */
  split(fn: SplitFunction): this {
    if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a split function', fn);
    if (this.#state !== 0) throw new ScanStartedError('split');
    this.#split = fn;
    return this;
  }

  /**
   * Sets the buffer to begin with, a size in bytes or an array of the caller's, and the largest token (bytes,
   * delimiter included). The buffer doubles from `initial` to `max`; an `initial` larger than `max` raises `max`.
   * Throws `ScanStartedError` once a scan was begun.
   */
  buffer(initial: number | Uint8Array, max: number): this {
    if (typeof initial === 'number') checkCount(initial, 'initial');
    else checkBytes(initial, 'initial');
    checkCount(max, 'max', 0);
    if (this.#state !== 0) throw new ScanStartedError('buffer');
    const size = typeof initial === 'number' ? initial : initial.length;
    const limit = Math.max(size, max, 1);
    const own = typeof initial === 'number' || size === 0 ? null : initial;
    this.#settings = { ...this.#settings, first: size || firstSize, max: limit, own };
    return this;
  }

  /**
   * Goes to the next token: true when there is one, false at the end, again and again. Rejects, again and again, with
   * the source's own error, with what the split function threw, with `TokenTooLongError`, or with
   * `NoProgressError` where a split function gives more than a hundred empty tokens at the end without moving on.
   */
  scan(): Promise<boolean> {
    let hit: boolean | undefined;
    try {
      hit = this.tryScan();
      if (hit === undefined) return this.wait();
    } catch (error) {
      return Promise.reject(error);
    }
    return hit ? resolvedTrue : resolvedFalse;
  }

  /** `scan` without waiting: `undefined` when no whole token is at hand and the stream goes on. Throws its errors. */
  tryScan(): boolean | undefined {
    if ((this.#state & special) === 0 && this.#split === scanLines) {
      const start = this.#start;
      const at = this.findNewline();
      if (at >= 0) {
        this.takeLine(start, at);
        return true;
      }
    }
    if ((this.#state & busy) !== 0) throw new ConcurrentUseError('the scanner');
    this.#tokenStart = 0;
    this.#tokenEnd = 0;
    this.#token = null;
    this.#state = (this.#state & ~cut) | started;
    return this.advance();
  }

  /** A view of the current token, valid until the next `scan` or `tryScan`; empty when there is none. */
  bytes(): Uint8Array {
    if (this.#token !== null) return this.#token;
    const start = this.#tokenStart;
    const memory = this.#memory;
    // An array of the caller's may begin anywhere in its memory.
    if (memory === null) return this.#buffer.subarray(start, this.#tokenEnd);
    return new Uint8Array(memory, start, this.#tokenEnd - start);
  }

  /** The current token as text: UTF-8, bad bytes as U+FFFD. Empty when there is none. */
  text(): string {
    const token = this.#token;
    if (token !== null) return decodeText(token, 0, token.length);
    return decodeText(this.#buffer, this.#tokenStart, this.#tokenEnd);
  }

  /** Whether the current token was cut at the limit; only with `onTooLong: 'truncate'`. */
  get truncated(): boolean {
    return (this.#state & cut) !== 0;
  }

  /** The tokens that are left, as text. Leaving the loop early leaves the rest to be scanned. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string> {
    return new TextIterator(this);
  }

  /** The tokens that are left, as views that are valid for one turn of the loop. */
  views(): AsyncIterableIterator<Uint8Array> {
    return new ViewIterator(this);
  }

  private findNewline(): number {
    const from = this.#start + this.#scanned;
    const end = this.#end;
    if (from >= end) return -1;
    const buffer = this.#buffer;
    // A sentinel behind the data: the search never runs on through what earlier reads left there.
    if (end < buffer.length) buffer[end] = newline;
    const at = indexOfByte(buffer, newline, from);
    return at < end ? at : -1;
  }

  private takeLine(start: number, at: number): void {
    this.#tokenStart = start;
    this.#tokenEnd = at > start && this.#buffer[at - 1] === carriageReturn ? at - 1 : at;
    this.#token = null;
    this.#start = at + 1;
    this.#scanned = 0;
  }

  /** Looks for a token in what is buffered, fetches more where that needs no waiting. */
  private advance(): boolean | undefined {
    for (;;) {
      if ((this.#state & finished) !== 0) return this.over();
      const atEnd = (this.#state & ended) !== 0;
      if (atEnd || this.#start < this.#end) {
        const found = this.#split === scanLines ? this.splitLine(atEnd) : this.splitToken(atEnd);
        if (found === true) return true;
        if (found === false) continue;
        if (atEnd) {
          this.finish(this.#failure);
          continue;
        }
        if (this.#end - this.#start >= this.#settings.max) {
          if (this.tooLong()) return true;
          continue;
        }
      }
      if (this.#nonblocking === null) return undefined;
      if (!this.tryFill(this.#nonblocking)) return undefined;
    }
  }

  /** true: a token; false: moved on, look again; undefined: more data is needed. */
  private splitLine(atEnd: boolean): boolean | undefined {
    const start = this.#start;
    let at = this.findNewline();
    if (at < 0) {
      this.#scanned = this.#end - start;
      if (!atEnd || this.#scanned === 0) return undefined;
      at = this.#end;
    }
    this.takeLine(start, at);
    if (this.#start > this.#end) this.#start = this.#end;
    return this.deliver();
  }

  private splitToken(atEnd: boolean): boolean | undefined {
    const length = this.#end - this.#start;
    let advance: number;
    let token: Uint8Array | null | undefined;
    let last: typeof finalToken | undefined;
    try {
      [advance, token, last] = this.#split(this.#buffer.subarray(this.#start, this.#end), atEnd);
      if (!(advance >= 0) || advance % 1 !== 0) throw new NegativeAdvanceError(advance);
      if (advance > length) throw new AdvanceTooFarError(advance, length);
      if (token !== null && token !== undefined) checkBytes(token, 'the token of the split function');
    } catch (error) {
      // The source's own failure came first and counts.
      this.finish(this.#failure ?? { error });
      return false;
    }
    this.#start += advance;
    if (last === finalToken) {
      this.finish(undefined, token ?? null);
      return token !== null && token !== undefined;
    }
    if (token === null || token === undefined)
      return advance > 0 && this.#start < this.#end ? false : undefined;
    if (advance > 0 || !atEnd) {
      this.#emptyTokens = 0;
    } else if (++this.#emptyTokens > emptyReadsAllowed) {
      const error = new NoProgressError('the split function gives empty tokens without moving on');
      this.finish({ error });
      return false;
    }
    this.#token = token;
    return this.deliver();
  }

  /** Whether the token just found is one for the caller, and not the rest of one that was too long. */
  private deliver(): boolean {
    if ((this.#state & dropping) === 0) return true;
    this.#state &= ~dropping;
    this.#token = null;
    this.#tokenStart = 0;
    this.#tokenEnd = 0;
    return false;
  }

  /** The limit is reached without a token: true when a cut one is given, false to go on. */
  private tooLong(): boolean {
    const { onTooLong, max } = this.#settings;
    if (onTooLong === 'error') {
      const error = new TokenTooLongError(max, this.#buffer.slice(this.#start, this.#end));
      this.finish({ error });
      return false;
    }
    const isRest = (this.#state & dropping) !== 0;
    if (onTooLong === 'truncate' && !isRest) {
      this.#tokenStart = this.#start;
      this.#tokenEnd = this.#start + max;
      this.#state |= cut;
    }
    this.#state |= dropping;
    this.#start = this.#end;
    this.#scanned = 0;
    return (this.#state & cut) !== 0;
  }

  private finish(failure: { error: unknown } | undefined, token: Uint8Array | null = null): void {
    this.#failure = failure;
    this.#state |= finished;
    this.#token = token;
    this.#start = this.#end;
    // A last token may be a view of the buffer: it goes back with the next call.
    if (token === null) this.release();
  }

  private over(): false {
    this.release();
    if (this.#failure !== undefined) throw this.#failure.error;
    return false;
  }

  /** Gives an empty buffer back. */
  private release(): void {
    if (this.#start < this.#end) return;
    const buffer = this.#buffer;
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
    if (buffer === none) return;
    this.use(none);
    if (buffer !== this.#settings.own) giveBuffer(buffer as Uint8Array<ArrayBuffer>);
  }

  private use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#memory = buffer.buffer;
  }

  private useOwn(buffer: Uint8Array): void {
    this.#buffer = buffer;
    this.#memory = null;
  }

  /** The free part of a buffer that has one: larger if need be, never beyond the limit. */
  private room(): Uint8Array {
    const { first, max, own } = this.#settings;
    const length = this.#end - this.#start;
    if (this.#buffer === none) {
      if (own === null) this.use(takeBuffer(Math.min(first, max)));
      else this.useOwn(own);
    } else if (length === this.#buffer.length) {
      const larger = takeBuffer(Math.min(length * 2, max));
      larger.set(this.#buffer);
      if (this.#buffer !== own) giveBuffer(this.#buffer as Uint8Array<ArrayBuffer>);
      this.use(larger);
    } else if (this.#start > 0) {
      if (length > 0) this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = length;
    }
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
  }

  /** Takes note of what a read gave. true when the scan can go on with it. */
  private accept(n: number | null, room: number): boolean {
    if (n === null) {
      this.#state |= ended;
      return true;
    }
    checkReadCount(n, room);
    this.#end += n;
    return n > 0;
  }

  private sourceFailed(error: unknown): void {
    this.#state |= ended;
    this.#failure ??= { error };
  }

  /** Whether bytes, the end or an error came without waiting. */
  private tryFill(source: NonblockingReader): boolean {
    try {
      for (let i = 0; i < emptyReadsAllowed; i++) {
        const room = this.room();
        const n = source.tryRead(room);
        if (n === undefined) {
          this.release();
          return false;
        }
        if (this.accept(n, room.length)) return true;
      }
      throw new NoProgressError();
    } catch (error) {
      this.sourceFailed(error);
      return true;
    }
  }

  /**
   * Waits for the source and goes on. An idle connection is parked here, so the first wait is one bound function on
   * the source's promise, 300 bytes less than the frame of an async function; only a token that comes in many pieces
   * gets one, as a chain of promises would grow with each piece.
   */
  private wait(): Promise<boolean> {
    const source = this.#nonblocking;
    if (source === null) return this.waitOn();
    const ready = source.waitReadable();
    this.#state |= busy;
    const woken = this.woken.bind(this);
    return ready.then(woken, woken);
  }

  /** Both outcomes: waitReadable has nothing to say, so that whatever comes is the reason of a failure. */
  private woken(reason: unknown): boolean | Promise<boolean> {
    if (reason !== undefined) this.sourceFailed(reason);
    return this.goOn();
  }

  private goOn(): boolean | Promise<boolean> {
    this.#state &= ~busy;
    return this.advance() ?? this.waitOn();
  }

  private async waitOn(): Promise<boolean> {
    let emptyReads = 0;
    for (;;) {
      this.#state |= busy;
      try {
        if (this.#nonblocking !== null) {
          await this.#nonblocking.waitReadable();
        } else {
          const room = this.room();
          if (this.accept(await this.#source.read(room), room.length)) emptyReads = 0;
          else if (++emptyReads === emptyReadsAllowed) throw new NoProgressError();
          else continue;
        }
      } catch (error) {
        this.sourceFailed(error);
      }
      this.#state &= ~busy;
      const answer = this.advance();
      if (answer !== undefined) return answer;
    }
  }
}
