import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import type { CallOptions } from '../net/conn.ts';
import { ClosedError } from '../net/errors.ts';
import type { Listener } from '../net/listener.ts';
import { isSlotListener, type SlotListener } from '../net/slot-listener.ts';
import { FD, type Poller, type SlotTaker } from '../poll/index.ts';
import { nextTurn, spend } from '../runtime/budget.ts';
import { sleep } from '../runtime/index.ts';
import { originOf } from '../runtime/site.ts';
import { Balance } from './balance.ts';
import { Connection } from './connection.ts';
import { EventLoopError } from './errors.ts';
import { reportCallback } from './goroutine.ts';
import type { ConnectionCallback, Host, Limits } from './host.ts';
import { IdleSweep } from './idle-sweep.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';

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
export interface EventLoopOptions extends ConnectionLimits {
  /**
   * A connection was accepted, and nothing of it is received yet: set it up, or `close` it. Must not wait, nor read
   * or write.
   */
  onPrepare?: (conn: Connection) => void;
  /** May read, write and wait. `onRequest` is not called before it has ended. */
  onConnect?: ConnectionCallback;
  /**
   * Bytes have come. Called once at a time for a connection, again while it consumes something and something is left,
   * then when more comes. What it does not consume waits for the next call.
   */
  onRequest?: ConnectionCallback;
  /**
   * The peer has ended its stream, or the connection broke. Not called for a close of ours. May run beside `onRequest`
   * (to cancel what that waits for), never beside `onConnect`.
   */
  onDisconnect?: ConnectionCallback;
}

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
const balances = new WeakMap<Poller, Balance>();

/** How the connections of a poller are spread over its sets: by all event loops together. */
export function balanceOf(poller: Poller): Balance {
  let balance = balances.get(poller);
  if (balance === undefined) {
    balance = new Balance(poller.driver);
    balances.set(poller, balance);
  }
  return balance;
}

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
  readonly #options: EventLoopOptions;
  readonly #limits: Limits;
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
    this.#options = options;
    this.#limits = limitsOf(options);
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
    const served = new Served(listener, this.#options, this.#limits, this.#stopping.signal, (count) => {
      this.#connections += count;
      if (this.#connections === 0) for (const then of this.#whenEmpty.splice(0)) then();
    });
    this.#serving.add(served);
    try {
      await served.accept();
    } finally {
      this.#serving.delete(served);
      served.stopped();
    }
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
    const pollers = new Set(
      [...hosts].filter((host) => host.signal === this.#stopping.signal).map((host) => host.poller),
    );
    for (const poller of pollers) {
      for (const owner of poller.owners()) {
        const conn = owner instanceof FD ? owner.owner : null;
        if (!(conn instanceof Connection) || !conn.isActive) continue;
        if (conn.host instanceof Served && conn.host.signal === this.#stopping.signal) yield conn;
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

/** All that have connections: so that a shutdown finds those whose listener was closed long ago. */
const hosts = new Set<Served>();

/** One listener of an event loop, and what its connections have in common. */
class Served implements Host, SlotTaker {
  readonly listener: SlotListener;
  readonly poller: Poller;
  readonly balance: Balance;
  readonly family;
  readonly limits: Limits;
  readonly signal: AbortSignal;
  readonly onRequest: ConnectionCallback | null;
  readonly onDisconnect: ConnectionCallback | null;
  waits = false;
  readonly #options: EventLoopOptions;
  readonly #count: (change: number) => void;
  readonly #idle: IdleSweep | null;
  #connections = 0;
  #accepting = true;

  constructor(
    listener: SlotListener,
    options: EventLoopOptions,
    limits: Limits,
    signal: AbortSignal,
    count: (change: number) => void,
  ) {
    this.listener = listener;
    this.poller = listener.fd.poller;
    this.balance = balanceOf(this.poller);
    this.family = listener.family;
    this.limits = limits;
    this.signal = signal;
    this.onRequest = options.onRequest ?? null;
    this.onDisconnect = options.onDisconnect ?? null;
    this.#options = options;
    this.#count = count;
    this.#idle = limits.idleTimeout > 0 ? new IdleSweep(this) : null;
    hosts.add(this);
  }

  get stopping(): boolean {
    return this.signal.aborted;
  }

  async accept(): Promise<void> {
    const { fd } = this.listener;
    const next = () => fd.accept(undefined, this);
    for (;;) {
      // As many as there are, but others have their turn, too.
      while (!fd.closed && fd.reading.head === null && !spend()) {
        const slot = fd.acceptNow();
        if (slot < 0) break;
        this.accepted(slot);
      }
      if ((await this.listener.acceptNext(next)) === null) return;
    }
  }

  accepted(slot: number): true {
    const conn = new Connection(this, slot);
    this.#connections++;
    this.#count(1);
    const { onPrepare, onConnect } = this.#options;
    if (onPrepare !== undefined) {
      try {
        onPrepare(conn);
      } catch (error) {
        reportCallback(error, onPrepare, conn);
        conn.closeNow();
      }
    }
    conn.open(onConnect ?? null);
    this.#idle?.begin();
    return true;
  }

  left(): void {
    this.#connections--;
    this.#count(-1);
    this.#forget();
  }

  stopped(): void {
    this.#accepting = false;
    this.#forget();
  }

  #forget(): void {
    if (this.#connections === 0 && !this.#accepting) {
      this.#idle?.end();
      hosts.delete(this);
    }
  }
}
