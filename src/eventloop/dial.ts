import { ArgumentTypeError } from '../io/index.ts';
import { type DialOptions, dial as dialConn } from '../net/dial.ts';
import type { ConnFamily } from '../net/slot-listener.ts';
import type { StreamConn } from '../net/stream-conn.ts';
import type { Poller } from '../poll/index.ts';
import { originOf } from '../runtime/site.ts';
import { type Balance, balanceOf } from './balance.ts';
import { Connection } from './connection.ts';
import type { ConnectionCallback, Host, Limits } from './host.ts';
import { IdleSweep } from './idle-sweep.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';

/**
 * Options of `dial`: those of `net.dial`, and what an event loop's connection may use.
 *
 * @example
 * ```ts
 * import { type DialConnectionOptions, dial } from 'gopark/eventloop';
 *
 * const options: DialConnectionOptions = { timeout: 3000, onRequest: (conn) => console.log(conn.len, 'bytes wait') };
 * const conn = await dial('tcp', '127.0.0.1:9000', options);
 * ```
 */
export interface DialConnectionOptions extends DialOptions, ConnectionLimits {
  /** As in an EventLoop. Without one (and without `setOnRequest`) what arrives is kept until it is read. */
  onRequest?: ConnectionCallback;
  onDisconnect?: ConnectionCallback;
}

/** What a dialled connection has in common with nobody. */
class Dialled implements Host {
  readonly poller: Poller;
  readonly balance: Balance;
  readonly family: ConnFamily;
  readonly limits: Limits;
  readonly onRequest: ConnectionCallback | null;
  readonly onDisconnect: ConnectionCallback | null;
  readonly stopping = false;
  readonly watch = null;
  waits = false;
  connectWaits = false;
  readonly #idle: IdleSweep | null;

  constructor(conn: StreamConn, limits: Limits, options: DialConnectionOptions) {
    this.poller = conn.fd.poller;
    this.balance = balanceOf(this.poller);
    this.family = conn.family;
    this.limits = limits;
    this.onRequest = options.onRequest ?? null;
    this.onDisconnect = options.onDisconnect ?? null;
    this.#idle = limits.idleTimeout > 0 ? new IdleSweep(this) : null;
  }

  open(slot: number): Connection {
    const conn = new Connection(this, slot);
    conn.open(null);
    this.#idle?.begin();
    return conn;
  }

  left(): void {
    this.#idle?.end();
  }
}

/**
 * Connects as `net.dial` does, and gives a Connection: for clients that answer by callbacks, or read with `next` and
 * its like. Without a request handler the peer's end of the stream does not close it: `close` does. CloudWeGo Netpoll:
 * `netpoll.DialConnection`.
 *
 * @example
 * ```ts
 * import { dial } from 'gopark/eventloop';
 *
 * const conn = await dial('tcp', '127.0.0.1:6379', { timeout: 3000 });
 * conn.writer.writeString('PING\r\n');
 * await conn.writer.flush();
 * const line = await conn.reader.until('\n');
 * console.log(line?.length);
 * await conn.close();
 * ```
 */
export async function dial(
  network: 'tcp' | 'tcp4' | 'tcp6',
  address: string,
  options: DialConnectionOptions = {},
): Promise<Connection> {
  const limits = limitsOf(options);
  for (const name of ['onRequest', 'onDisconnect'] as const) {
    const callback: unknown = options[name];
    if (callback === undefined) continue;
    if (typeof callback !== 'function') throw new ArgumentTypeError(name, 'a function', callback);
    originOf(callback as never, dial);
  }
  const conn: StreamConn = await dialConn(network, address, options);
  return new Dialled(conn, limits, options).open(conn.fd.slot);
}
