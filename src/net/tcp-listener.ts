import { type Counts, type Failure, FD, type FDOwner, type Poller } from '../poll/index.ts';
import { AcceptLoop } from './accept-loop.ts';
import { TCPAddr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { instantOf } from './deadlines.ts';
import { type OpError, operationError } from './errors.ts';
import type { ConnSettings } from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import { TCPConn, tcpFamily } from './tcp-conn.ts';

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
export class TCPListener extends AcceptLoop<TCPConn> implements FDOwner {
  readonly #fd: FD;
  readonly #settings: ConnSettings;
  #addr: TCPAddr | null = null;

  /** @internal */
  constructor(poller: Poller, slot: number, settings: ConnSettings) {
    super();
    this.#fd = new FD(poller, slot, this);
    this.#settings = settings;
  }

  /** @internal */
  get fd(): FD {
    return this.#fd;
  }

  /** @internal */
  get family(): ConnFamily {
    return tcpFamily(this.#settings, this.addr.isWildcard ? null : this.addr);
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

  async close(): Promise<void> {
    // The address stays known.
    if (!this.#fd.closed) this.#addr = this.addr;
    const closed = this.#fd.close(0);
    this.stopAccepting();
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
