import { ArgumentRangeError, ArgumentTypeError } from '../io/arguments.ts';
import { ConcurrentUseError } from '../io/errors.ts';
import { CLOSED } from './core.ts';
import { type BlockPool, defaultPool } from './pool.ts';
import { SliceOwner } from './slice-owner.ts';
import type { LinkOwner, LinkReader, LinkSlice, LinkWriter } from './types.ts';
import { LinkWriting } from './writing.ts';

const largestReadSize = 1024 * 1024;

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
export class LinkBuffer extends LinkWriting implements LinkReader, LinkWriter, LinkSlice {
  /** How much the next reserve asks for; 0: the size of a block. */
  #readSize = 0;

  constructor(options: LinkBufferOptions = {}) {
    super(options.pool ?? defaultPool, options.owner ?? null);
  }

  /**
   * Free memory at the end for the owner to fill, at least `size` bytes (default: what recent reads suggest, one
   * block at first) in one piece, until `commit`. While it is filled the block cannot be used otherwise, not even
   * after `close`; so every `reserve` needs its `commit`.
   */
  reserve(size: number = this.readSize): Uint8Array {
    if ((this.state & CLOSED) !== 0) this.refuse();
    if (this.reserving || this.chain.unflushedLength > 0) {
      throw new ConcurrentUseError('the end of the buffer');
    }
    return this.chain.reserve(Math.max(1, size));
  }

  /**
   * The first `n` bytes of what `reserve` gave are to be read now; 0: there are none. A call that waited for them
   * settles. After `close` it only gives the memory back.
   */
  commit(n: number): void {
    const room = this.chain.reserved;
    if (room === 0) throw new ArgumentRangeError('n', 'committed after a reserve', n);
    if (!Number.isInteger(n) || n < 0 || n > room) {
      throw new ArgumentRangeError('n', `a whole number from 0 to ${room}`, n);
    }
    if ((this.state & CLOSED) !== 0) {
      this.chain.dropReserved();
      return;
    }
    this.#adapt(n, room);
    this.chain.commit(n);
    if (n > 0 && this.waiter !== null) this.wake();
  }

  /** How much `reserve` asks for: doubles when a read filled it, halves when a read used a quarter of it or less. */
  get readSize(): number {
    return this.#readSize === 0 ? this.chain.pool.blockSize : this.#readSize;
  }

  /**
   * `bytes[from, to)`, memory of the owner's, are to be read now. The owner keeps them as they are until it has called
   * `settleLent()`. They cost no block and no copy when they are consumed before that by calls that lend nothing
   * (`read...`, `skip`, `indexOf`, `byteAt`, `moveTo`); for `next`, `peek`, `until` and `slice` they move to a block
   * first, because what is lent to the caller stays valid until `release()`, longer than what the owner lends here.
   */
  lend(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    if ((this.state & CLOSED) !== 0) this.refuse();
    if (this.reserving || this.chain.unflushedLength > 0) {
      throw new ConcurrentUseError('the end of the buffer');
    }
    if (to <= from) return;
    this.chain.lend(bytes, from, to);
    if (this.waiter !== null) this.wake();
  }

  /** What is still unread of lent memory moves to blocks: the owner may overwrite it. */
  settleLent(): void {
    if (this.chain.length > 0) this.chain.settle();
  }

  /**
   * No more bytes will come: the stream has ended (null) or is broken (an error). What is there can still be read.
   * A call that waits gets its answer. The first call counts.
   */
  end(error: unknown = null): void {
    if (this.ending !== undefined) return;
    this.ending = error;
    if (this.waiter !== null) this.wake();
  }

  /** Whether `end` was called. */
  get ended(): boolean {
    return this.ending !== undefined;
  }

  /**
   * Fills `out` with views of what can be read, in its order, without consuming it: at most `most` of them; the array
   * gets exactly as long as their number. Gives how many bytes they are. They are valid until `consume` or `close`;
   * with `lent` until `release()`, also when it is closed meanwhile.
   */
  vectors(out: Uint8Array[], most: number, lent = false): number {
    return this.chain.vectors(out, most, lent);
  }

  /**
   * A view of everything that can be read, where it lies in one piece; null: it does not, or there is nothing. Valid
   * until `consume`.
   */
  whole(): Uint8Array | null {
    return this.chain.whole();
  }

  /** The first `n` bytes were taken by way of `vectors`: they leave. */
  consume(n: number): void {
    if (!Number.isInteger(n) || n < 0 || n > this.chain.length) {
      throw new ArgumentRangeError('n', `a whole number from 0 to len (${this.chain.length})`, n);
    }
    if (n > 0) this.drop(n);
  }

  /**
   * What `writeBinary` and `writeDirect` linked and nobody has taken yet moves to blocks: the callers may change their
   * arrays from now on. For an owner whose `flush` fails with something left.
   */
  settleLinked(): void {
    this.chain.settleLinked();
  }

  /** Whether it holds nothing and no call waits, so that it may be used for something else by `reset`. */
  get idle(): boolean {
    return this.waiter === null && this.chain.idle;
  }

  /**
   * Makes it as good as new, for `owner`. Only when it is idle or closed. For an owner that keeps buffers for those of
   * its connections that have something to read or write; who is given this buffer itself may still use it then.
   */
  reset(owner: LinkOwner | null): void {
    const free = (this.state & CLOSED) !== 0 && !this.reserving;
    if (!free && !this.idle) throw new ConcurrentUseError('the buffer to reset');
    if (this.owner instanceof SliceOwner) throw new ArgumentTypeError('a slice', 'released, not reset', this);
    this.owner = owner;
    this.state = 0;
    this.ending = undefined;
    this.#readSize = 0;
    this.notifyLevel = -1;
  }

  /** How many bytes it keeps: unread, lent and not released, and in slices that live. */
  get heldLength(): number {
    return this.chain.heldLength;
  }

  /** Whether memory of it is lent and not released. */
  get lending(): boolean {
    return this.chain.lending;
  }

  /** `owner.drained()` is called once, as soon as `heldLength` is at most `level`; -1: never mind. */
  notifyAt(level: number): void {
    this.notifyLevel = level;
    if (level >= 0) this.notify();
  }

  /** @internal */
  override newSlice(owner: SliceOwner): LinkBuffer {
    const slice = new LinkBuffer({ pool: this.chain.pool, owner });
    slice.ending = null;
    return slice;
  }

  /** Doubles and halves the size of reads. */
  #adapt(n: number, room: number): void {
    const size = this.readSize;
    if (n === room && n >= size) this.#readSize = Math.min(size * 2, Math.max(largestReadSize, size));
    else if (n * 4 <= size && size > this.chain.pool.blockSize) this.#readSize = Math.ceil(size / 2);
  }
}
