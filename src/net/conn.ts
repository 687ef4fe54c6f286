import type { Closer, Reader, Writer } from '../io/index.ts';
import type { Addr } from './addr.ts';

/**
 * What every call that may wait takes.
 *
 * @example
 * ```ts
 * import { type CallOptions, dial } from 'gopark/net';
 *
 * const options: CallOptions = { signal: AbortSignal.timeout(1000) };
 * await using conn = await dial('tcp', 'example.com:80', options);
 * await conn.read(new Uint8Array(512), options);
 * ```
 */
export interface CallOptions {
  /** Ends the call early: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A stream connection. Go: `net.Conn`.
 *
 * Any number of goroutines may use one at once: reads queue behind reads, writes behind writes, and whole writes
 * never interleave. Callers in these queues obey deadline and signal, too.
 *
 * A *deadline* is an instant at which waiting calls, and all later ones, fail with DeadlineExceededError until it is
 * moved; no byte is lost, and the connection stays usable. It is not an idle timer: set it anew for each request.
 * `null` clears it. An instant that has passed fails calls even when they would not have had to wait. Setting one
 * affects calls that wait already.
 *
 * @example
 * ```ts
 * import { type Conn, pipe } from 'gopark/net';
 *
 * // Whatever it comes by: TCP, a Unix socket, memory.
 * async function greet(conn: Conn): Promise<void> {
 *   conn.setTimeout(5000);
 *   await conn.write(new TextEncoder().encode('hello\n'));
 *   await conn.close();
 * }
 *
 * const [ours, theirs] = pipe();
 * await Promise.all([greet(ours), theirs.read(new Uint8Array(16))]);
 * ```
 */
export interface Conn extends Reader, Writer, Closer, AsyncDisposable {
  /** As Reader says. Half close by the peer is the end of the stream, not a closed connection. */
  read(p: Uint8Array, options?: CallOptions): Promise<number | null>;
  /** As Writer says: all of `p`, in one piece among other writes. */
  write(p: Uint8Array, options?: CallOptions): Promise<number>;

  readonly localAddr: Addr;
  readonly remoteAddr: Addr;

  /** Sets both deadlines. A Date is converted to the monotonic clock when set. */
  setDeadline(at: Date | null): void;
  setReadDeadline(at: Date | null): void;
  setWriteDeadline(at: Date | null): void;
  /** The same deadlines, counted from now: milliseconds; 0 or less has expired, Infinity and null mean none. */
  setTimeout(ms: number | null): void;
  setReadTimeout(ms: number | null): void;
  setWriteTimeout(ms: number | null): void;

  /**
   * Fails new calls, wakes waiting ones with ClosedError, and hands what was written to the kernel. What the kernel
   * does not take by the write deadline, or within `closeTimeout`, is discarded: then it rejects with `ERR_UNSENT`.
   * Resolves when the descriptor is closed. A second call rejects with ClosedError.
   */
  close(): Promise<void>;
  /** Closes at once; discards what the kernel has not taken. Never fails, any number of times. */
  closeNow(): void;
  /** `close` for `await using`: a connection that is closed already, or was reset by its peer, is fine, too. */
  [Symbol.asyncDispose](): Promise<void>;
}
