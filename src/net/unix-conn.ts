import { checkReader } from '../io/arguments.ts';
import { copyLoop } from '../io/copy.ts';
import type { Reader } from '../io/index.ts';
import type { Credentials, Poller } from '../poll/index.ts';
import { UnsupportedError } from './errors.ts';
import type { ConnSettings } from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import { StreamConn } from './stream-conn.ts';
import { pathOfName, UnixAddr } from './unix-addr.ts';

/**
 * Unix sockets as streams, or as messages with bounds.
 *
 * @example
 * ```ts
 * import { listen, type UnixNetwork } from 'gopark/net';
 *
 * const network: UnixNetwork = 'unixpacket';
 * await using listener = await listen(network, '/run/service.sock');
 * ```
 */
export type UnixNetwork = 'unix' | 'unixpacket';

export function unixAddrOf(
  poller: Poller,
  slot: number,
  end: 'local' | 'remote',
  network: UnixNetwork,
): UnixAddr {
  return new UnixAddr(pathOfName(poller.driver.unix!.nameOf(slot, end) ?? ''), network);
}

/** Unix connections that somebody else makes of slots. */
export function unixFamily(network: UnixNetwork, settings: ConnSettings, local: UnixAddr): ConnFamily {
  return {
    network,
    settings,
    localAddr: () => local,
    remoteAddr: (poller, slot) => unixAddrOf(poller, slot, 'remote', network),
  };
}

/**
 * A connection over a Unix socket. Go: `net.UnixConn` of the networks 'unix' and 'unixpacket'. See Conn for the rules
 * that all connections share.
 *
 * 'unixpacket' keeps the bounds of messages: each write is one, goes whole or not at all, and settles when the kernel
 * has it; each read brings one, whose rest is lost when `p` is too short. An empty message reads as the end (`null`),
 * as in Go; `EMSGSIZE` tells of one that is too long, and the connection goes on.
 *
 * File descriptors that a peer sends along are not taken: the kernel closes them.
 *
 * @example
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { writeString } from 'gopark/io';
 * import { dial } from 'gopark/net';
 *
 * await using conn = await dial('unix', '/run/service.sock');
 * await writeString(conn, 'STATUS\n');
 * await conn.closeWrite();
 * for await (const line of new Scanner(conn)) console.log(line);
 * ```
 */
export class UnixConn extends StreamConn<UnixAddr> {
  protected readonly network: UnixNetwork;

  /** @internal */
  constructor(
    poller: Poller,
    slot: number,
    settings: ConnSettings,
    localAddr: UnixAddr | null,
    network: UnixNetwork,
  ) {
    super(poller, slot, settings, localAddr);
    this.network = network;
    if (network === 'unixpacket') this.fd.setPackets();
  }

  protected addressOf(which: 'localAddress' | 'remoteAddress'): UnixAddr {
    if (this.fd.closed) return new UnixAddr('', this.network);
    const end = which === 'localAddress' ? 'local' : 'remote';
    return unixAddrOf(this.fd.poller, this.fd.slot, end, this.network);
  }

  /** As that of TCPConn; a stream of packets copies message by message. */
  override readFrom(r: Reader): Promise<number> {
    if (!this.fd.packets) return super.readFrom(r);
    try {
      checkReader(r, 'r');
    } catch (error) {
      return Promise.reject(error);
    }
    return copyLoop(this, r);
  }

  /**
   * The process at the other end, and for which user and group it ran, when it connected or began to listen. The
   * kernel vouches for it. A process id says who it was then: it may have ended, and its number may be another's.
   *
   * @throws ClosedError, OpError, or UnsupportedError where the driver lacks 'peerCredentials'.
   *
   * @example
   * ```ts
   * import { listen } from 'gopark/net';
   *
   * const listener = await listen('unix', '/run/admin.sock', { mode: 0o666 });
   * await listener.serve(async (conn) => {
   *   if (conn.peerCredentials().uid !== process.getuid!()) return;
   *   await conn.write(new TextEncoder().encode('welcome\n'));
   * });
   * ```
   */
  peerCredentials(): Credentials {
    this.mustBeOpen('get');
    const { driver } = this.fd.poller;
    if (!driver.capabilities.has('peerCredentials')) {
      throw new UnsupportedError(driver.name, 'peerCredentials');
    }
    const found = driver.unix!.credentials(this.fd.slot);
    if (typeof found === 'number') throw this.error('get', -found);
    return found;
  }
}
