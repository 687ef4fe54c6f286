import {
  ArgumentRangeError,
  ArgumentTypeError,
  checkByte,
  checkBytes,
  checkString,
} from '../io/arguments.ts';
import { ConcurrentUseError } from '../io/errors.ts';
import { resolvedCount, resolvedVoid } from '../io/resolved.ts';
import { encodeText, writeText } from '../io/text.ts';
import { CLOSED, RELEASED, WAITING } from './core.ts';
import { expire, isGuarded, poisoned } from './poison.ts';
import { SliceOwner } from './slice-owner.ts';
import type { Lent, LinkReader, LinkWriter } from './types.ts';
import { LinkWaiting } from './waiting.ts';

/** Up to so many bytes a copy is cheaper than a link of its own, and one more chunk for the kernel. */
const copyUpTo = 4096;
/** 65 ns against 14 for 5 characters, even at 24. */
const shortText = 20;
const nothing = new Uint8Array(0) as Lent;

/** The writing side of a LinkBuffer, and its end. `LinkWriter` has the contracts. */
export abstract class LinkWriting extends LinkWaiting implements LinkWriter {
  get mallocLen(): number {
    return this.chain.unflushedLength;
  }

  malloc(n: number): Lent {
    this.#checkWritable();
    if (!Number.isInteger(n)) throw new ArgumentRangeError('n', 'a whole number', n);
    return n <= 0 ? nothing : (this.chain.allocate(n) as Lent);
  }

  mallocAck(n: number): void {
    this.#checkWritable();
    const most = this.chain.unflushedLength;
    if (!Number.isInteger(n) || n < 0 || n > most) {
      throw new ArgumentRangeError('n', `a whole number from 0 to mallocLen (${most})`, n);
    }
    this.chain.keep(n);
  }

  writeString(s: string): number {
    this.#checkWritable();
    checkString(s);
    if (s.length === 0) return 0;
    const chain = this.chain;
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
    if (p.length > copyUpTo && !(poisoned && isGuarded(p))) this.chain.link(p);
    else this.chain.write(p);
    return p.length;
  }

  writeDirect(p: Uint8Array, remain = 0): void {
    this.#checkWritable();
    checkBytes(p);
    if (p.length === 0) return;
    const most = this.chain.unflushedLength;
    if (!Number.isInteger(remain) || remain > most) {
      throw new ArgumentRangeError('remain', `a whole number from 0 to mallocLen (${most})`, remain);
    }
    this.chain.insert(poisoned && isGuarded(p) ? p.slice() : p, Math.max(remain, 0));
  }

  writeByte(byte: number): void {
    this.#checkWritable();
    checkByte(byte);
    const link = this.chain.room(1);
    link.bytes[link.filled] = byte;
    this.chain.written(link, 1);
  }

  append(other: LinkReader): void {
    this.#checkWritable();
    if (!(other instanceof LinkWriting)) throw new ArgumentTypeError('other', 'a LinkBuffer', other);
    if (other === this) throw new ArgumentTypeError('other', 'another LinkBuffer', other);
    if (other.state !== 0) other.refuse();
    if (other.reserving) throw new ConcurrentUseError('the buffer to append');
    if (poisoned) expire(other);
    other.chain.releaseHeld();
    this.chain.adopt(other.chain);
    if (other.owner instanceof SliceOwner) other.#finish(RELEASED);
    else if (other.notifyLevel >= 0) other.notify();
  }

  flush(): Promise<void> {
    try {
      this.#checkWritable();
      this.publish();
      return this.owner === null ? resolvedVoid : this.owner.flushed();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Copies `p` behind what is written, flushes, and resolves `p.length` when that is done; see `io.Writer`. */
  write(p: Uint8Array): Promise<number> {
    try {
      this.#checkWritable();
      checkBytes(p);
      this.chain.write(p);
      this.publish();
      const n = p.length;
      return this.owner === null ? resolvedCount(n) : this.owner.flushed().then(() => n);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Makes everything written readable, without a word to the owner. */
  publish(): void {
    this.chain.publish();
    if (this.waiter !== null) this.wake();
  }

  /**
   * Moves the next `n` bytes to `writer`, to be flushed there: what is short or only lent by the driver is copied, the
   * rest is shared. There must be as many. For what goes on as it came, as in a proxy or an echo.
   */
  moveTo(writer: LinkWriting, n: number): void {
    if (this.state !== 0) this.refuse();
    if (!(writer instanceof LinkWriting)) throw new ArgumentTypeError('writer', 'a LinkBuffer', writer);
    if (writer === this) throw new ArgumentTypeError('writer', 'another LinkBuffer', writer);
    writer.#checkWritable();
    if (!Number.isInteger(n) || n < 0 || n > this.chain.length) {
      throw new ArgumentRangeError('n', `a whole number from 0 to len (${this.chain.length})`, n);
    }
    if (n === 0) return;
    writer.chain.share(this.chain, n, copyUpTo);
    this.drop(n);
  }

  release(): void {
    if (this.owner instanceof SliceOwner) {
      if (this.state !== 0) this.refuse();
      this.#finish(RELEASED);
      return;
    }
    if ((this.state & CLOSED) !== 0) return;
    if (poisoned) expire(this);
    this.chain.releaseHeld();
    if (this.notifyLevel >= 0) this.notify();
  }

  /**
   * Ends it: everything it holds goes back to the pool, except what is lent and not released, which is left as it is
   * and never used again. A call that waits fails, and so does every later one, with `owner.closedError()` or
   * `BufferClosedError`. Slices live on. To be called once or more.
   */
  close(): void {
    if (this.owner instanceof SliceOwner) {
      if ((this.state & RELEASED) === 0) this.release();
    } else if ((this.state & CLOSED) === 0) {
      this.#finish(CLOSED);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether there was a `reserve` whose `commit` is still to come. */
  get reserving(): boolean {
    return this.chain.reserved > 0;
  }

  #checkWritable(): void {
    if ((this.state & ~WAITING) !== 0) this.refuse();
    if (this.owner instanceof SliceOwner) throw new ArgumentTypeError('a slice', 'read, not written', this);
    if (this.reserving) throw new ConcurrentUseError('the end of the buffer');
  }

  #finish(state: typeof CLOSED | typeof RELEASED): void {
    const waiter = this.waiter;
    if (waiter !== null) this.unpark(waiter);
    this.state = state;
    if (poisoned) expire(this);
    this.chain.clear();
    this.notifyLevel = -1;
    if (this.owner instanceof SliceOwner) this.owner.released();
    if (waiter !== null) waiter.reject(this.closedError());
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
