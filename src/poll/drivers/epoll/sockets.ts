import {
  type ConnectSocketOptions,
  type ListenSocketOptions,
  OP_LISTEN,
  OP_SHUTDOWN,
  type SocketAddress,
  type SocketOption,
} from '../../driver.ts';
import { S_FD, S_PEER_ADDRESS, S_PEER_FAMILY, S_PEER_PORT } from './layout.ts';
import { SOCKET_OPTIONS } from './native.ts';
import { Slots } from './slots.ts';

/** Linux's. */
const AF_INET = 2;
const AF_INET6 = 10;
/** The third word of an IPv4 address within IPv6, in the order of this machine. */
const MAPPED: number = new Int32Array(Uint8Array.of(0, 0, 0xff, 0xff).buffer)[0]!;

/** Opens sockets, sets them and asks about them: one system call each. */
export abstract class Sockets extends Slots {
  listen(host: string, port: number, options: ListenSocketOptions): number {
    const { backlog, reusePort, ipv6Only, multipath } = options;
    const slot = this.native.listen(
      host,
      port,
      backlog,
      reusePort ? 1 : 0,
      ipv6Only ? 1 : 0,
      multipath ? 1 : 0,
    );
    if (slot >= 0) this.post(OP_LISTEN, slot, 0);
    return slot;
  }

  connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number {
    const multipath = options?.multipath === true ? 1 : 0;
    return local === null
      ? this.native.connect(host, port, multipath)
      : this.native.connect(host, port, multipath, local.host, local.port);
  }

  inherit(descriptor: number): number {
    const slot = this.native.adoptListener(descriptor);
    if (slot >= 0) this.post(OP_LISTEN, slot, 0);
    return slot;
  }

  borrowPipe(descriptor: number): number {
    return this.native.borrowPipe(descriptor);
  }

  shutdown(slot: number, how: 'read' | 'write'): void {
    const result = this.native.shutdown(slot, how === 'read' ? 0 : 1);
    this.post(OP_SHUTDOWN, slot, result);
  }

  assign(slot: number, poller: number): number {
    return this.native.assign(slot, poller);
  }

  // Options and addresses

  setOption(slot: number, option: SocketOption, value: number, second?: number): number {
    return this.native.setOption(slot, SOCKET_OPTIONS.indexOf(option), value, second);
  }

  getOption(slot: number, option: SocketOption): number {
    return this.native.getOption(slot, SOCKET_OPTIONS.indexOf(option));
  }

  tcpInfo(slot: number, out: Uint8Array): number {
    return this.native.tcpInfo(slot, out);
  }

  isMultipath(slot: number): boolean {
    return this.native.isMultipath(slot) === 1;
  }

  localAddress(slot: number): SocketAddress | null {
    return parseAddress(this.native.localAddress(slot));
  }

  remoteAddress(slot: number): SocketAddress | null {
    return parseAddress(this.native.remoteAddress(slot));
  }

  peerNumber(slot: number): number {
    const { words } = this;
    const base = this.base(slot);
    if (words[base + S_FD]! < 0) return -1;
    let at = base + S_PEER_ADDRESS;
    if (words[base + S_PEER_FAMILY] === AF_INET6) {
      if (words[at] !== 0 || words[at + 1] !== 0 || words[at + 2] !== MAPPED) return -1;
      at += 3;
    } else if (words[base + S_PEER_FAMILY] !== AF_INET) {
      return -1;
    }
    // In the network's order, whatever this machine's is.
    const { bytes } = this.memory;
    const address =
      ((bytes[4 * at]! * 256 + bytes[4 * at + 1]!) * 256 + bytes[4 * at + 2]!) * 256 + bytes[4 * at + 3]!;
    return address * 65_536 + words[base + S_PEER_PORT]!;
  }
}

function parseAddress(text: string | null): SocketAddress | null {
  if (text === null) return null;
  const space = text.lastIndexOf(' ');
  return { host: text.slice(0, space), port: Number(text.slice(space + 1)) };
}
