import type { CallOptions } from './conn.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import type { TCPNetwork } from './listen.ts';
import type { TCPConn } from './tcp-conn.ts';

/** Options of `dial`. */
export interface DialOptions extends DialerOptions, CallOptions {}

/** For those who want nothing special. */
const plain = new Dialer();

/**
 * Connects to `address`, 'host:port'. An empty or unspecified host means this machine; a port may be the name of a
 * service. A name is looked up, and its addresses race: see `Dialer`.
 *
 * @throws DialError when several addresses were tried and all failed, OpError (`ECONNREFUSED`...) when it was one,
 * DeadlineExceededError when `timeout` has passed, DNSError, AddrError, or the signal's reason: as rejections.
 *
 * @example
 * ```ts
 * import { dial } from 'gopark/net';
 *
 * const conn = await dial('tcp', 'localhost:9000', { timeout: 3000 });
 * await conn.write(new TextEncoder().encode('PING\n'));
 * await conn.close();
 * ```
 */
export async function dial(network: TCPNetwork, address: string, options?: DialOptions): Promise<TCPConn> {
  if (options === undefined) return plain.dial(network, address);
  return new Dialer(options).dial(network, address, options);
}
