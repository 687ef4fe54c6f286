import { giveBuffer, takeBuffer } from '../io/buffer-pool.ts';
import type { NonblockingReader, Reader as Source } from '../io/contracts/streams.ts';
import type { Rune } from '../io/contracts/units.ts';
import { checkReadCount, emptyReadsAllowed } from '../io/counts.ts';
import { ConcurrentUseError, NoProgressError } from '../io/errors.ts';
import { asNonblocking } from '../io/nonblocking.ts';
import { indexOfByte } from '../io/text.ts';
import { badByte, codePointOf, decodeRune, sizeOf } from '../io/utf8.ts';
import { BufferFullError } from './errors.ts';

/** Stands for "no buffer". */
export const none: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * What a `Reader` has taken in and not given out yet: the buffer, where it is filled from, with waiting or without,
 * and what was taken of it last.
 */
export class Intake {
  source: Source;
  nonblocking: NonblockingReader | null;
  /** How many bytes the buffer has, whether it is held at the moment or not. */
  readonly size: number;
  buffer: Uint8Array<ArrayBuffer> = none;
  /** The memory of `buffer`: asking an array for it costs as much as making a view. */
  memory: ArrayBuffer = none.buffer;
  /** What is buffered lies in [start, end). */
  start = 0;
  end = 0;
  /** What unreadByte would give back, else -1. */
  lastByte = -1;
  /** The size of what unreadRune would give back, else 0. */
  lastRune = 0;
  /** A call is under way. */
  busy = false;
  /** waitReadable came upon the end of a plain source; the next call that asks is told. */
  endSeen = false;

  constructor(source: Source, size: number) {
    this.source = source;
    this.nonblocking = asNonblocking(source);
    this.size = size;
  }

  reset(source: Source): void {
    this.start = this.end;
    this.release();
    this.source = source;
    this.nonblocking = asNonblocking(source);
    this.endSeen = false;
    this.forgetLast();
  }

  checkFree(): void {
    if (this.busy) throw new ConcurrentUseError('the buffered reader');
  }

  use(buffer: Uint8Array<ArrayBuffer>): void {
    this.buffer = buffer;
    this.memory = buffer.buffer;
  }

  /** Gives an empty buffer back. */
  release(): void {
    if (this.start !== this.end || this.buffer === none) return;
    giveBuffer(this.buffer);
    this.use(none);
    this.start = 0;
    this.end = 0;
  }

  /** The free part of the buffer, with what is buffered moved to the front. */
  room(): Uint8Array {
    if (this.buffer === none) this.use(takeBuffer(this.size));
    if (this.start > 0) {
      if (this.start < this.end) this.buffer.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    return this.end === 0 ? this.buffer : this.buffer.subarray(this.end);
  }

  /** Asks the source without waiting. true: bytes came; false: the end; undefined: not without waiting. */
  tryFill(): boolean | undefined {
    const source = this.nonblocking;
    if (this.endSeen) {
      this.endSeen = false;
      return false;
    }
    if (source === null) return undefined;
    for (let i = 0; i < emptyReadsAllowed; i++) {
      const room = this.room();
      let n: number | null | undefined;
      try {
        n = source.tryRead(room);
      } catch (error) {
        this.release();
        throw error;
      }
      if (typeof n !== 'number') {
        this.release();
        return n === null ? false : undefined;
      }
      checkReadCount(n, room.length);
      this.end += n;
      if (n > 0) return true;
    }
    throw new NoProgressError();
  }

  /** Answers by what is at hand; `attempt` gives undefined to ask for more bytes. */
  now<T>(attempt: (ended: boolean) => T | undefined): T | undefined {
    for (;;) {
      const answer = attempt(false);
      if (answer !== undefined) return answer;
      const more = this.tryFill();
      if (more === undefined) return undefined;
      if (!more) return attempt(true);
    }
  }

  /**
   * Answers after waiting, where `now` has found nothing: asks `attempt` again each time bytes came, and a last time
   * at the end. The one place where this reader waits, and one frame: what is parked here a hundred thousand times
   * should be small.
   */
  async wait<T>(
    attempt: (ended: boolean) => T | undefined,
    failed: (error: unknown) => unknown = (error) => error,
  ): Promise<T> {
    let emptyReads = 0;
    this.busy = true;
    try {
      for (;;) {
        const source = this.nonblocking;
        let more: boolean;
        if (source !== null) {
          await source.waitReadable();
          const now = this.tryFill();
          if (now === undefined) continue;
          more = now;
        } else if (this.endSeen) {
          this.endSeen = false;
          more = false;
        } else {
          const room = this.room();
          const n = await this.source.read(room);
          if (n !== null) checkReadCount(n, room.length);
          if (n === 0) {
            if (++emptyReads === emptyReadsAllowed) throw new NoProgressError();
            continue;
          }
          emptyReads = 0;
          this.end += n ?? 0;
          more = n !== null;
        }
        const answer = attempt(!more);
        if (answer !== undefined) return answer;
      }
    } catch (error) {
      const wrapped = failed(error);
      this.release();
      throw wrapped;
    } finally {
      // An empty buffer is not given back here: the answer may be a view of it.
      this.busy = false;
    }
  }

  /** One read of the source into `p` itself: nothing is buffered. */
  tryDirect(p: Uint8Array): number | null | undefined {
    if (this.nonblocking === null) return this.tryFill() === false ? null : undefined;
    const n = this.nonblocking.tryRead(p);
    if (typeof n === 'number') this.#noteDirect(p, n);
    return n;
  }

  async readDirect(p: Uint8Array): Promise<number | null> {
    this.release();
    this.busy = true;
    try {
      const n = await this.source.read(p);
      if (n !== null) this.#noteDirect(p, n);
      return n;
    } finally {
      this.busy = false;
    }
  }

  #noteDirect(p: Uint8Array, n: number): void {
    checkReadCount(n, p.length);
    if (n > 0) this.lastByte = p[n - 1]!;
    this.lastRune = 0;
  }

