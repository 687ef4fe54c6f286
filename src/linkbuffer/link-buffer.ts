import {
  ArgumentRangeError,
  ArgumentTypeError,
  checkByte,
  checkBytes,
  checkString,
} from '../io/arguments.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { ConcurrentUseError, LimitExceededError, UnexpectedEOFError } from '../io/errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { decodeText, encodeText, writeText } from '../io/text.ts';
import { park } from '../runtime/park.ts';
import { beginWait, endWait } from '../runtime/waits.ts';
import { Chain, type Holdings } from './chain.ts';
import { BufferClosedError, NotEnoughDataError, ReleasedError } from './errors.ts';
import { expire, guard, isGuarded, poisoned } from './poison.ts';
import { type BlockPool, defaultPool } from './pool.ts';
import type { Lent, LinkOwner, LinkReader, LinkSlice, LinkWriter } from './types.ts';
import {
  LinkWaiter,
  NEXT,
  type Operation,
  PEEK,
  READ,
  READ_BINARY,
  READ_BYTE,
  READ_STRING,
  READABLE,
  SKIP,
  SLICE,
  UNTIL,
} from './waiter.ts';

/** Up to so many bytes a copy is cheaper than a link of its own, and one more chunk for the kernel. */
const copyUpTo = 4096;
/** 65 ns against 14 for 5 characters, even at 24. */
const shortText = 20;
const defaultUntilLimit = 65536;
const largestReadSize = 1024 * 1024;

// Why a call must not go on. 0: it may.
const CLOSED = 1;
const RELEASED = 2;
const WAITING = 4;

const nothing = new Uint8Array(0) as Lent;
const noBytes = new Uint8Array(0);

/**
 * Settings of a `LinkBuffer`.
 *
 * @example
 * ```ts
 * import { BlockPool, LinkBuffer, type LinkBufferOptions } from 'gopark/linkbuffer';
 *
 * const options: LinkBufferOptions = { pool: new BlockPool({ blockSize: 1024 }) };
 * const buffer = new LinkBuffer(options);
 * ```
 */
export interface LinkBufferOptions {
  /** Where its memory comes from; default `defaultPool`. */
  pool?: BlockPool;
  /** Who fills and empties it; default nobody: then no call ever waits. */
  owner?: LinkOwner | null;
}

/**
 * A queue of bytes in linked blocks of a pool: what is written at one end is read at the other, mostly without a
 * copy. CloudWeGo Netpoll: `netpoll.LinkBuffer`.
 *
 * On its own it is a place to put a message together or to take one apart, and an `io.Reader` and `io.Writer`: empty
 * means the end. With an `owner`, as in a connection of the event loop, its reading calls wait for what the owner
 * brings. It holds no memory while it is empty and nothing of it is lent.
 *
 * @example
 * ```ts
 * import { LinkBuffer } from 'gopark/linkbuffer';
 *
 * const buffer = new LinkBuffer();
 * buffer.writeString('+OK\r\n');
 * await buffer.flush();
 * const line = buffer.tryUntil('\n'); // lent: 5 bytes
 * console.log(line?.length);
 * buffer.release();
 * ```
 */
export class LinkBuffer implements LinkReader, LinkWriter, LinkSlice {
  readonly #chain: Chain;
  #owner: LinkOwner | null;
  #state = 0;
  #waiter: LinkWaiter | null = null;
  /** undefined: the stream goes on; null: it has ended; else why it broke. */
  #ending: unknown;
  /** How much the next reserve asks for; 0: the size of a block. */
  #readSize = 0;
  /** The owner wants to know when no more than this is held; -1: it does not. */
  #notifyAt = -1;

  constructor(options: LinkBufferOptions = {}) {
    this.#chain = new Chain(options.pool ?? defaultPool);
    this.#owner = options.owner ?? null;
  }

  // Reading

  get len(): number {
    return this.#chain.length;
  }

