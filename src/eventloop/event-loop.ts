import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import type { CallOptions } from '../net/conn.ts';
import { type Detached, takeOver } from '../net/detached.ts';
import { ClosedError } from '../net/errors.ts';
import type { Listener } from '../net/listener.ts';
import { checkListener } from '../net/listener.ts';
import { isSlotListener } from '../net/slot-listener.ts';
import { FD } from '../poll/index.ts';
import { nextTurn } from '../runtime/budget.ts';
import { sleep } from '../runtime/index.ts';
import { originOf } from '../runtime/site.ts';
import { Connection } from './connection.ts';
import { EventLoopError } from './errors.ts';
import type { LoopCallbacks, Watch } from './host.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';
import { hostsOf, LoopHost, type LoopPart } from './loop-host.ts';
import { Served } from './served.ts';

/**
 * The callbacks of an event loop, and what its connections may use.
 *
 * @example
 * ```ts
 * import { EventLoop, type EventLoopOptions } from 'gopark/eventloop';
 *
 * const options: EventLoopOptions = {
 *   onPrepare: (conn) => {
 *     conn.context = { since: Date.now() };
 *   },
 *   onRequest: (conn) => console.log(conn.reader.tryReadString(conn.len)),
 *   onDisconnect: (conn) => console.log(`${conn.remoteAddr} goes`),
 * };
 * const loop = new EventLoop(options);
 * ```
 */
export interface EventLoopOptions extends LoopCallbacks, ConnectionLimits {}

/**
 * Options of a shutdown.
 *
 * @example
 * ```ts
 * import type { EventLoop, LoopShutdownOptions } from 'gopark/eventloop';
 *
 * const patience: LoopShutdownOptions = { timeout: 2000 };
 * export const stop = (loop: EventLoop) => loop.shutdown(patience);
 * ```
 */
export interface LoopShutdownOptions extends CallOptions {
  /** How long connections may take to end by themselves, in milliseconds. Default 10,000; Infinity: as long as it takes. */
  timeout?: number;
}

const SHUTDOWN_TIMEOUT = 10_000;
const callbacks = ['onPrepare', 'onConnect', 'onRequest', 'onDisconnect'] as const;

/**
 * Serves connections by callbacks instead of a goroutine each: an idle connection has no goroutine, no promise and no
 * buffer. CloudWeGo Netpoll: `netpoll.NewEventLoop`.
 *
 * Handlers that do not wait run in the very round of the driver that received their bytes; those that are async
 * functions become goroutines at their first `await`, at most `configure({ goroutines })` at a time. What a handler
 * throws, or rejects with, closes its connection and goes to `runtime.onError`; it never ends the process.
 *
 * @example
 * ```ts
 * import { EventLoop } from 'gopark/eventloop';
 * import { listen } from 'gopark/net';
 *
 * const loop = new EventLoop({
 *   onRequest(conn) {
 *     conn.moveTo(conn); // an echo
 *     conn.writer.flush();
 *   },
 *   idleTimeout: 60_000,
 * });
 * process.once('SIGTERM', () => loop.shutdown({ timeout: 5000 }));
 * await loop.serve(await listen('tcp', '127.0.0.1:9000'));
 * ```
 */
