import {
  checkByte,
  checkBytes,
  checkCount,
  checkReader,
  checkString,
  checkWriter,
  hasMethod,
} from '../io/arguments.ts';
import { giveBuffer, takeBuffer } from '../io/buffer-pool.ts';
import type { ReaderFrom } from '../io/contracts/fast-paths.ts';
import type { Reader, Writer as Target } from '../io/contracts/streams.ts';
import type { ByteWriter, StringWriter } from '../io/contracts/units.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount, emptyReadsAllowed } from '../io/counts.ts';
import { ConcurrentUseError, CopyError, NoProgressError, WriteError } from '../io/errors.ts';
import { asNonblocking } from '../io/nonblocking.ts';
import { resolvedCount, resolvedVoid } from '../io/resolved.ts';
import { type TakesNow, takeNow } from '../io/take-now.ts';
import { encodeText, writeText } from '../io/text.ts';
import { encodeRune } from '../io/utf8.ts';

const defaultSize = 4096;

/** Stands for "no buffer". */
const none = new Uint8Array(0);

/**
 * A buffered writer. Go: `bufio.Writer`.
 *
 * What fits into the buffer is answered without the event loop; nothing leaves by itself, only when the buffer is
 * full or by `flush`. After the target failed once, nothing is accepted any more: every call rejects with a
 * `WriteError` whose `cause` is that first error, until `reset`. One call at a time: a second one rejects with
 * `ConcurrentUseError`. An empty writer holds no buffer. `await using` flushes at the end of the scope.
 *
 * @example
 * ```ts
 * import { Writer } from 'gopark/bufio';
 * import { Buffer } from 'gopark/bytes';
 *
 * const page = new Buffer();
 * const writer = new Writer(page);
 * await writer.writeString('hello, ');
 * await writer.writeString('world\n');
 * await writer.flush();
 * ```
 */
export class Writer implements Target, ByteWriter, StringWriter, ReaderFrom, AsyncDisposable {
  #target: Target;
  readonly #size: number;
  #buffer: Uint8Array<ArrayBuffer> = none;
  #used = 0;
  #busy = false;
  /** The target's first error, wrapped, as anything can be thrown. */
  #failure: { error: unknown } | undefined = undefined;

