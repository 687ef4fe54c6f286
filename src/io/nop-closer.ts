import { checkReader, hasMethod } from './arguments.ts';
import type { ReadCloser } from './contracts/combinations.ts';
import type { WriterTo } from './contracts/fast-paths.ts';
import type { NonblockingReader, Reader, Writer } from './contracts/streams.ts';
import { asNonblocking } from './nonblocking.ts';
import { resolvedVoid } from './resolved.ts';

/**
 * `r` with a `close` that does nothing, for code that wants to close what it reads. The fast paths of `r` (`writeTo`;
 * `tryRead` and `waitReadable`) are there exactly when `r` has them. Go: `io.NopCloser`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { nopCloser } from 'gopark/io';
 *
 * const body = nopCloser(new StringReader('stays open'));
 * await body.close();
 * ```
 */
export function nopCloser(r: Reader): ReadCloser & AsyncDisposable {
  checkReader(r);
  const closer: ReadCloser & AsyncDisposable & Partial<WriterTo & NonblockingReader> = {
    read: (p) => r.read(p),
    close: () => resolvedVoid,
    [Symbol.asyncDispose]: () => resolvedVoid,
  };
  if (hasMethod(r, 'writeTo')) closer.writeTo = (w: Writer) => (r as unknown as WriterTo).writeTo(w);
  const nonblocking = asNonblocking(r);
  if (nonblocking !== null) {
    closer.tryRead = (p) => nonblocking.tryRead(p);
    closer.waitReadable = () => nonblocking.waitReadable();
  }
  return closer;
}
