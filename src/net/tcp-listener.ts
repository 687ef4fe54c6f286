import { type Counts, type Failure, FD, type FDOwner, type Poller } from '../poll/index.ts';
import { reportServed } from '../runtime/failures.ts';
import { Goroutine, type Origin } from '../runtime/goroutine.ts';
import { sleep } from '../runtime/index.ts';
import { originOf } from '../runtime/site.ts';
import { TCPAddr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { instantOf } from './deadlines.ts';
import { ClosedError, OpError, operationError } from './errors.ts';
import type { Listener } from './listener.ts';
import type { ConnSettings } from './options.ts';
import { TCPConn } from './tcp-conn.ts';

/** What passes by itself, or when other connections end: no reason to stop accepting. */
const TEMPORARY = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'ECONNABORTED',
  'ECONNRESET',
  'EPROTO',
  'EINTR',
]);
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 1000;

type Handler = (conn: TCPConn) => Promise<void> | void;

/** A goroutine that serves one connection, and closes it in the end. */
class ServingGoroutine extends Goroutine<void> {
  readonly #conn: TCPConn;

  constructor(origin: Origin, conn: TCPConn) {
    super(origin);
    this.#conn = conn;
  }

  /** @internal */
  override get serves(): object {
    return this.#conn;
  }

  protected override failed(error: unknown): void {
    reportServed(error, this);
  }

  protected override ended(): void {
    this.#conn[Symbol.asyncDispose]().catch((error: unknown) => reportServed(error, this));
  }
}

/**
 * A TCP listener. Go: `net.TCPListener`.
 *
 * @example
 * ```ts
 * import { listen } from 'gopark/net';
 *
 * const listener = await listen('tcp', '127.0.0.1:7000');
 * process.once('SIGTERM', () => listener.close());
 * await listener.serve(async (conn) => {
 *   const p = new Uint8Array(4096);
 *   for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
 * });
 * ```
 */
export class TCPListener implements Listener<TCPConn>, FDOwner {
  readonly #fd: FD;
  readonly #settings: ConnSettings;
  readonly #closed = new AbortController();
  #addr: TCPAddr | null = null;

  /** @internal */
  constructor(poller: Poller, slot: number, settings: ConnSettings) {
    this.#fd = new FD(poller, slot, this);
    this.#settings = settings;
  }

  /** @internal */
  get fd(): FD {
    return this.#fd;
  }

  get addr(): TCPAddr {
    if (this.#addr === null) {
      const address = this.#fd.poller.driver.localAddress(this.#fd.slot);
      this.#addr = address === null ? new TCPAddr('0.0.0.0', 0) : new TCPAddr(address.host, address.port);
    }
    return this.#addr;
  }

  accept(options?: CallOptions): Promise<TCPConn> {
    return this.#fd.accept(options?.signal) as Promise<TCPConn>;
  }

  setDeadline(at: Date | null): void {
    if (this.#fd.closed) throw this.error('set', -1);
    this.#fd.reading.setDeadline(instantOf(at));
  }

  async serve(fn: Handler): Promise<void> {
    if (typeof fn !== 'function') throw new TypeError(`serve: expected a function, got ${typeof fn}`);
    const origin = originOf(fn, this.serve);
    for (let conn = await this.#acceptNext(); conn !== null; conn = await this.#acceptNext()) {
      new ServingGoroutine(origin, conn).start(fn as (...args: never[]) => unknown, [conn]);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TCPConn, void, undefined> {
    for (let conn = await this.#acceptNext(); conn !== null; conn = await this.#acceptNext()) yield conn;
  }

  /** The next connection, whatever passes by itself; null once we are closed. */
  async #acceptNext(): Promise<TCPConn | null> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return await this.accept();
      } catch (error) {
        if (error instanceof ClosedError) return null;
        if (!(error instanceof OpError) || !TEMPORARY.has(error.code)) throw error;
      }
      await sleep(pause, { signal: this.#closed.signal }).catch(() => {});
    }
  }

  async close(): Promise<void> {
    // The address stays known.
    if (!this.#fd.closed) this.#addr = this.addr;
    const closed = this.#fd.close(0);
    this.#closed.abort();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#fd.closed) await this.close();
  }

  // What the FD asks of us

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    return operationError(failure, { op, net: 'tcp', addr: this.addr }, counts);
  }

  /** @internal */
  aborted(reason: unknown): unknown {
    return reason;
  }

  /** @internal */
  accepted(slot: number): TCPConn {
    // On one address only, the listener's is every connection's own.
    const local = this.addr.isWildcard ? null : this.addr;
    return new TCPConn(this.#fd.poller, slot, this.#settings, local);
  }
}
