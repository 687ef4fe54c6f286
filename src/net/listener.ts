import { ArgumentTypeError, type Closer } from '../io/index.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';

/**
 * Accepts connections. Go: `net.Listener`.
 *
 * `for await` over it accepts until it is closed here: then the loop ends quietly. A lack of descriptors or memory
 * does not end the loop, or `serve`: they wait a little (5 ms, doubling to 1 s) and go on. Leaving the loop does not
 * close the listener.
 *
 * @example
 * ```ts
 * import { type Listener, listen, type TCPConn } from 'gopark/net';
 *
 * const listener: Listener<TCPConn> = await listen('tcp', '127.0.0.1:0');
 * process.once('SIGTERM', () => listener.close());
 * for await (const conn of listener) await conn.close();
 * ```
 */
export interface Listener<C extends Conn = Conn> extends AsyncIterable<C>, Closer, AsyncDisposable {
  /** The next connection. Rejects with ClosedError once the listener is closed, with OpError otherwise. */
  accept(options?: CallOptions): Promise<C>;
  /** The instant at which `accept` fails with DeadlineExceededError, also with connections waiting; null: none. */
  setDeadline(at: Date | null): void;
  /**
   * Accepts until the listener is closed, and runs `fn` for each connection as a goroutine of its own. When `fn`
   * ends, its connection is closed. An error that ends `fn` never ends the process: see `runtime.onError`.
   */
  serve(fn: (conn: C) => Promise<void> | void): Promise<void>;
  /** Where it listens, with the port that the system chose. */
  readonly addr: Addr;
  /** Stops listening and wakes waiting accepts. Connections that were accepted live on. */
  close(): Promise<void>;
}

/** Throws unless it has what serving needs of a listener. */
export function checkListener(listener: unknown): void {
  const { accept, serve } = (listener ?? {}) as Partial<Listener>;
  if (typeof accept !== 'function' || typeof serve !== 'function') {
    throw new ArgumentTypeError('listener', 'a listener', listener);
  }
}