  tryNext(n: number): Lent | null | undefined {
    if (this.#state !== 0) this.#refuse();
    const chain = this.#chain;
    if (n > chain.length || !Number.isInteger(n)) return this.#short(n);
    if (n <= 0) return nothing;
    const view = chain.show(n);
    chain.drop(n);
    if (this.#notifyAt >= 0) this.#notify();
    return poisoned ? this.#guard(view) : (view as Lent);
  }

  next(n: number): Promise<Lent | null> {
    return this.#async(NEXT, n) as Promise<Lent | null>;
  }

  tryPeek(n: number): Lent | null | undefined {
    if (this.#state !== 0) this.#refuse();
    const chain = this.#chain;
    let size = n;
    if (n > chain.length || !Number.isInteger(n)) {
      if (!this.#leftAtEnd(n)) return this.#short(n);
      size = chain.length;
    }
    if (size <= 0) return nothing;
    const view = chain.show(size);
    return poisoned ? this.#guard(view) : (view as Lent);
  }

  peek(n: number): Promise<Lent | null> {
    return this.#async(PEEK, n) as Promise<Lent | null>;
  }

  trySkip(n: number): boolean {
    if (this.#state !== 0) this.#refuse();
    if (n > this.#chain.length || !Number.isInteger(n)) {
      if (this.#short(n) === undefined) return false;
      throw new UnexpectedEOFError(0, n);
    }
    if (n > 0) this.#drop(n);
    return true;
  }

  skip(n: number): Promise<void> {
    return this.#async(SKIP, n) as Promise<void>;
  }

  tryUntil(delimiter: Delimiter, limit: number = defaultUntilLimit): Lent | null | undefined {
    if (this.#state !== 0) this.#refuse();
    return this.#until(delimiterByte(delimiter), limit);
  }

  until(delimiter: Delimiter, limit: number = defaultUntilLimit): Promise<Lent | null> {
    try {
      return this.#async(UNTIL, limit, delimiterByte(delimiter)) as Promise<Lent | null>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  tryReadString(n: number): string | null | undefined {
    if (this.#state !== 0) this.#refuse();
    const chain = this.#chain;
    if (n > chain.length || !Number.isInteger(n)) return this.#short(n);
    if (n <= 0) return '';
    const { start, end, bytes } = chain.first!;
    let text: string;
    if (start + n <= end) {
      text = decodeText(bytes, start, start + n);
    } else {
      const joined = new Uint8Array(n);
      chain.copyTo(joined, 0, n);
      text = decodeText(joined, 0, n);
    }
    this.#drop(n);
    return text;
  }

  readString(n: number): Promise<string | null> {
    return this.#async(READ_STRING, n) as Promise<string | null>;
  }

  tryReadBinary(n: number): Uint8Array<ArrayBuffer> | null | undefined {
    if (this.#state !== 0) this.#refuse();
    if (n > this.#chain.length || !Number.isInteger(n)) return this.#short(n);
    if (n <= 0) return new Uint8Array(0);
    const own = new Uint8Array(n);
    this.#chain.copyTo(own, 0, n);
    this.#drop(n);
    return own;
  }

  readBinary(n: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#async(READ_BINARY, n) as Promise<Uint8Array<ArrayBuffer> | null>;
  }

  tryReadByte(): number | null | undefined {
    if (this.#state !== 0) this.#refuse();
    const chain = this.#chain;
    if (chain.length === 0) return this.#short(1);
    const { bytes, start } = chain.first!;
    const byte = bytes[start]!;
    this.#drop(1);
    return byte;
  }

  readByte(): Promise<number | null> {
    return this.#async(READ_BYTE, 1) as Promise<number | null>;
  }

  trySlice(n: number): LinkSlice | null | undefined {
    if (this.#state !== 0) this.#refuse();
    const chain = this.#chain;
    if (n > chain.length || !Number.isInteger(n)) return this.#short(n);
    const size = Math.max(n, 0);
    const owner = new SliceOwner(this, size > 0 ? chain.sliced(size) : null, size);
    const slice = new LinkBuffer({ pool: chain.pool, owner });
    slice.#ending = null;
    if (size > 0) {
      chain.slice(size, slice.#chain);
      this.#drop(size);
    }
    return slice;
  }

  slice(n: number): Promise<LinkSlice | null> {
    return this.#async(SLICE, n) as Promise<LinkSlice | null>;
  }

  /** Any bytes at all, up to `p.length`; see `io.Reader`. A buffer without an owner is at its end when it is empty. */
  tryRead(p: Uint8Array): number | null | undefined {
    checkBytes(p);
    if (this.#state !== 0) this.#refuse();
    if (p.length === 0) return 0;
    const n = Math.min(p.length, this.#chain.length);
    if (n === 0) return this.#owner === null && this.#ending === undefined ? null : this.#short(1);
    this.#chain.copyTo(p, 0, n);
    this.#drop(n);
    return n;
  }

  read(p: Uint8Array): Promise<number | null> {
    try {
      const n = this.tryRead(p);
      if (n !== undefined) return n === null ? resolvedNull : resolvedCount(n);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#park(new LinkWaiter(this, READ, 1, 0, p)) as Promise<number | null>;
  }

  /** Resolves when bytes, the end or an error are at hand. Consumes nothing. */
  waitReadable(): Promise<void> {
    return this.#async(READABLE, 1) as Promise<void>;
  }

  indexOf(byte: number, from = 0): number {
    if (this.#state !== 0) this.#refuse();
    checkByte(byte);
    return this.#chain.indexOf(byte, Math.max(from, 0));
  }

  byteAt(offset: number): number {
    if (this.#state !== 0) this.#refuse();
    return offset >= 0 && offset < this.#chain.length ? this.#chain.at(Math.floor(offset)) : -1;
  }

  release(): void {
    if (this.#owner instanceof SliceOwner) {
      if (this.#state !== 0) this.#refuse();
      this.#end(RELEASED);
      return;
    }
    if ((this.#state & CLOSED) !== 0) return;
    if (poisoned) expire(this);
    this.#chain.releaseHeld();
    if (this.#notifyAt >= 0) this.#notify();
  }

  // Writing

  get mallocLen(): number {
    return this.#chain.unflushedLength;
  }

  malloc(n: number): Lent {
    this.#checkWritable();
    if (!Number.isInteger(n)) throw new ArgumentRangeError('n', 'a whole number', n);
    return n <= 0 ? nothing : (this.#chain.allocate(n) as Lent);
  }

  mallocAck(n: number): void {
    this.#checkWritable();
    const most = this.#chain.unflushedLength;
    if (!Number.isInteger(n) || n < 0 || n > most) {
      throw new ArgumentRangeError('n', `a whole number from 0 to mallocLen (${most})`, n);
    }
    this.#chain.keep(n);
  }

  writeString(s: string): number {
    this.#checkWritable();
    checkString(s);
    if (s.length === 0) return 0;
    const chain = this.#chain;
    // A unit of UTF-16 takes at most three bytes. Where that much room is at hand nothing needs to be counted.
    const { last } = chain;
    if (s.length * 3 <= chain.pool.blockSize || (last !== null && last.limit - last.filled >= s.length * 3)) {
      const link = chain.room(s.length * 3);
      const n = writeShort(link.bytes, s, link.filled) ?? writeText(link.bytes, s, link.filled);
      chain.written(link, n);
      return n;
    }
    const bytes = encodeText(s);
    if (bytes.length > copyUpTo) chain.link(bytes);
    else chain.write(bytes);
    return bytes.length;
  }

  writeBinary(p: Uint8Array): number {
    this.#checkWritable();
    checkBytes(p);
    // In poison mode what was lent dies at its release, also where its block would live on.
    if (p.length > copyUpTo && !(poisoned && isGuarded(p))) this.#chain.link(p);
    else this.#chain.write(p);
    return p.length;
  }

  writeDirect(p: Uint8Array, remain = 0): void {
    this.#checkWritable();
    checkBytes(p);
    if (p.length === 0) return;
    const most = this.#chain.unflushedLength;
    if (!Number.isInteger(remain) || remain > most) {
      throw new ArgumentRangeError('remain', `a whole number from 0 to mallocLen (${most})`, remain);
    }
    this.#chain.insert(poisoned && isGuarded(p) ? p.slice() : p, Math.max(remain, 0));
  }

  writeByte(byte: number): void {
    this.#checkWritable();
    checkByte(byte);
    const link = this.#chain.room(1);
    link.bytes[link.filled] = byte;
    this.#chain.written(link, 1);
  }

  append(other: LinkReader): void {
    this.#checkWritable();
    if (!(other instanceof LinkBuffer)) throw new ArgumentTypeError('other', 'a LinkBuffer', other);
    if (other === this) throw new ArgumentTypeError('other', 'another LinkBuffer', other);
    if (other.#state !== 0) other.#refuse();
    if (other.reserving) throw new ConcurrentUseError('the buffer to append');
    if (poisoned) expire(other);
    other.#chain.releaseHeld();
    this.#chain.adopt(other.#chain);
    if (other.#owner instanceof SliceOwner) other.#end(RELEASED);
    else if (other.#notifyAt >= 0) other.#notify();
  }

  flush(): Promise<void> {
    try {
      this.#checkWritable();
      this.publish();
      return this.#owner === null ? resolvedVoid : this.#owner.flushed();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Copies `p` behind what is written, flushes, and resolves `p.length` when that is done; see `io.Writer`. */
  write(p: Uint8Array): Promise<number> {
    try {
      this.#checkWritable();
      checkBytes(p);
      this.#chain.write(p);
      this.publish();
      const n = p.length;
      return this.#owner === null ? resolvedCount(n) : this.#owner.flushed().then(() => n);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Moves the next `n` bytes to `writer`, to be flushed there: what is short or only lent by the driver is copied, the
   * rest is shared. There must be as many. For what goes on as it came, as in a proxy or an echo.
   */
  moveTo(writer: LinkBuffer, n: number): void {
    if (this.#state !== 0) this.#refuse();
    if (!(writer instanceof LinkBuffer)) throw new ArgumentTypeError('writer', 'a LinkBuffer', writer);
    writer.#checkWritable();
    if (!Number.isInteger(n) || n < 0 || n > this.#chain.length) {
      throw new ArgumentRangeError('n', `a whole number from 0 to len (${this.#chain.length})`, n);
    }
    if (n === 0) return;
    writer.#chain.share(this.#chain, n, copyUpTo);
    this.#drop(n);
  }

  /**
   * Ends it: everything it holds goes back to the pool, except what is lent and not released, which is left as it is
   * and never used again. A call that waits fails, and so does every later one, with `owner.closedError()` or
   * `BufferClosedError`. Slices live on. To be called once or more.
   */
  close(): void {
    if (this.#owner instanceof SliceOwner) {
      if ((this.#state & RELEASED) === 0) this.release();
    } else if ((this.#state & CLOSED) === 0) {
      this.#end(CLOSED);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // The owner's side

  /**
   * Free memory at the end for the owner to fill, at least `size` bytes (default: what recent reads suggest, one
   * block at first) in one piece, until `commit`. While it is filled the block cannot be used otherwise, not even
   * after `close`; so every `reserve` needs its `commit`.
   */
  reserve(size: number = this.readSize): Uint8Array {
    if ((this.#state & CLOSED) !== 0) this.#refuse();
    if (this.reserving || this.#chain.unflushedLength > 0) {
      throw new ConcurrentUseError('the end of the buffer');
    }
    return this.#chain.reserve(Math.max(1, size));
  }

  /** Whether there was a `reserve` whose `commit` is still to come. */
  get reserving(): boolean {
    return this.#chain.reserved > 0;
  }

  /**
   * The first `n` bytes of what `reserve` gave are to be read now; 0: there are none. A call that waited for them
   * settles. After `close` it only gives the memory back.
   */
  commit(n: number): void {
    const room = this.#chain.reserved;
    if (room === 0) throw new ArgumentRangeError('n', 'committed after a reserve', n);
    if (!Number.isInteger(n) || n < 0 || n > room) {
      throw new ArgumentRangeError('n', `a whole number from 0 to ${room}`, n);
    }
    if ((this.#state & CLOSED) !== 0) {
      this.#chain.dropReserved();
      return;
    }
    this.#adapt(n, room);
    this.#chain.commit(n);
    if (n > 0 && this.#waiter !== null) this.#wake();
  }

  /** How much `reserve` asks for: doubles when a read filled it, halves when a read used a quarter of it or less. */
  get readSize(): number {
    return this.#readSize === 0 ? this.#chain.pool.blockSize : this.#readSize;
  }

  /**
   * `bytes[from, to)`, memory of the owner's, are to be read now. The owner keeps them as they are until it has called
   * `settleLent()`. They cost no block and no copy when they are consumed before that by calls that lend nothing
   * (`read...`, `skip`, `indexOf`, `byteAt`, `moveTo`); for `next`, `peek`, `until` and `slice` they move to a block
   * first, because what is lent to the caller stays valid until `release()`, longer than what the owner lends here.
   */
  lend(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    if ((this.#state & CLOSED) !== 0) this.#refuse();
    if (this.reserving || this.#chain.unflushedLength > 0) {
      throw new ConcurrentUseError('the end of the buffer');
    }
    if (to <= from) return;
    this.#chain.lend(bytes, from, to);
    if (this.#waiter !== null) this.#wake();
  }

  /** What is still unread of lent memory moves to blocks: the owner may overwrite it. */
  settleLent(): void {
    if (this.#chain.length > 0) this.#chain.settle();
  }

  /**
   * No more bytes will come: the stream has ended (null) or is broken (an error). What is there can still be read.
   * A call that waits gets its answer. The first call counts.
   */
  end(error: unknown = null): void {
    if (this.#ending !== undefined) return;
    this.#ending = error;
    if (this.#waiter !== null) this.#wake();
  }

  /** Whether `end` was called. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** Rejects the call that waits, if one does; it has consumed nothing (`skip`: perhaps a part). True: there was one. */
  fail(error: unknown): boolean {
    const waiter = this.#waiter;
    if (waiter === null) return false;
    this.#unpark(waiter);
    waiter.reject(error);
    return true;
  }

  /** Up to how many bytes in all the call that waits needs; 0: none waits. */
  get needed(): number {
    const waiter = this.#waiter;
    if (waiter === null) return 0;
    if (waiter.operation === UNTIL) return this.#chain.length + 1;
    return waiter.operation === SKIP ? 1 : waiter.n;
  }

  /** Makes everything written readable, without a word to the owner. */
  publish(): void {
    this.#chain.publish();
    if (this.#waiter !== null) this.#wake();
  }

  /**
   * Fills `out` with views of what can be read, in its order, without consuming it: at most `most` of them; the array
   * gets exactly as long as their number. Gives how many bytes they are. They are valid until `consume` or `close`;
   * with `lent` until `release()`, also when it is closed meanwhile.
   */
  vectors(out: Uint8Array[], most: number, lent = false): number {
    return this.#chain.vectors(out, most, lent);
  }

  /** The first `n` bytes were taken by way of `vectors`: they leave. */
  consume(n: number): void {
    if (!Number.isInteger(n) || n < 0 || n > this.#chain.length) {
      throw new ArgumentRangeError('n', `a whole number from 0 to len (${this.#chain.length})`, n);
    }
    if (n > 0) this.#drop(n);
  }

  /**
   * What `writeBinary` and `writeDirect` linked and nobody has taken yet moves to blocks: the callers may change their
   * arrays from now on. For an owner whose `flush` fails with something left.
   */
  settleLinked(): void {
    this.#chain.settleLinked();
  }

  /** Whether it holds nothing and no call waits, so that it may be used for something else by `reset`. */
  get idle(): boolean {
    return this.#waiter === null && this.#chain.idle;
  }

  /**
   * Makes it as good as new, for `owner`. Only when it is idle or closed. For an owner that keeps buffers for those of
   * its connections that have something to read or write; who is given this buffer itself may still use it then.
   */
  reset(owner: LinkOwner | null): void {
    const free = (this.#state & CLOSED) !== 0 && !this.reserving;
    if (!free && !this.idle) throw new ConcurrentUseError('the buffer to reset');
    if (this.#owner instanceof SliceOwner)
      throw new ArgumentTypeError('a slice', 'released, not reset', this);
    this.#owner = owner;
    this.#state = 0;
    this.#ending = undefined;
    this.#readSize = 0;
    this.#notifyAt = -1;
  }

  /** @internal Who a parked call waits for. */
  get owner(): LinkOwner | null {
    return this.#owner;
  }

  /** How many bytes it keeps: unread, lent and not released, and in slices that live. */
  get heldLength(): number {
    return this.#chain.heldLength;
  }

  /** Whether memory of it is lent and not released. */
  get lending(): boolean {
    return this.#chain.lending;
  }

  /** `owner.drained()` is called once, as soon as `heldLength` is at most `level`; -1: never mind. */
  notifyAt(level: number): void {
    this.#notifyAt = level;
    if (level >= 0) this.#notify();
  }

  // Inside

  /** @internal A slice of this buffer gave `n` bytes back, which count in `holdings`. */
  sliceReleased(holdings: Holdings, n: number): void {
    this.#chain.unsliced(holdings, n);
    if (this.#notifyAt >= 0) this.#notify();
  }

  #drop(n: number): void {
    this.#chain.drop(n);
    if (this.#notifyAt >= 0) this.#notify();
  }

  #notify(): void {
    if (this.#chain.heldLength > this.#notifyAt) return;
    this.#notifyAt = -1;
    this.#owner?.drained();
  }

  #guard(view: Uint8Array): Lent {
    return guard(this, view) as Lent;
  }

  #until(byte: number, limit: number): Lent | null | undefined {
    const chain = this.#chain;
    if (!(limit > 0)) throw new ArgumentRangeError('limit', 'at least 1', limit);
    const at = chain.find(byte);
    let n = at + 1;
    if (at < 0) {
      if (chain.length < limit) {
        if (this.#ending !== null || chain.length === 0) return this.#short(chain.length + 1);
        n = chain.length;
      } else {
        n = chain.length + 1;
      }
    }
    if (n > limit) throw new LimitExceededError(limit, noBytes);
    const view = chain.show(n);
    chain.drop(n);
    if (this.#notifyAt >= 0) this.#notify();
    return poisoned ? this.#guard(view) : (view as Lent);
  }

  /** Whether the stream has ended well, with fewer than the `n` bytes that were asked for, but some. */
  #leftAtEnd(n: number): boolean {
    return this.#ending === null && this.#chain.length > 0 && Number.isInteger(n);
  }

  /** The answer to who asks for more than is there: undefined, null, or an error. */
  #short(n: number): null | undefined {
    if (!Number.isInteger(n)) throw new ArgumentRangeError('n', 'a whole number', n);
    const ending = this.#ending;
    if (ending === undefined) return undefined;
    if (ending !== null) throw ending;
    if (this.#chain.length === 0) return null;
    throw new UnexpectedEOFError(this.#chain.length, n);
  }

  #checkWritable(): void {
    if ((this.#state & ~WAITING) !== 0) this.#refuse();
    if (this.#owner instanceof SliceOwner) throw new ArgumentTypeError('a slice', 'read, not written', this);
  }

  #refuse(): never {
    const state = this.#state;
    if ((state & RELEASED) !== 0) throw new ReleasedError('a slice');
    if ((state & CLOSED) !== 0) throw this.#closedError();
    throw new ConcurrentUseError('the reading side of the buffer');
  }

  #closedError(): Error {
    return this.#owner === null ? new BufferClosedError() : this.#owner.closedError();
  }

  #end(state: typeof CLOSED | typeof RELEASED): void {
    const waiter = this.#waiter;
    if (waiter !== null) this.#unpark(waiter);
    this.#state = state;
    if (poisoned) expire(this);
    this.#chain.clear();
    this.#notifyAt = -1;
    if (this.#owner instanceof SliceOwner) this.#owner.released();
    if (waiter !== null) waiter.reject(this.#closedError());
  }

  /** Doubles and halves the size of reads. */
  #adapt(n: number, room: number): void {
    const size = this.readSize;
    if (n === room && n >= size) this.#readSize = Math.min(size * 2, Math.max(largestReadSize, size));
    else if (n * 4 <= size && size > this.#chain.pool.blockSize) this.#readSize = Math.ceil(size / 2);
  }

  /** Does what `operation` asks for now, or parks. */
  #async(operation: Operation, n: number, delimiter = 0): Promise<unknown> {
    if (operation === SKIP && n > this.#chain.length && this.#state === 0) return this.#skipAll(n);
    let result: unknown;
    try {
      result = this.#attempt(operation, n, delimiter);
    } catch (error) {
      return Promise.reject(error);
    }
    if (result === undefined) return this.#park(new LinkWaiter(this, operation, n, delimiter));
    if (result === null) return resolvedNull;
    if (operation === SKIP || operation === READABLE) return resolvedVoid;
    return Promise.resolve(result);
  }

  /** undefined: not without waiting. */
  #attempt(operation: Operation, n: number, delimiter: number): unknown {
    switch (operation) {
      case NEXT:
        return this.tryNext(n);
      case PEEK:
        return this.tryPeek(n);
      case SKIP:
        return this.trySkip(n) || undefined;
      case UNTIL:
        if (this.#state !== 0) this.#refuse();
        return this.#until(delimiter, n);
      case READ_STRING:
        return this.tryReadString(n);
      case READ_BINARY:
        return this.tryReadBinary(n);
      case READ_BYTE:
        return this.tryReadByte();
      case SLICE:
        return this.trySlice(n);
      default:
        if (this.#state !== 0) this.#refuse();
        return this.#chain.length > 0 || this.#ending !== undefined || this.#owner === null
          ? true
          : undefined;
    }
  }

  #park(waiter: LinkWaiter): Promise<unknown> {
    if (this.#owner === null) {
      const { operation, n } = waiter;
      const wanted = operation === UNTIL ? 'a delimiter' : `${n}`;
      return Promise.reject(new NotEnoughDataError(this.#chain.length, wanted));
    }
    const promise = park(waiter);
    this.#waiter = waiter;
    this.#state |= WAITING;
    beginWait(waiter);
    try {
      this.#owner.need(this.needed);
    } catch (error) {
      this.fail(error);
    }
    return promise;
  }

  #unpark(waiter: LinkWaiter): void {
    this.#waiter = null;
    this.#state &= ~WAITING;
    endWait(waiter);
  }

  /** Something has changed for the call that waits. */
  #wake(): void {
    const waiter = this.#waiter!;
    const { operation, n } = waiter;
    const chain = this.#chain;
    // Most wakes of who waits for much come too early: nothing needs to be tried.
    if (this.#ending === undefined && operation !== UNTIL && operation !== SKIP && chain.length < n) return;
    this.#state &= ~WAITING;
    let result: unknown;
    try {
      if (operation === SKIP) result = this.#skipSome(waiter);
      else if (operation === READ) result = this.#readInto(waiter.p!);
      else result = this.#attempt(operation, n, waiter.delimiter);
    } catch (error) {
      this.#unpark(waiter);
      waiter.reject(error);
      return;
    }
    if (result === undefined) {
      this.#state |= WAITING;
      if (operation === UNTIL) this.#owner!.need(this.needed);
      return;
    }
    this.#unpark(waiter);
    waiter.resolve(operation === SKIP || operation === READABLE ? undefined : result);
  }

  /** Into a `p` that may have been transferred away meanwhile: that is an error, and nothing is consumed. */
  #readInto(p: Uint8Array): number | null | undefined {
    const n = this.tryRead(p);
    if (n === 0)
      throw new ArgumentTypeError('p', 'a Uint8Array whose memory stays until the call settles', p);
    return n;
  }

  #skipAll(n: number): Promise<void> {
    const waiter = new LinkWaiter(this, SKIP, n);
    if (this.#owner !== null || this.#ending !== undefined) {
      try {
        if (!Number.isInteger(n)) this.#short(n);
        if (this.#skipSome(waiter) === true) return resolvedVoid;
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#park(waiter) as Promise<void>;
  }

  #skipSome(waiter: LinkWaiter): true | undefined {
    const n = Math.min(waiter.n, this.#chain.length);
    waiter.n -= n;
    waiter.skipped += n;
    if (n > 0) this.#drop(n);
    if (waiter.n === 0) return true;
    if (this.#ending === undefined) return undefined;
    if (this.#ending !== null) throw this.#ending;
    throw new UnexpectedEOFError(waiter.skipped, waiter.skipped + waiter.n);
  }
}

/** Writes `s` to `bytes[at]` and what follows if it is short and ASCII: then a loop is faster than a native call. */
function writeShort(bytes: Uint8Array, s: string, at: number): number | undefined {
  const { length } = s;
  if (length > shortText) return undefined;
  for (let i = 0; i < length; i++) {
    const unit = s.charCodeAt(i);
    if (unit > 0x7f) return undefined;
    bytes[at + i] = unit;
  }
  return length;
}

/** Stands where a slice has an owner: a slice has all its bytes, nothing waits for more. */
class SliceOwner implements LinkOwner {
  readonly #parent: LinkBuffer;
  /** Where the parent counts it; null: it is empty. */
  readonly #holdings: Holdings | null;
  readonly #length: number;

  constructor(parent: LinkBuffer, holdings: Holdings | null, length: number) {
    this.#parent = parent;
    this.#holdings = holdings;
    this.#length = length;
  }

  released(): void {
    if (this.#holdings !== null) this.#parent.sliceReleased(this.#holdings, this.#length);
  }

  need(): void {}

  drained(): void {}

  flushed(): Promise<void> {
    return resolvedVoid;
  }

  closedError(): Error {
    return new ReleasedError('a slice');
  }
}
