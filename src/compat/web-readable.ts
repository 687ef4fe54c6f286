import { ArgumentTypeError, checkReader, hasMethod } from '../io/arguments.ts';
import type { ReadCloser } from '../io/contracts/combinations.ts';
import type { Closer, Reader } from '../io/contracts/streams.ts';
import { checkReadCount } from '../io/counts.ts';
import { ChunkReader } from '../io/from-async-iterable.ts';
import { ChunkSource } from '../io/to-async-iterable.ts';

/** Tells a reader that nobody wants its bytes any more, in the most telling way it has. */
async function stop(r: Reader, reason: unknown): Promise<void> {
  if (hasMethod(r, 'closeWithError')) {
    await (r as unknown as { closeWithError(reason: unknown): unknown }).closeWithError(reason);
  } else if (hasMethod(r, 'close')) {
    await (r as unknown as Closer).close();
  }
}

/**
 * A web stream of the bytes of `r`. It is a byte stream, so readers with buffers of their own ('byob') read straight
 * into them. Backpressure stays: `r` is read when the stream is, one chunk of at most `size` bytes (default 64 KiB)
 * at a time. Cancelling the stream closes `r` where it can be closed (`closeWithError(reason)`, else `close()`),
 * unless `preventClose`. An error of `r` errors the stream.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { toReadableStream } from 'gopark/compat';
 *
 * const text = await new Response(toReadableStream(new StringReader('hello'))).text();
 * ```
 */
export function toReadableStream(
  r: Reader,
  options: { size?: number; preventClose?: boolean } = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  checkReader(r);
  const chunks = new ChunkSource(r, options?.size);
  let cancelled = false;
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const request = controller.byobRequest;
      const view = request?.view ?? null;
      if (request !== null && view !== null) {
        const p = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
        let n = await r.read(p);
        while (n === 0) n = await r.read(p);
        // The read may have been under way when the stream was cancelled; its request is void then.
        if (cancelled) return;
        if (n !== null) checkReadCount(n, p.length);
        if (n === null) controller.close();
        request.respond(n ?? 0);
        return;
      }
      const chunk = await chunks.next();
      if (cancelled) return;
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    async cancel(reason) {
      cancelled = true;
      if (!options?.preventClose) await stop(r, reason);
    },
  }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * A reader of a web stream's chunks, which it locks. A chunk is pulled when the one before is used up. `close`
 * cancels the stream, `closeWithError(reason)` with a reason; an error of the stream is what `read` rejects with.
 * Chunks may be bytes or strings. One read at a time.
 *
 * @example
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { fromReadableStream } from 'gopark/compat';
 *
 * const response = new Response('one\ntwo\n');
 * await using body = fromReadableStream(response.body!);
 * for await (const line of new Scanner(body)) console.log(line);
 * ```
 */
export function fromReadableStream(
  stream: ReadableStream,
): ReadCloser & AsyncDisposable & { closeWithError(reason: unknown): Promise<void> } {
  if (!hasMethod(stream, 'getReader')) throw new ArgumentTypeError('stream', 'a ReadableStream', stream);
  const reader = stream.getReader();
  return new ChunkReader({
    next: () => reader.read(),
    cancel: (reason) => reader.cancel(reason),
  });
}
