import { TCPAddr } from './addr.ts';
import type { ConnFamily } from './slot-listener.ts';
import { StreamListener } from './stream-listener.ts';
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
export class TCPListener extends StreamListener<TCPConn, TCPAddr> {
  protected get network(): string {
    return 'tcp';
  }

  protected address(): TCPAddr {
    const address = this.fd.poller.driver.localAddress(this.fd.slot);
    return address === null ? new TCPAddr('0.0.0.0', 0) : new TCPAddr(address.host, address.port);
  }

  /** On one address only, the listener's is every connection's own. */
  get #local(): TCPAddr | null {
    return this.addr.isWildcard ? null : this.addr;
  }

  /** @internal */
  get family(): ConnFamily {
    return tcpFamily(this.settings, this.#local);
  }

  /** @internal */
  accepted(slot: number): TCPConn {
    return new TCPConn(this.fd.poller, slot, this.settings, this.#local);
  }
}
