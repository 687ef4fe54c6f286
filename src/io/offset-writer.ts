import { ArgumentRangeError, ArgumentTypeError, checkBytes, checkCount, hasMethod } from './arguments.ts';
import type { Seeker, Whence, WriterAt } from './contracts/positions.ts';
import type { Writer } from './contracts/streams.ts';
import { bytesWrittenOf } from './counts.ts';
import { seekTarget } from './seek.ts';

/**
 * Writes to a `WriterAt` from `offset` on, with a position of its own that starts at 0 there.
 * Go: `io.OffsetWriter`. One `write` at a time; any number of `writeAt` at once.
 *
 * @example
 * ```ts
 * import { OffsetWriter, writeString, type WriterAt } from 'gopark/io';
 *
 * async function writeBody(file: WriterAt): Promise<void> {
 *   const headerLength = 512;
 *   await writeString(new OffsetWriter(file, headerLength), 'body');
 * }
 * ```
 */
export class OffsetWriter implements Writer, WriterAt, Seeker {
  readonly #target: WriterAt;
  readonly #base: number;
  #at = 0;

  constructor(target: WriterAt, offset: number) {
    if (!hasMethod(target, 'writeAt')) {
      throw new ArgumentTypeError('target', 'a WriterAt (with a writeAt method)', target);
    }
    checkCount(offset, 'offset');
    this.#target = target;
    this.#base = offset;
  }

  /** Writes at the position and moves it by what was written, also when it rejects. */
  async write(p: Uint8Array): Promise<number> {
    checkBytes(p);
    try {
      const n = await this.#target.writeAt(p, this.#base + this.#at);
      this.#at += n;
      return n;
    } catch (error) {
      this.#at += bytesWrittenOf(error, p.length);
      throw error;
    }
  }

  /** Writes at `offset` counted from this writer's start. The position stays. */
  async writeAt(p: Uint8Array, offset: number): Promise<number> {
    checkBytes(p);
    checkCount(offset, 'offset');
    return this.#target.writeAt(p, this.#base + offset);
  }

  /** Moves the position. There is no end to count from: `'end'` rejects with `ArgumentRangeError`. */
  async seek(offset: number, whence: Whence): Promise<number> {
    if (whence === 'end') throw new ArgumentRangeError('whence', "'start' or 'current'", whence);
    this.#at = seekTarget(offset, whence, this.#at, 0);
    return this.#at;
  }
}
