import {
  ArgumentRangeError,
  checkBytes,
  checkInteger,
  checkReader,
  checkWriter,
  hasMethod,
} from './arguments.ts';
import { giveBuffer, takeBuffer } from './buffer-pool.ts';
import type { ReaderFrom, WriterTo } from './contracts/fast-paths.ts';
import type { Reader, Writer } from './contracts/streams.ts';
import { bytesWrittenOf, checkReadCount, checkWriteCount, emptyReadsAllowed } from './counts.ts';
import { CopyError, NoProgressError, UnexpectedEOFError } from './errors.ts';
import { LimitedReader, limitReader } from './limit-reader.ts';
import { asNonblocking } from './nonblocking.ts';

const defaultSize = 32 * 1024;

/**
 * Copies from `src` to `dst` until the end of `src` and resolves how many bytes went. The end is success.
 *
 * `src.writeTo` does the work where there is one, else `dst.readFrom`, else a loop with a buffer of 32 KiB. Where
 * `src` can be asked without waiting (see `NonblockingReader`) the loop holds no buffer while nothing comes in.
 * Neither side is closed. Rejects with `CopyError`: `bytesCopied` counts what `dst` took, `cause` is the error of
 * the side that failed. Cancel it by cancelling what it waits for: a deadline, a signal or a close of either side.
 * Go: `io.Copy`, except that a source which gives 0 bytes a hundred times in a row is given up on.
 *
 * @example
 * ```ts
 * import { Buffer, StringReader } from 'gopark/bytes';
 * import { copy } from 'gopark/io';
 *
 * const page = new Buffer();
 * const n = await copy(page, new StringReader('hello'));
 * console.log(n, page.toString());
 * ```
 */
export function copy(dst: Writer, src: Reader): Promise<number> {
  return start(dst, src, null);
}

/**
 * `copy` through the caller's buffer: nothing is allocated, and no read is larger than `buf`. The buffer stays
 * unused where `src.writeTo` or `dst.readFrom` does the work. It is the caller's again when the promise settles. An
 * empty `buf` rejects with `ArgumentRangeError`. Go: `io.CopyBuffer`.
 *
 * @example
 * ```ts
 * import { Buffer, StringReader } from 'gopark/bytes';
 * import { copyBuffer } from 'gopark/io';
 *
 * await copyBuffer(new Buffer(), new StringReader('hello'), new Uint8Array(64 * 1024));
 * ```
 */
export function copyBuffer(dst: Writer, src: Reader, buf: Uint8Array): Promise<number> {
  try {
    checkBytes(buf, 'buf');
    if (buf.length === 0) throw new ArgumentRangeError('buf', 'a buffer of at least 1 byte', buf.length);
  } catch (error) {
    return Promise.reject(error);
  }
  return start(dst, src, buf);
}

/**
 * Copies exactly `n` bytes and resolves `n`; reads nothing beyond them from `src`. `n` of 0 or less copies nothing.
 * Rejects with `UnexpectedEOFError` when `src` ends earlier and with `CopyError` when a side fails; both carry
 * `bytesCopied`. Go: `io.CopyN`.
 *
 * @example
 * ```ts
 * import { Buffer, StringReader } from 'gopark/bytes';
 * import { copyN } from 'gopark/io';
 *
 * const head = new Buffer();
 * await copyN(head, new StringReader('header and body'), 6);
 * ```
 */
export async function copyN(dst: Writer, src: Reader, n: number): Promise<number> {
  checkInteger(n, 'n');
  checkReader(src, 'src');
  checkWriter(dst, 'dst');
  if (n <= 0) return 0;
  const copied = await copy(dst, limitReader(src, n));
  if (copied < n) throw new UnexpectedEOFError(copied, n);
  return copied;
}

function start(dst: Writer, src: Reader, buffer: Uint8Array | null): Promise<number> {
  try {
    checkWriter(dst, 'dst');
    checkReader(src, 'src');
    if (hasMethod(src, 'writeTo')) {
      return (src as unknown as WriterTo).writeTo(dst).catch(failedOnFastPath);
    }
    if (hasMethod(dst, 'readFrom')) {
      return (dst as unknown as ReaderFrom).readFrom(src).catch(failedOnFastPath);
    }
  } catch (error) {
    return Promise.reject(error);
  }
  return copyLoop(dst, src, buffer);
}

function failedOnFastPath(error: unknown): never {
  if (error instanceof CopyError) throw error;
  const counts = error as { bytesCopied?: unknown } | null | undefined;
  const copied = counts?.bytesCopied;
  const bytes = typeof copied === 'number' ? copied : bytesWrittenOf(error, Number.MAX_SAFE_INTEGER);
  throw new CopyError(error, bytes, 'unknown');
}

/** The plain loop: what `copy` does where neither side has a fast path. Types with one fall back to it. */
export async function copyLoop(dst: Writer, src: Reader, own: Uint8Array | null = null): Promise<number> {
  const nonblocking = asNonblocking(src);
  const size = src instanceof LimitedReader ? Math.max(1, Math.min(defaultSize, src.remaining)) : defaultSize;
  let pooled: Uint8Array<ArrayBuffer> | null = null;
  let side: 'read' | 'write' = 'read';
  let copied = 0;
  let emptyReads = 0;
  let asked = 0;
  try {
    for (;;) {
      side = 'read';
      let buffer = own ?? pooled;
      if (buffer === null) {
        pooled = takeBuffer(size);
        buffer = pooled;
      }
      let n: number | null | undefined;
      if (nonblocking === null) n = await src.read(buffer);
      else n = nonblocking.tryRead(buffer);
      if (n === null) return copied;
      if (n === undefined && nonblocking !== null) {
        // Nothing there: wait without a buffer.
        if (pooled !== null) giveBuffer(pooled);
        pooled = null;
        await nonblocking.waitReadable();
        continue;
      }
      checkReadCount(n as number, buffer.length);
      const count = n as number;
      if (count === 0) {
        if (++emptyReads === emptyReadsAllowed) throw new NoProgressError();
        continue;
      }
      emptyReads = 0;
      side = 'write';
      asked = count;
      const part = count === buffer.length ? buffer : new Uint8Array(buffer.buffer, buffer.byteOffset, count);
      const written = await dst.write(part);
      if (written !== count) checkWriteCount(written, count);
      copied += count;
    }
  } catch (error) {
    throw new CopyError(error, side === 'read' ? copied : copied + bytesWrittenOf(error, asked), side);
  } finally {
    if (pooled !== null) giveBuffer(pooled);
  }
}

/** How many bytes went through a pair of fast path and rest: adds `before` to the count of a copy or its error. */
export function copyMore(before: number, rest: Promise<number>): Promise<number> {
  if (before === 0) return rest;
  return rest.then(
    (n) => before + n,
    (error) => {
      if (!(error instanceof CopyError)) throw error;
      throw new CopyError(error.cause, before + error.bytesCopied, error.side);
    },
  );
}
