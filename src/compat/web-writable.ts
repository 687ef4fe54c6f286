import { ArgumentTypeError, checkBytes, checkWriter, hasMethod } from '../io/arguments.ts';
import type { WriteCloser } from '../io/contracts/combinations.ts';
import type { Closer, Writer } from '../io/contracts/streams.ts';
import { checkWriteCount } from '../io/counts.ts';
import { WriteError } from '../io/errors.ts';
import { type Chunk, chunkBytes } from '../io/from-async-iterable.ts';

interface Endings {
  flush(): Promise<void>;
  closeWithError(reason: unknown): unknown;
  closeNow(): void;
}

/**
 * A web stream that writes to `w`. Backpressure stays: a chunk counts as written when `w` took it. Chunks may be
 * bytes or strings. Closing the stream calls `flush()` and `close()` of `w` where it has them; aborting calls
 * `closeWithError(reason)`, else `closeNow()`, else `close()`. With `preventClose` only `flush()` is called.
 *
 * @example
 * ```ts
 * import { Buffer } from 'gopark/bytes';
 * import { toWritableStream } from 'gopark/compat';
 *
 * const page = new Buffer();
 * await new Response('hello').body!.pipeTo(toWritableStream(page));
 * ```
 */
export function toWritableStream(w: Writer, options: { preventClose?: boolean } = {}): WritableStream<Chunk> {
  checkWriter(w);
  const endings = w as unknown as Endings & Closer;
  const closes = !options?.preventClose;
  return new WritableStream<Chunk>({
    async write(chunk) {
      const bytes = chunkBytes(chunk);
      checkWriteCount(await w.write(bytes), bytes.length);
    },
    async close() {
      if (hasMethod(w, 'flush')) await endings.flush();
      if (closes && hasMethod(w, 'close')) await endings.close();
    },
    async abort(reason) {
      if (!closes) return;
      if (hasMethod(w, 'closeWithError')) await endings.closeWithError(reason);
      else if (hasMethod(w, 'closeNow')) endings.closeNow();
      else if (hasMethod(w, 'close')) await endings.close();
    },
  });
}

/**
 * A writer to a web stream, which it locks. A write resolves when the stream's sink took the chunk; what is passed on
 * is a copy, as a stream may keep its chunks. `close` closes the stream, `closeWithError(reason)` aborts it. A
 * stream that failed rejects with `WriteError`, its `cause` is the stream's error.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { fromWritableStream } from 'gopark/compat';
 * import { copy } from 'gopark/io';
 *
 * const gzip = new CompressionStream('gzip');
 * const size = new Response(gzip.readable).arrayBuffer();
 * const writer = fromWritableStream(gzip.writable);
 * await copy(writer, new StringReader('much text'));
 * await writer.close();
 * console.log((await size).byteLength);
 * ```
 */
export function fromWritableStream(
  stream: WritableStream,
): WriteCloser & AsyncDisposable & { closeWithError(reason: unknown): Promise<void> } {
  if (!hasMethod(stream, 'getWriter')) throw new ArgumentTypeError('stream', 'a WritableStream', stream);
  const writer = stream.getWriter();
  // Each call reports the failure; nobody has to listen to this promise as well.
  writer.closed.catch(() => {});
  let ending = false;
  return {
    async write(p: Uint8Array): Promise<number> {
      checkBytes(p);
      try {
        await writer.ready;
        await writer.write(p.slice());
      } catch (error) {
        throw new WriteError(error, 0);
      }
      return p.length;
    },
    close() {
      ending = true;
      return writer.close();
    },
    closeWithError(reason) {
      ending = true;
      return writer.abort(reason);
    },
    async [Symbol.asyncDispose]() {
      if (!ending) await this.close();
    },
  };
}
