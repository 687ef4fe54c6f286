import { ArgumentRangeError } from '../io/index.ts';
import type { Poller } from '../poll/index.ts';
import { TCPAddr } from './addr.ts';
import { type ConnSettings, type KeepAlive, setKeepAlive } from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import { StreamConn } from './stream-conn.ts';

/** Linger times beyond this the kernel does not take. */
const LONGEST_LINGER = 32_767;

function addressOf(poller: Poller, slot: number, which: 'localAddress' | 'remoteAddress'): TCPAddr {
  const address = poller.driver[which](slot);
  return address === null ? new TCPAddr('0.0.0.0', 0) : new TCPAddr(address.host, address.port);
}

/** TCP connections that somebody else makes of slots. `local`: the address of all of them, where it is one. */
export function tcpFamily(settings: ConnSettings, local: TCPAddr | null): ConnFamily {
  return {
    network: 'tcp',
    settings,
    localAddr: (poller, slot) => local ?? addressOf(poller, slot, 'localAddress'),
    remoteAddr: (poller, slot) => addressOf(poller, slot, 'remoteAddress'),
  };
}

/**
 * A TCP connection. Go: `net.TCPConn`. See Conn for the rules that all connections share.
 *
 * @example
 * ```ts
 * import { readAll, writeString } from 'gopark/io';
 * import { dial } from 'gopark/net';
 *
 * await using conn = await dial('tcp', 'example.com:80', { timeout: 5000 });
 * conn.setTimeout(10_000);
 * await writeString(conn, 'GET / HTTP/1.0\r\nHost: example.com\r\n\r\n');
 * console.log(new TextDecoder().decode(await readAll(conn, { limit: 1 << 20 })));
 * ```
 */
export class TCPConn extends StreamConn<TCPAddr> {
  protected get network(): string {
    return 'tcp';
  }

  protected addressOf(which: 'localAddress' | 'remoteAddress'): TCPAddr {
    return this.fd.closed ? new TCPAddr('0.0.0.0', 0) : addressOf(this.fd.poller, this.fd.slot, which);
  }

  /** Whether small packets leave at once. On for every new connection. */
  setNoDelay(on = true): void {
    this.setOption('noDelay', on ? 1 : 0);
  }

  /** Switches keep-alive probes; a field that is left out has Go's default. */
  setKeepAlive(keepAlive: boolean | KeepAlive = true): void {
    this.mustBeOpen('set');
    this.check(setKeepAlive(this.fd.poller, this.fd.slot, keepAlive));
  }

  /**
   * What `close` does with bytes that the peer has not acknowledged. Negative: the kernel goes on sending, the
   * default. 0: they are discarded, and so is what the kernel has not taken yet; the peer sees a reset. Above 0:
   * seconds after which the kernel gives up.
   */
  setLinger(seconds: number): void {
    if (!Number.isInteger(seconds) || seconds > LONGEST_LINGER) {
      throw new ArgumentRangeError('the linger time', `whole seconds up to ${LONGEST_LINGER}`, seconds);
    }
    this.setOption('linger', seconds < 0 ? 0 : 1, Math.max(0, seconds));
    this.fd.setDiscard(seconds === 0);
  }
}
