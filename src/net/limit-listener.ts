import { checkCount } from '../io/arguments.ts';
import { FAILED_CLOSED, FAILED_DEADLINE, type Failure } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import { AcceptLoop } from './accept-loop.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';
import { instantOf } from './deadlines.ts';
import { operationError } from './errors.ts';
import { checkListener, type Listener } from './listener.ts';
import { ParkedCall, ParkedCalls } from './parked-calls.ts';
import { whenClosed } from './when-closed.ts';

/** Accepts that wait until a connection is closed. */
class SlotQueue extends ParkedCalls<void> {
  readonly what = 'accept (connection limit)';
  readonly #addr: () => Addr;

  constructor(addr: () => Addr) {
    super();
    this.#addr = addr;
  }

  error(failure: Failure): unknown {
    const addr = this.#addr();
    return operationError(failure, { op: 'accept', net: addr.network, addr });
  }
}

class LimitListener<C extends Conn> extends AcceptLoop<C> {
  readonly #listener: Listener<C>;
  readonly #waiting: SlotQueue;
  #free: number;
  #closed = false;

  constructor(listener: Listener<C>, most: number) {
    super();
    this.#listener = listener;
    this.#free = most;
    this.#waiting = new SlotQueue(() => listener.addr);
  }

  get addr(): Addr {
    return this.#listener.addr;
  }

  async accept(options?: CallOptions): Promise<C> {
    const signal = options?.signal;
    if (signal?.aborted) throw abortReason(signal);
    if (this.#closed) throw this.#waiting.error(FAILED_CLOSED);
    if (this.#waiting.expired) throw this.#waiting.error(FAILED_DEADLINE);
    if (this.#free > 0) this.#free--;
    else await this.#waiting.enter(new ParkedCall(this.#waiting, signal));
    let conn: C;
    try {
      conn = await this.#listener.accept(options);
    } catch (error) {
      this.#release();
      throw error;
    }
    whenClosed(conn, () => this.#release());
    return conn;
  }

  /** A place is free: the next one in the queue has it. */
  #release(): void {
    const [next] = this.#waiting.calls;
    if (next === undefined) this.#free++;
    else next.succeed();
  }

  setDeadline(at: Date | null): void {
    this.#listener.setDeadline(at);
    this.#waiting.setDeadline(instantOf(at));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closing = this.#listener.close();
    this.stopAccepting();
    this.#waiting.failAll(FAILED_CLOSED);
    await closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.close();
  }
}

/**
 * A listener that has at most `most` connections open at a time: further ones wait in the kernel's backlog until one
 * of them is closed here. Go: `netutil.LimitListener`. Connections count from `accept` until they are closed, so who
 * accepts one must close it; `serve` does.
 *
 * @param most a whole number of at least 1
 *
 * @example
 * ```ts
 * import { limitListener, listen } from 'gopark/net';
 *
 * const listener = limitListener(await listen('tcp', '127.0.0.1:9000'), 1000);
 * process.once('SIGTERM', () => listener.close());
 * await listener.serve(async (conn) => {
 *   await conn.write(new TextEncoder().encode('hello\n'));
 * });
 * ```
 */
export function limitListener<C extends Conn>(listener: Listener<C>, most: number): Listener<C> {
  checkListener(listener);
  checkCount(most, 'most', 1);
  return new LimitListener(listener, most);
}
