import { setMaxListeners } from 'node:events';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { type Goroutine, go, sleep } from '../runtime/index.ts';
import { shareOrigin } from '../runtime/site.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';
import { ClosedError } from './errors.ts';
import { checkListener, type Listener } from './listener.ts';

/**
 * Serves one connection. `stopping` fires when a shutdown begins: finish what you are at, and return. It is one signal
 * for all connections of the server: a listener that is added to it has to be removed when the handler ends.
 *
 * @example
 * ```ts
 * import { type ConnHandler, listen, startServing, type TCPConn } from 'gopark/net';
 *
 * const handler: ConnHandler<TCPConn> = async (conn, stopping) => {
 *   const p = new Uint8Array(512);
 *   for (let n = await conn.read(p); n !== null && !stopping.aborted; n = await conn.read(p)) await conn.write(p.subarray(0, n));
 * };
 * startServing(await listen('tcp', ':9000'), handler);
 * ```
 */
export type ConnHandler<C extends Conn> = (conn: C, stopping: AbortSignal) => Promise<void> | void;

/**
 * Options of a shutdown.
 *
 * @example
 * ```ts
 * import { listen, type ShutdownOptions, startServing } from 'gopark/net';
 *
 * const serving = startServing(await listen('tcp', ':9000'), (conn) => conn.close());
 * const patience: ShutdownOptions = { timeout: 5000 };
 * console.log(await serving.shutdown(patience), 'were cut off');
 * ```
 */
export interface ShutdownOptions extends CallOptions {
  /** How long connections may take to end by themselves, in milliseconds. Default 10,000; Infinity: as long as it takes. */
  timeout?: number;
}

const SHUTDOWN_TIMEOUT = 10_000;

/**
 * A listener at work, and the connections it has accepted. Made by `startServing`.
 *
 * @example
 * ```ts
 * import { listen, type Serving, startServing } from 'gopark/net';
 *
 * const serving: Serving = startServing(await listen('tcp', '127.0.0.1:0'), async (conn) => {
 *   await conn.write(new TextEncoder().encode('hello\n'));
 * });
 * console.log(serving.connections);
 * await serving.shutdown({ timeout: 1000 });
 * ```
 */
export class Serving<C extends Conn = Conn> {
  readonly #listener: Listener<C>;
  readonly #handler: ConnHandler<C>;
  readonly #accepting: Goroutine<void>;
  readonly #stopping = new AbortController();
  readonly #conns = new Set<C>();
  #whenIdle: (() => void) | null = null;

  /** @internal */
  constructor(listener: Listener<C>, handler: ConnHandler<C>) {
    this.#listener = listener;
    this.#handler = handler;
    // Every handler may listen to it.
    setMaxListeners(0, this.#stopping.signal);
    const serve = (conn: C) => this.#serve(conn);
    shareOrigin(serve, handler, startServing);
    this.#accepting = go(() => listener.serve(serve));
  }

  /** Where it listens. */
  get addr(): Addr {
    return this.#listener.addr;
  }

  /** How many connections are being served. */
  get connections(): number {
    return this.#conns.size;
  }

  /** Resolves when the listener has been closed; rejects when it cannot accept any more. */
  get accepting(): Promise<void> {
    return this.#accepting.done;
  }

  async #serve(conn: C): Promise<void> {
    this.#conns.add(conn);
    try {
      await this.#handler(conn, this.#stopping.signal);
    } finally {
      try {
        // What the handler has written goes out before the connection counts as ended.
        await conn[Symbol.asyncDispose]();
      } finally {
        this.#conns.delete(conn);
        if (this.#conns.size === 0) this.#whenIdle?.();
      }
    }
  }

  /**
   * Stops accepting, fires the `stopping` signal of all handlers, and waits until they have ended and their
   * connections are closed. What is left after `timeout`, or when `signal` fires, is closed at once. May be called
   * again, with less patience for instance.
   *
   * @returns how many connections had to be cut off
   */
  async shutdown(options: ShutdownOptions = {}): Promise<number> {
    const { timeout = SHUTDOWN_TIMEOUT, signal } = options;
    if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
      throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
    }
    this.#stopping.abort();
    await this.#listener.close().catch((error: unknown) => {
      if (!(error instanceof ClosedError)) throw error;
    });
    await this.#idle(timeout, signal);
    const left = [...this.#conns];
    for (const conn of left) conn.closeNow();
    return left.length;
  }

  /** Waits until no connection is left, but no longer than it may. */
  async #idle(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#conns.size === 0 || timeout <= 0 || signal?.aborted) return;
    const enough = new AbortController();
    const give = () => enough.abort();
    const before = this.#whenIdle;
    this.#whenIdle = () => {
      before?.();
      give();
    };
    signal?.addEventListener('abort', give, { once: true });
    try {
      await sleep(timeout, { signal: enough.signal });
    } catch {
      // Idle, or told to wait no longer: both end the wait.
    } finally {
      signal?.removeEventListener('abort', give);
    }
  }
}

/**
 * Accepts connections and runs `handler` for each as a goroutine of its own, as `listener.serve` does, and can be
 * shut down gracefully. Go: what `http.Server` has in `Serve` and `Shutdown`.
 *
 * @example
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { writeString } from 'gopark/io';
 * import { listen, startServing } from 'gopark/net';
 * import { afterFunc } from 'gopark/sync';
 *
 * const serving = startServing(await listen('tcp', '127.0.0.1:9000'), async (conn, stopping) => {
 *   // Who is idle when the shutdown begins waits no longer; who is at work finishes.
 *   const stop = afterFunc(stopping, () => conn.setReadTimeout(0));
 *   try {
 *     for await (const line of new Scanner(conn)) await writeString(conn, `${line}\n`);
 *   } catch (error) {
 *     if (!stopping.aborted) throw error;
 *   } finally {
 *     stop();
 *   }
 * });
 * process.once('SIGTERM', async () => console.log(await serving.shutdown({ timeout: 5000 }), 'cut off'));
 * ```
 */
export function startServing<C extends Conn>(listener: Listener<C>, handler: ConnHandler<C>): Serving<C> {
  checkListener(listener);
  if (typeof handler !== 'function') throw new ArgumentTypeError('handler', 'a function', handler);
  return new Serving(listener, handler);
}
