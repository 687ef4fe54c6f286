import { ArgumentRangeError } from '../io/index.ts';
import { type Capability, formatIPv4, type Poller } from '../poll/index.ts';
import { TCPAddr } from './addr.ts';
import { UnsupportedError } from './errors.ts';
import {
  type ConnSettings,
  checkDSCP,
  checkUserTimeout,
  type KeepAlive,
  setDSCP,
  setKeepAlive,
} from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import { StreamConn } from './stream-conn.ts';
import { parseTCPInfo, TCP_INFO_SIZE, type TCPInfo } from './tcp-info.ts';

/** Linger times beyond this the kernel does not take. */
const LONGEST_LINGER = 32_767;

function addressOf(poller: Poller, slot: number, which: 'localAddress' | 'remoteAddress'): TCPAddr {
  if (which === 'remoteAddress') {
    const peer = poller.driver.peerNumber?.(slot) ?? -1;
    if (peer >= 0) return peerAddr(peer);
  }
  const address = poller.driver[which](slot);
  return address === null ? new TCPAddr('0.0.0.0', 0) : new TCPAddr(address.host, address.port);
}

/** Of a driver's `peerNumber`. */
function peerAddr(peer: number): TCPAddr {
  return new TCPAddr(formatIPv4(Math.floor(peer / 65_536)), peer % 65_536);
}

/** The remote address, or a number that `peerAddr` makes it of: almost nobody asks when the slot is gone. */
function keptPeer(poller: Poller, slot: number): TCPAddr | number {
  const peer = poller.driver.peerNumber?.(slot) ?? -1;
  return peer >= 0 ? peer : addressOf(poller, slot, 'remoteAddress');
}

/** TCP connections that somebody else makes of slots. `local`: the address of all of them, where it is one. */
export function tcpFamily(settings: ConnSettings, local: TCPAddr | null): ConnFamily {
  return {
    network: 'tcp',
    settings,
    localAddr: (poller, slot) => local ?? addressOf(poller, slot, 'localAddress'),
    remoteAddr: (poller, slot) => addressOf(poller, slot, 'remoteAddress'),
    keptPeer,
    peerAddr,
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

  protected override keptPeer(): TCPAddr | number {
    return keptPeer(this.fd.poller, this.fd.slot);
  }

  protected override peerAddr(peer: number): TCPAddr {
    return peerAddr(peer);
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

  /** The class of service of what is sent from now on: see the option `dscp`. */
  setDSCP(dscp: number): void {
    checkDSCP(dscp);
    this.mustBeOpen('set');
    this.needs('trafficClass');
    this.check(setDSCP(this.fd.poller, this.fd.slot, dscp));
  }

  /** How long bytes may wait for an acknowledgement, in milliseconds; 0: the system's. See the option `userTimeout`. */
  setUserTimeout(ms: number): void {
    checkUserTimeout(ms);
    this.setOption('userTimeout', ms);
  }

  // What the kernel knows

  /**
   * What the kernel knows of this connection now: round trip times, losses, windows.
   *
   * @throws ClosedError, OpError, or UnsupportedError where the driver lacks 'tcpInfo'.
   */
  info(): TCPInfo {
    this.mustBeOpen('get');
    this.needs('tcpInfo');
    const bytes = new Uint8Array(TCP_INFO_SIZE);
    const result = this.fd.poller.driver.tcpInfo!(this.fd.slot, bytes);
    if (result < 0) throw this.error('get', -result);
    return parseTCPInfo(bytes);
  }

  /**
   * Whether both ends have agreed on Multipath TCP (the option `multipath`): false for a connection that fell back to
   * plain TCP, and where the driver lacks 'multipath'. Go: `TCPConn.MultipathTCP`.
   *
   * @throws ClosedError
   */
  get isMultipath(): boolean {
    this.mustBeOpen('get');
    return this.fd.poller.driver.isMultipath?.(this.fd.slot) ?? false;
  }

  private needs(capability: Capability): void {
    const { driver } = this.fd.poller;
    if (!driver.capabilities.has(capability)) throw new UnsupportedError(driver.name, capability);
  }
}