  /**
   * Writes to `target` through a buffer of `size` bytes (default 4096; 0 means the default). Where `target` already
   * is a buffered writer with a buffer as large, that one is returned.
   */
  constructor(target: Target, size: number = defaultSize) {
    checkWriter(target, 'target');
    checkCount(size, 'size');
    this.#target = target;
    this.#size = size === 0 ? defaultSize : size;
    // biome-ignore lint/correctness/noConstructorReturn: as in Go, a writer is not buffered twice
    if (target instanceof Writer && target.size >= this.#size) return target;
  }

  /** The size of the buffer in bytes, whether it is held at the moment or not. */
  get size(): number {
    return this.#size;
  }

  /** How many bytes wait for a flush. */
  get buffered(): number {
    return this.#used;
  }

  /** How many bytes still fit without a flush. */
  get available(): number {
    return this.#size - this.#used;
  }

  /**
   * The free part of the buffer, to be filled from its front and then written: `write(space.subarray(0, n))` copies
   * nothing. Valid until the next call on this writer.
   */
  availableBuffer(): Uint8Array {
    this.#checkFree();
    return this.#space();
  }

  /** Drops what is buffered and a stored error, and writes to `target` from now on. To itself: no change. */
  reset(target: Target): void {
    checkWriter(target, 'target');
    if (target === this) return;
    this.#checkFree();
    this.#used = 0;
    this.#release();
    this.#failure = undefined;
    this.#target = target;
  }

  /**
   * Takes all of `p` into the buffer and resolves `p.length`, flushing as often as the buffer fills up; what is
   * larger than an empty buffer goes to the target directly. Rejects with `WriteError`; its `bytesWritten` counts
   * what of `p` was buffered or written.
   */
  write(p: Uint8Array): Promise<number> {
    try {
      if (this.tryWrite(p)) return resolvedCount(p.length);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#writeLarge(p);
  }

  /** `write` without waiting: true when all of `p` fitted into the buffer, false when nothing of it was taken. */
  tryWrite(p: Uint8Array): boolean {
    checkBytes(p);
    this.#checkUsable();
    if (p.length > this.#size - this.#used) return false;
    this.#put(p);
    return true;
  }

  /**
   * Writes `s` as UTF-8 and resolves the number of bytes; a lone surrogate becomes U+FFFD. What is larger than an
   * empty buffer goes to the target's `writeString` where it has one. Rejects as `write`.
   */
  writeString(s: string): Promise<number> {
    try {
      checkString(s);
      this.#checkUsable();
      // A UTF-16 unit takes three bytes at most.
      if (s.length * 3 <= this.#size - this.#used) {
        if (s.length === 0) return resolvedCount(0);
        if (this.#buffer === none) this.#buffer = takeBuffer(this.#size);
        const n = writeText(this.#buffer, s, this.#used);
        this.#used += n;
        return resolvedCount(n);
      }
      if (s.length > this.#size && this.#used === 0 && hasMethod(this.#target, 'writeString')) {
        return this.#delegateString(s);
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return this.write(encodeText(s));
  }

  /** Writes one byte, 0 to 255. Rejects as `write`. */
  writeByte(byte: number): Promise<void> {
    try {
      checkByte(byte);
      this.#checkUsable();
      if (this.#used < this.#size) {
        if (this.#buffer === none) this.#buffer = takeBuffer(this.#size);
        this.#buffer[this.#used++] = byte;
        return resolvedVoid;
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#writeLarge(new Uint8Array([byte])).then(() => undefined);
  }

  /** Writes one code point as UTF-8 and resolves its size; what is no character becomes U+FFFD. Rejects as `write`. */
  writeRune(codePoint: number): Promise<number> {
    try {
      return this.write(new Uint8Array(encodeRune(codePoint)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Hands everything that is buffered to the target; no write where nothing is. Rejects with `WriteError`; what the
   * target did not take stays in the buffer.
   */
  flush(): Promise<void> {
    try {
      this.#checkUsable();
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#used === 0 || this.#flushNow()) return resolvedVoid;
    return this.#flush();
  }

  /**
   * Reads `r` to its end and resolves how many bytes came. They are buffered as by `write`, so the last of them may
   * wait for a `flush`; where the target has a `readFrom`, that does the work once the buffer is empty. Rejects with
   * `CopyError`.
   */
  readFrom(r: Reader): Promise<number> {
    try {
      checkReader(r);
      this.#checkUsable();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#exclusively(() => this.#readFrom(r));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  /** A connection with room takes it all at once: the buffer goes back before anybody else needs one. */
  #flushNow(): boolean {
    const target = this.#target as Target & Partial<TakesNow>;
    if (target[takeNow] === undefined || !target[takeNow](this.#content())) return false;
    this.#used = 0;
    this.#release();
    return true;
  }

  /** With waiting: one function and one wait, where `#exclusively` and `#drain` would be five. */
  async #flush(): Promise<void> {
    this.#busy = true;
    const used = this.#used;
    try {
      checkWriteCount(await this.#target.write(this.#content()), used);
      this.#used = 0;
    } catch (error) {
      this.#failure = { error };
      this.#keepUnsent(error);
      throw new WriteError(error, 0);
    } finally {
      this.#busy = false;
      this.#release();
    }
  }

  #checkFree(): void {
    if (this.#busy) throw new ConcurrentUseError('the buffered writer');
  }

  #checkUsable(): void {
    this.#checkFree();
    if (this.#failure !== undefined) throw new WriteError(this.#failure.error, 0);
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.#release();
    }
  }

  /** Gives an empty buffer back. */
  #release(): void {
    if (this.#used > 0 || this.#buffer === none) return;
    giveBuffer(this.#buffer);
    this.#buffer = none;
  }

  /** The free part of the buffer. */
  #space(): Uint8Array<ArrayBuffer> {
    if (this.#buffer === none) this.#buffer = takeBuffer(this.#size);
    return this.#buffer.subarray(this.#used);
  }

  #put(p: Uint8Array): void {
    if (p.length === 0) return;
    if (this.#buffer === none) this.#buffer = takeBuffer(this.#size);
    this.#buffer.set(p, this.#used);
    this.#used += p.length;
  }

  /** One write to the target; its error is the last word. Rejects with the target's own error. */
  async #toTarget(p: Uint8Array): Promise<void> {
    try {
      checkWriteCount(await this.#target.write(p), p.length);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Empties the buffer into the target; after an error the unsent rest is at its front. */
  async #drain(): Promise<void> {
    if (this.#used === 0) return;
    try {
      await this.#toTarget(this.#content());
    } catch (error) {
      this.#keepUnsent(error);
      throw error;
    }
    this.#used = 0;
  }

  #content(): Uint8Array {
    const buffer = this.#buffer;
    return this.#used === buffer.length ? buffer : buffer.subarray(0, this.#used);
  }

  /** The target did not take everything: what is left goes to the front. */
  #keepUnsent(error: unknown): void {
    const written = bytesWrittenOf(error, this.#used);
    this.#buffer.copyWithin(0, written, this.#used);
    this.#used -= written;
  }

  #writeLarge(p: Uint8Array): Promise<number> {
    return this.#exclusively(async () => {
      let done = 0;
      let direct = false;
      try {
        while (p.length - done > this.#size - this.#used) {
          direct = this.#used === 0;
          if (direct) {
            await this.#toTarget(done === 0 ? p : p.subarray(done));
            done = p.length;
          } else {
            const n = this.#size - this.#used;
            this.#put(p.subarray(done, done + n));
            done += n;
            await this.#drain();
          }
        }
      } catch (error) {
        throw new WriteError(error, direct ? done + bytesWrittenOf(error, p.length - done) : done);
      }
      this.#put(done === 0 ? p : p.subarray(done));
      return p.length;
    });
  }

  #delegateString(s: string): Promise<number> {
    return this.#exclusively(async () => {
      try {
        return await (this.#target as unknown as StringWriter).writeString(s);
      } catch (error) {
        this.#failure = { error };
        throw new WriteError(error, bytesWrittenOf(error, Number.MAX_SAFE_INTEGER));
      }
    });
  }

  async #readFrom(r: Reader): Promise<number> {
    const delegates = hasMethod(this.#target, 'readFrom');
    const nonblocking = asNonblocking(r);
    let total = 0;
    let emptyReads = 0;
    let side: 'read' | 'write' = 'read';
    try {
      for (;;) {
        side = 'write';
        if (this.#used === this.#size) await this.#drain();
        if (delegates && this.#used === 0) return total + (await this.#delegateRead(r));
        side = 'read';
        const space = this.#space();
        const n = nonblocking === null ? await r.read(space) : nonblocking.tryRead(space);
        if (n === null) return total;
        if (n === undefined && nonblocking !== null) {
          this.#release();
          await nonblocking.waitReadable();
          continue;
        }
        checkReadCount(n as number, space.length);
        const count = n as number;
        if (count === 0 && ++emptyReads === emptyReadsAllowed) throw new NoProgressError();
        if (count > 0) emptyReads = 0;
        this.#used += count;
        total += count;
      }
    } catch (error) {
      if (error instanceof CopyError) throw new CopyError(error.cause, total + error.bytesCopied, error.side);
      throw new CopyError(error, total, side);
    }
  }

  async #delegateRead(r: Reader): Promise<number> {
    try {
      return await (this.#target as unknown as ReaderFrom).readFrom(r);
    } catch (error) {
      const cause = error instanceof CopyError ? error.cause : error;
      this.#failure = { error: cause };
      if (error instanceof CopyError) throw error;
      const counts = error as { bytesCopied?: unknown } | null | undefined;
      const copied = typeof counts?.bytesCopied === 'number' ? counts.bytesCopied : 0;
      throw new CopyError(error, copied, 'unknown');
    }
  }
}
