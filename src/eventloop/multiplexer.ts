import { ArgumentTypeError, checkCount } from '../io/arguments.ts';
import { IOError } from '../io/index.ts';
import type { LinkReader, LinkWriter } from '../linkbuffer/index.ts';
import type { CallOptions } from '../net/conn.ts';
import { abortReason } from '../runtime/failures.ts';
import { type Parked, park } from '../runtime/park.ts';
import { checkSignal, onAbort } from '../runtime/signal.ts';
import { beginWait, endWait, Wait } from '../runtime/waits.ts';
import { Semaphore } from '../sync/semaphore.ts';
import type { Connection } from './connection.ts';
import { SMALLEST_READ } from './flags.ts';

/**
 * How requests and responses of a protocol look on the wire.
 *
 * @example
 * ```ts
 * import type { MultiplexProtocol } from 'gopark/eventloop';
 *
 * // Numbers there, their squares back: four bytes of id, eight of number.
 * export const squares: MultiplexProtocol<number, { id: number; square: number }> = {
 *   encode(n, writer, id) {
 *     const frame = writer.malloc(12);
 *     const view = new DataView(frame.buffer, frame.byteOffset);
 *     view.setUint32(0, id);
 *     view.setFloat64(4, n);
 *   },
 *   decode(reader) {
 *     const frame = reader.tryNext(12);
 *     if (!frame) return undefined;
 *     const view = new DataView(frame.buffer, frame.byteOffset);
 *     return { id: view.getUint32(0), square: view.getFloat64(4) };
 *   },
 *   idOf: ({ id }) => id,
 * };
 * ```
 */
export interface MultiplexProtocol<Request, Response> {
  /** Writes one request. `id` is a number below 2^32 that no request under way has; pipelines need not send it. */
  encode(request: Request, writer: LinkWriter, id: number): void;
  /**
   * Takes one response out of what has come; `undefined`: it is not all there yet, and nothing was consumed. It is
   * called again with more, from the beginning of the response, as long as that is below `maxResponse`.
   */
  decode(reader: LinkReader): Response | undefined;
  /** Which request a response answers. Left out: responses come in the order of the requests (pipelining). */
  idOf?(response: Response): number;
}

/**
 * Options of a Multiplexer.
 *
 * @example
 * ```ts
 * import type { MultiplexerOptions } from 'gopark/eventloop';
 *
 * export const modest: MultiplexerOptions = { pending: 100 };
 * ```
 */
export interface MultiplexerOptions {
  /** How many requests may be under way; further calls wait in their order. Default 4096. */
  pending?: number;
  /**
   * How many bytes may wait for `decode` to find a response in them, at least 1; default 16 MiB. As much is received
   * as a response needs, whatever `readHighWater` says; beyond this the connection ends with ResponseTooLargeError.
   */
  maxResponse?: number;
}

/**
 * A response is longer than `maxResponse`, or never ends: `cause` of the RequestLostError of all that was under way.
 *
 * @example
 * ```ts
 * import { type Multiplexer, RequestLostError, ResponseTooLargeError } from 'gopark/eventloop';
 *
 * async function get(mux: Multiplexer<string, string>, key: string): Promise<string | null> {
 *   try {
 *     return await mux.call(`GET ${key}`);
 *   } catch (error) {
 *     if (error instanceof RequestLostError && error.cause instanceof ResponseTooLargeError) return null;
 *     throw error;
 *   }
 * }
 * ```
 */
export class ResponseTooLargeError extends IOError {
  readonly limit: number;

  constructor(limit: number, ends: string) {
    super('ERR_RESPONSE_TOO_LARGE', `no response in more than ${limit} bytes from ${ends}: see maxResponse`);
    this.limit = limit;
  }
}

/**
 * A request that was under way on a connection that has ended: whether the peer has seen it nobody knows. `cause` says
 * why the connection ended, where that is known.
 *
 * @example
 * ```ts
 * import { type Multiplexer, RequestLostError } from 'gopark/eventloop';
 *
 * async function get(mux: Multiplexer<string, string>, key: string): Promise<string | null> {
 *   try {
 *     return await mux.call(`GET ${key}`);
 *   } catch (error) {
 *     if (error instanceof RequestLostError) return null; // reading can be tried again elsewhere
 *     throw error;
 *   }
 * }
 * ```
 */
export class RequestLostError extends IOError {
  constructor(reason: unknown) {
    super(
      'ERR_REQUEST_LOST',
      'the connection ended before the response',
      reason === null ? {} : { cause: reason },
    );
  }
}

/**
 * Many goroutines share one connection: what they ask in one turn of the event loop leaves with one system call, and
 * each gets its own answer, by the order or by an id. CloudWeGo Netpoll: `mux.ShardQueue`, but first in, first out.
 *
 * It takes the connection over: its request handler, its reader and its writer.
 *
 * @example
 * ```ts
 * import { dial, Multiplexer } from 'gopark/eventloop';
 *
 * // Lines, answered in order.
 * const mux = new Multiplexer<string, string>(await dial('tcp', '127.0.0.1:7000'), {
 *   encode: (request, writer) => writer.writeString(`${request}\n`),
 *   decode(reader) {
 *     const end = reader.indexOf(10);
 *     return end < 0 ? undefined : reader.tryReadString(end + 1)!.trimEnd();
 *   },
 * });
 * console.log(await Promise.all([mux.call('one'), mux.call('two'), mux.call('three')]));
 * await mux.close();
 * ```
 */