  // What is buffered

  copyOut(p: Uint8Array): number | undefined {
    const n = Math.min(p.length, this.end - this.start);
    if (n === 0) return undefined;
    p.set(new Uint8Array(this.memory, this.start, n));
    this.start += n;
    this.lastByte = this.buffer[this.start - 1]!;
    this.lastRune = 0;
    return n;
  }

  takeByte(ended: boolean): number | null | undefined {
    if (this.start === this.end) return ended ? null : undefined;
    this.lastByte = this.buffer[this.start++]!;
    this.lastRune = 0;
    return this.lastByte;
  }

  takeRune(ended: boolean): Rune | null | undefined {
    if (this.start === this.end) {
      this.lastRune = 0;
      return ended ? null : undefined;
    }
    let rune = decodeRune(this.buffer, this.start, this.end);
    if (rune < 0) {
      if (!ended) return undefined;
      rune = badByte;
    }
    const size = sizeOf(rune);
    this.start += size;
    this.lastByte = this.buffer[this.start - 1]!;
    this.lastRune = size;
    return { codePoint: codePointOf(rune), size };
  }

  /** The next `n` bytes for `peek`. */
  view(n: number, ended: boolean): Uint8Array | null | undefined {
    const buffered = this.end - this.start;
    if (n <= buffered) return this.buffer.subarray(this.start, this.start + n);
    if (ended) return buffered === 0 ? null : this.buffer.subarray(this.start, this.end);
    if (buffered === this.size) throw new BufferFullError(this.copyBuffered());
    return undefined;
  }

  /** Where `byte` is among what is buffered from `from` on, else -1. */
  find(byte: number, from: number): number {
    const end = this.end;
    if (from >= end) return -1;
    const buffer = this.buffer;
    // A sentinel behind the data: the search never runs on through what earlier reads left there.
    if (end < buffer.length) buffer[end] = byte;
    const at = indexOfByte(buffer, byte, from);
    return at < end ? at : -1;
  }

  /** Consumes up to `to`, which is beyond the start, and gives it as a view. */
  take(to: number): Uint8Array {
    const start = this.start;
    const buffer = this.buffer;
    this.start = to;
    this.lastByte = buffer[to - 1]!;
    this.lastRune = 0;
    return new Uint8Array(this.memory, start, to - start);
  }

  copyBuffered(): Uint8Array {
    return this.buffer.slice(this.start, this.end);
  }

  /** Whether there was one, which is to be read again now. */
  giveBackByte(): boolean {
    if (this.lastByte < 0 || (this.start === 0 && this.end > 0)) return false;
    if (this.start > 0) {
      this.start--;
    } else {
      if (this.buffer === none) this.use(takeBuffer(this.size));
      this.end = 1;
    }
    this.buffer[this.start] = this.lastByte;
    this.forgetLast();
    return true;
  }

  giveBackRune(): boolean {
    if (this.lastRune === 0 || this.start < this.lastRune) return false;
    this.start -= this.lastRune;
    this.forgetLast();
    return true;
  }

  /** Neither a byte nor a character can be given back. */
  forgetLast(): void {
    this.lastByte = -1;
    this.lastRune = 0;
  }
}
