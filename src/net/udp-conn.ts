import { isIP } from 'node:net';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { type DatagramBlock, ENODEV, type RawAddress, scopeOf } from '../poll/index.ts';
import { DatagramConn } from './datagram-conn.ts';
import { AddrError } from './errors.ts';
import { parseUDPAddr, UDPAddr, udpAddrAt, udpAddrOf } from './udp-addr.ts';

/**
 * Options of joining and leaving a group.
 *
 * @example
 * ```ts
 * import { type GroupOptions, listenPacket } from 'gopark/net';
 *
 * const conn = await listenPacket('udp4', ':5353', { reuseAddress: true });
 * const options: GroupOptions = { interface: 'eth0' };
 * conn.joinGroup('224.0.0.251', options);
 * ```
 */
export interface GroupOptions {
  /** The interface on which the group is meant, by name or index. Default: as the system's routes say. */
  interface?: string | number;
  /** Only the datagrams of this sender, a numeric address. Default: everybody's. */
  source?: string;
}

/**
 * A UDP socket: of `listenPacket`, or connected, of `dial`. Go: `net.UDPConn`. See PacketConn for the rules.
 *
 * @example
 * ```ts
 * import { listenPacket } from 'gopark/net';
 *
 * await using conn = await listenPacket('udp', '127.0.0.1:0');
 * const p = new Uint8Array(1500);
 * await conn.send(new TextEncoder().encode('to myself'), conn.localAddr);
 * const [n, from] = await conn.receive(p);
 * console.log(String(from), new TextDecoder().decode(p.subarray(0, n)));
 * ```
 */
export class UDPConn extends DatagramConn<UDPAddr> {
  // Options

  /** Whether datagrams may go to broadcast addresses. On for every new socket, as in Go. */
  setBroadcast(on = true): void {
    this.setOption('broadcast', on ? 1 : 0);
  }

  /** Over how many routers a datagram may go: the TTL of IPv4, the hop limit of IPv6. 1 to 255. */
  setHops(hops: number): void {
    this.setOption('hops', checkHops(hops, 1));
  }

  /** The same for datagrams to groups. 0: they stay on this machine. The system's default is 1. */
  setMulticastHops(hops: number): void {
    this.setOption('multicastHops', checkHops(hops, 0));
  }

  /** Whether what is sent to a group reaches its members on this machine. The system's default is true. */
  setMulticastLoop(on = true): void {
    this.setOption('multicastLoop', on ? 1 : 0);
  }

  /** The interface by which datagrams to groups leave: its name or index. '' or 0: as the system's routes say. */
  setMulticastInterface(name: string | number): void {
    this.setOption('multicastInterface', this.#interface(name));
  }

  /**
   * Joins a group, 'address' without port: from now on its datagrams come here, too, where the socket's own address
   * allows it.
   *
   * @throws AddrError for what is no group, OpError (`ENODEV`, `EADDRINUSE` when it has been joined already...).
   *
   * @example
   * ```ts
   * import { listenPacket } from 'gopark/net';
   *
   * const conn = await listenPacket('udp4', ':5353', { reuseAddress: true });
   * conn.joinGroup('224.0.0.251', { interface: 'lo' });
   * ```
   */
  joinGroup(group: string, options: GroupOptions = {}): void {
    this.#setMembership(true, group, options);
  }

  /** Leaves a group that was joined with the same options. */
  leaveGroup(group: string, options: GroupOptions = {}): void {
    this.#setMembership(false, group, options);
  }

  #setMembership(join: boolean, group: string, options: GroupOptions): void {
    this.mustBeOpen();
    if (typeof group !== 'string' || isIP(group.replace(/%.*/, '')) === 0) {
      throw new AddrError('a group is a numeric address', String(group));
    }
    const addr = new UDPAddr(group, 0);
    if (!addr.isMulticast) throw new AddrError('not the address of a group', group);
    const { source } = options;
    const result = this.fd.datagrams.setMembership(this.fd.slot, join, {
      group: addr.raw,
      interface: options.interface === undefined ? scopeOf(addr.zone) : this.#interface(options.interface),
      source: source === undefined ? null : new UDPAddr(source, 0).raw,
    });
    this.check(result, source === undefined ? 'multicast' : 'source-specific multicast');
  }

  #interface(name: string | number): number {
    if (typeof name === 'number') {
      if (Number.isInteger(name) && name >= 0) return name;
      throw new ArgumentRangeError('the interface', 'a name or an index', name);
    }
    if (typeof name !== 'string') throw new ArgumentTypeError('the interface', 'a name or an index', name);
    const index = scopeOf(name);
    if (index === 0 && name !== '') throw this.error('set', ENODEV);
    return index;
  }

  // Addresses

  protected addrOf(raw: RawAddress): UDPAddr {
    return udpAddrOf(raw);
  }

  protected parse(address: string): UDPAddr {
    return parseUDPAddr(address);
  }

  protected rawOf(addr: UDPAddr): RawAddress {
    if (!(addr instanceof UDPAddr)) throw new ArgumentTypeError('the address', 'a UDPAddr or a text', addr);
    return addr.raw;
  }

  protected nobody(): UDPAddr {
    return new UDPAddr('0.0.0.0', 0);
  }

  /** @internal */
  sender(block: DatagramBlock, i: number): UDPAddr | null {
    return udpAddrAt(block, i);
  }
}

function checkHops(hops: number, least: number): number {
  if (Number.isInteger(hops) && hops >= least && hops <= 255) return hops;
  throw new ArgumentRangeError('hops', `a whole number from ${least} to 255`, hops);
}