export class EventLoop {
  readonly #part: LoopPart;
  /** Of what was adopted, by kind. */
  readonly #adopted = new Map<string, LoopHost>();
  readonly #serving = new Set<Served>();
  readonly #stopping = new AbortController();
  #connections = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(options: EventLoopOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new ArgumentTypeError('options', 'an object', options);
    }
    for (const name of callbacks) {
      const callback: unknown = options[name];
      if (callback === undefined) continue;
      if (typeof callback !== 'function') throw new ArgumentTypeError(name, 'a function', callback);
      originOf(callback as never, EventLoop as never);
    }
    this.#part = {
      callbacks: options,
      limits: limitsOf(options),
      stopping: this.#stopping.signal,
      watch: null,
      count: (change) => {
        this.#connections += change;
        if (this.#connections === 0) for (const then of this.#whenEmpty.splice(0)) then();
      },
    };
  }

  /** @internal For a look at who keeps it busy. */
  set watch(watch: Watch | null) {
    this.#part.watch = watch;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections;
  }

  /** Fires when a shutdown begins: who works on something long finishes, or gives up. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Accepts from `listener` and serves its connections, until the listener is closed or the loop is shut down: then it
   * resolves. Rejects when the listener cannot accept any more. Any number of listeners may be served at once, each by
   * one call. After a shutdown it closes the listener and rejects (`ERR_LOOP_CLOSED`).
   */
  async serve(listener: Listener): Promise<void> {
    checkListener(listener);
    if (!isSlotListener(listener)) {
      throw new ArgumentTypeError('listener', 'a TCPListener or UnixListener', listener);
    }
    for (const served of this.#serving) {
      if (served.listener === listener) {
        throw new EventLoopError('ERR_ALREADY_SERVED', 'this event loop serves that listener already');
      }
    }
    if (this.#stopping.signal.aborted) {
      await close(listener);
      throw new EventLoopError('ERR_LOOP_CLOSED', 'the event loop has been shut down');
    }
    const served = new Served(this.#part, listener);
    this.#serving.add(served);
    try {
      await served.accept();
    } finally {
      this.#serving.delete(served);
    }
  }

  /**
   * Serves a connection that was detached elsewhere: by `detach` of a connection of either model, in this thread or
   * another one. It goes on with all that it had. `onPrepare` is called, and `onConnect` unless an event loop has done
   * that before.
   *
   * @throws EventLoopError after a shutdown (then another one may still adopt it), and what `net.adopt` throws.
   */
  adopt(detached: Detached): Connection {
    if (this.#stopping.signal.aborted) {
      throw new EventLoopError('ERR_LOOP_CLOSED', 'the event loop has been shut down');
    }
    const { poller, slot, source, addr } = takeOver(detached);
    const { network, settings, moved, connected = false } = detached;
    const kind = `${network} ${settings.strict} ${settings.closeTimeout}`;
    let host = this.#adopted.get(kind);
    if (host === undefined) {
      // The addresses are each connection's own.
      host = new LoopHost(this.#part, poller, {
        network,
        settings,
        localAddr: () => source,
        remoteAddr: () => addr,
      });
      this.#adopted.set(kind, host);
    }
    return host.open(slot, !connected, (conn) => conn.arrive(moved, source, addr));
  }

  /**
   * Closes the listeners, closes every connection that has nothing to do, and the others as soon as they have answered
   * what they were asked. What is left after `timeout`, or when `signal` fires, is cut off. May be called again, with
   * less patience for instance; before `serve` it means that nothing will ever be served.
   *
   * @returns how many connections had to be cut off
   */
  async shutdown(options: LoopShutdownOptions = {}): Promise<number> {
    const { timeout = SHUTDOWN_TIMEOUT, signal } = options;
    if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
      throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
    }
    this.#stopping.abort();
    const all = [...this.#serving];
    for (const { listener } of all) await close(listener);
    // Whose bytes have come already is served: one more look for them.
    await nextTurn();
    for (const conn of this.#all()) if (conn.isIdle) conn.closeIdle();
    await this.#empty(timeout, signal);
    const left = [...this.#all()];
    for (const conn of left) conn.closeNow();
    return left.length;
  }

  *#all(): Generator<Connection> {
    const mine = new Set<unknown>(hostsOf(this.#stopping.signal));
    const pollers = new Set([...mine].map((host) => (host as LoopHost).poller));
    for (const poller of pollers) {
      for (const owner of poller.owners()) {
        const conn = owner instanceof FD ? owner.owner : null;
        if (conn instanceof Connection && conn.isActive && mine.has(conn.host)) yield conn;
      }
    }
  }

  /** Waits until no connection is left, but no longer than it may. */
  async #empty(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#connections === 0 || timeout <= 0 || signal?.aborted) return;
    const enough = new AbortController();
    const give = () => enough.abort();
    this.#whenEmpty.push(give);
    signal?.addEventListener('abort', give, { once: true });
    try {
      await sleep(timeout, { signal: enough.signal });
    } catch {
      // Empty, or told to wait no longer: both end the wait.
    } finally {
      signal?.removeEventListener('abort', give);
    }
  }
}

async function close(listener: Listener): Promise<void> {
  await listener.close().catch((error: unknown) => {
    if (!(error instanceof ClosedError)) throw error;
  });
}