export class Multiplexer<Request, Response> {
  readonly #conn: Connection;
  readonly #protocol: MultiplexProtocol<Request, Response>;
  readonly #places: Semaphore;
  readonly #maxResponse: number;
  /** By id, in the order of the requests. Whoever has given up stays until its answer has come. */
  readonly #pending = new Map<number, PendingCall<Response>>();
  #lastId = 0;
  #flushing = false;

  constructor(
    conn: Connection,
    protocol: MultiplexProtocol<Request, Response>,
    options: MultiplexerOptions = {},
  ) {
    const { pending = 4096, maxResponse = 16 * 1024 * 1024 } = options;
    checkCount(pending, 'pending', 1);
    checkCount(maxResponse, 'maxResponse', 1);
    if (typeof protocol?.encode !== 'function' || typeof protocol.decode !== 'function') {
      throw new ArgumentTypeError('protocol', 'an object with encode and decode', protocol);
    }
    this.#conn = conn;
    this.#protocol = protocol;
    this.#places = new Semaphore(pending);
    this.#maxResponse = maxResponse;
    conn.addCloseCallback(() => this.#lost());
    const receive = () => this.#receive();
    conn.setOnRequest(receive);
  }

  /** How many requests are under way, those included whose callers have given up. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Sends `request` and resolves with its response. When `signal` fires it rejects at once, with the signal's reason;
   * the response is dropped when it comes. Rejects with RequestLostError when the connection ends, with ClosedError
   * when it has ended, or with what `encode` throws: then nothing is sent.
   */
  async call(request: Request, options: CallOptions = {}): Promise<Response> {
    const { signal } = options;
    if (signal?.aborted) throw abortReason(signal);
    if (signal !== undefined) checkSignal(signal);
    await this.#places.acquire(1, options);
    const id = this.#freeId();
    const conn = this.#conn;
    const before = conn.mallocLen;
    try {
      this.#protocol.encode(request, conn.writer, id);
    } catch (error) {
      this.#places.release(1);
      if (conn.isActive) conn.mallocAck(before);
      throw error;
    }
    const call = new PendingCall<Response>(conn, signal);
    this.#pending.set(id, call);
    this.#flushSoon();
    return call.wait();
  }

  /** Closes the connection: what is under way is lost. */
  close(): Promise<void> {
    return this.#conn.close();
  }

  #freeId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  /** Whoever else runs in this turn writes first. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      // A failure ends the connection, and by that every call.
      if (this.#conn.isActive) void this.#conn.flush();
    });
  }

  #receive(): void {
    const { reader } = this.#conn;
    const { idOf } = this.#protocol;
    for (;;) {
      const response = this.#protocol.decode(reader);
      if (response === undefined) {
        this.#wantMore();
        return;
      }
      const id = idOf === undefined ? this.#oldest() : idOf.call(this.#protocol, response);
      const call = id === undefined ? undefined : this.#pending.get(id);
      if (call === undefined)
        throw new IOError('ERR_UNEXPECTED_RESPONSE', `a response to nothing that was asked: ${id}`);
      this.#pending.delete(id!);
      this.#places.release(1);
      call.succeed(response);
    }
  }

  /** What has come is not all of the response: twice as much may come, so that few calls see it again. */
  #wantMore(): void {
    const conn = this.#conn;
    const there = conn.len;
    const most = this.#maxResponse;
    if (there > most) {
      throw new ResponseTooLargeError(
        most,
        `${conn.host.family.network} ${conn.localAddr}->${conn.remoteAddr}`,
      );
    }
    // So much above that it is seen when it is more.
    if (there > 0) conn.allow(Math.min(2 * there, most) + 2 * SMALLEST_READ);
  }

  #oldest(): number | undefined {
    for (const id of this.#pending.keys()) return id;
    return undefined;
  }

  #lost(): void {
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of calls) {
      this.#places.release(1);
      call.fail(new RequestLostError(this.#conn.reason));
    }
  }
}

/** A call that waits for its response, for the dump, too. */
class PendingCall<Response> extends Wait implements Parked<Response> {
  resolve!: (value: Response) => void;
  reject!: (reason: unknown) => void;
  readonly waitReason = 'IO wait';
  readonly #conn: Connection;
  readonly #signal: AbortSignal | undefined;
  #waits = true;

  constructor(conn: Connection, signal: AbortSignal | undefined) {
    super();
    this.#conn = conn;
    this.#signal = signal;
  }

  get waitOperation(): string {
    return 'response';
  }

  override describeWait(): string {
    const { localAddr, remoteAddr, host } = this.#conn;
    return `response ${host.family.network} ${localAddr}->${remoteAddr}`;
  }

  override get mayEndByItself(): boolean {
    return true;
  }

  wait(): Promise<Response> {
    const promise = park<Response>(this);
    beginWait(this);
    if (this.#signal !== undefined) onAbort(this.#signal, this);
    return promise;
  }

  succeed(response: Response): void {
    if (this.#end()) this.resolve(response);
  }

  fail(error: unknown): void {
    if (this.#end()) this.reject(error);
  }

  handleEvent(): void {
    this.fail(abortReason(this.#signal!));
  }

  /** False: it has ended before. */
  #end(): boolean {
    if (!this.#waits) return false;
    this.#waits = false;
    endWait(this);
    this.#signal?.removeEventListener('abort', this);
    return true;
  }
}
