import { chmodSync } from 'node:fs';
import { ArgumentRangeError } from '../io/index.ts';
import { type Capability, type DatagramSocket, ENOTSUP, type Poller, threadPoller } from '../poll/index.ts';
import type { Addr } from './addr.ts';
import { bindAddress, NO_IPV6 } from './bind-address.ts';
import { type OpDetails, OpError, operationError, UnsupportedError } from './errors.ts';
import { splitHostPort } from './host-port.ts';
import { checkInt, checkObject } from './options.ts';
import { portOf } from './services.ts';
import { UDPAddr } from './udp-addr.ts';
import { UDPConn } from './udp-conn.ts';
import { UnixAddr } from './unix-addr.ts';
import { UnixgramConn } from './unixgram-conn.ts';

/**
 * UDP over either family of addresses, or over one.
 *
 * @example
 * ```ts
 * import { listenPacket, type UDPNetwork } from 'gopark/net';
 *
 * const network: UDPNetwork = 'udp4';
 * await using conn = await listenPacket(network, ':9000');
 * ```
 */
export type UDPNetwork = 'udp' | 'udp4' | 'udp6';

/**
 * Options of every datagram socket.
 *
 * @example
 * ```ts
 * import { dial, listenPacket, type PacketOptions } from 'gopark/net';
 *
 * const options: PacketOptions = { readBuffer: 1 << 20, writeBuffer: 1 << 20 };
 * await using server = await listenPacket('udp', '127.0.0.1:9000', options);
 * await using client = await dial('udp', '127.0.0.1:9000', options);
 * ```
 */
export interface PacketOptions {
  /** Bytes of the kernel's receive buffer; it may take another size. Default: the system's. */
  readBuffer?: number;
  /** Bytes of the kernel's send buffer; it may take another size. Default: the system's. */
  writeBuffer?: number;
}

/**
 * Options of `listenPacket`.
 *
 * @example
 * ```ts
 * import { type ListenPacketOptions, listenPacket } from 'gopark/net';
 *
 * const options: ListenPacketOptions = { reuseAddress: true, readBuffer: 4 << 20 };
 * await using conn = await listenPacket('udp4', ':5353', options);
 * ```
 */
export interface ListenPacketOptions extends PacketOptions {
  /** UDP: other sockets that have this on, too, may have the same address: what members of a group need. Default false. */
  reuseAddress?: boolean;
  /** UDP: let several sockets have this address; the kernel spreads datagrams over them by sender. Default false. */
  reusePort?: boolean;
  /**
   * UDP: `receive` rejects with the errors that ICMP messages tell of single peers (`ECONNREFUSED`, `EHOSTUNREACH`...),
   * and says in `addr` of which. Default false, as in Go: then only connected sockets hear of them.
   */
  peerErrors?: boolean;
  /** Unix: the permissions of the path, 0o600 for instance. Default: as the process makes files. */
  mode?: number;
  /** Unix: whether `close` removes the path, unless somebody has put another file there. Default true. */
  unlinkOnClose?: boolean;
}

export function isUDP(network: string): network is UDPNetwork {
  return network === 'udp' || network === 'udp4' || network === 'udp6';
}

/**
 * Opens a socket for datagrams on `address`. Go: `net.ListenPacket`.
 *
 * UDP: 'host:port'. An empty host means all addresses, of both families where the system has them ('udp4' and 'udp6'
 * take one); port 0 or none lets the system choose: see `localAddr`. 'unixgram': a path, '@name' for an abstract one;
 * '' or '@' lets the system choose an abstract name.
 *
 * @throws OpError (`EADDRINUSE`, `EACCES`...), AddrError, DNSError, UnsupportedError for what the driver lacks: as
 * rejections.
 *
 * @example
 * ```ts
 * import { listenPacket } from 'gopark/net';
 *
 * await using conn = await listenPacket('udp', ':9000');
 * const p = new Uint8Array(1500);
 * for (;;) {
 *   const [n, from] = await conn.receive(p);
 *   if (from !== null) await conn.send(p.subarray(0, n), from);
 * }
 * ```
 */
export function listenPacket(
  network: UDPNetwork,
  address: string,
  options?: ListenPacketOptions,
): Promise<UDPConn>;
export function listenPacket(
  network: 'unixgram',
  address: string,
  options?: ListenPacketOptions,
): Promise<UnixgramConn>;
export async function listenPacket(
  network: UDPNetwork | 'unixgram',
  address: string,
  options: ListenPacketOptions = {},
): Promise<UDPConn | UnixgramConn> {
  checkObject(options, 'options');
  if (isUDP(network)) return listenUDP(network, address, options);
  if (network === 'unixgram') return listenUnixgram(address, options);
  throw new OpError('ERR_UNKNOWN_NETWORK', `unknown network ${JSON.stringify(network)}`, {
    op: 'listen',
    net: String(network),
  });
}

async function listenUDP(
  network: UDPNetwork,
  address: string,
  options: ListenPacketOptions,
): Promise<UDPConn> {
  const { host, port: portText } = splitHostPort(address);
  const port = portOf(network, portText, address);
  checkOptions(options);
  const bind = await bindAddress(network, host);
  try {
    return await openUDP('listen', network, new UDPAddr(bind.host, port), null, !bind.dual, options);
  } catch (error) {
    if (!(bind.dual && host === '' && error instanceof OpError && NO_IPV6.has(error.code))) throw error;
    return openUDP('listen', network, new UDPAddr('0.0.0.0', port), null, false, options);
  }
}

async function listenUnixgram(path: string, options: ListenPacketOptions): Promise<UnixgramConn> {
  checkOptions(options);
  const { mode = -1 } = options;
  if (mode !== -1 && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw new ArgumentRangeError('mode', 'permissions up to 0o777', mode);
  }
  const local = new UnixAddr(path, 'unixgram');
  const conn = await openUnixgram('listen', local, null, mode, options);
  if (path === '' || path.startsWith('@')) return conn;
  try {
    if (options.unlinkOnClose !== false) conn.owns(path);
    // The kernel has made it with these permissions, less those that the process takes off all its files.
    if (mode !== -1) chmodSync(path, mode);
  } catch (error) {
    conn.closeNow();
    throw error;
  }
  return conn;
}

/** Opens a UDP socket; either end may be open. */
export function openUDP(
  op: string,
  network: UDPNetwork,
  local: UDPAddr | null,
  remote: UDPAddr | null,
  ipv6Only: boolean,
  options: ListenPacketOptions,
): Promise<UDPConn> {
  const poller = threadPoller();
  const { peerErrors = false } = options;
  if (options.reusePort === true) needs(poller, 'reusePort');
  if (peerErrors) needs(poller, 'peerErrors');
  // The family of the socket is that of what it is bound to, else of what it is connected to.
  const family = (local ?? remote)!.raw[0];
  const socket: DatagramSocket = {
    kind: family === 4 ? 'udp4' : 'udp6',
    ipv6Only,
    local: local?.raw ?? null,
    remote: remote?.raw ?? null,
    reuseAddress: options.reuseAddress === true,
    reusePort: options.reusePort === true,
    mode: -1,
    peerErrors,
  };
  const ends = { network, connected: remote !== null, peerErrors };
  const details = detailsOf(op, network, local, remote);
  return opened(details, socket, (slot) => new UDPConn(poller, slot, ends), options, poller);
}

/** Opens a Unix datagram socket. */
export function openUnixgram(
  op: string,
  local: UnixAddr | null,
  remote: UnixAddr | null,
  mode: number,
  options: PacketOptions,
): Promise<UnixgramConn> {
  const poller = threadPoller();
  needs(poller, 'unixgram');
  const socket: DatagramSocket = {
    kind: 'unixgram',
    ipv6Only: false,
    local: local?.raw ?? null,
    remote: remote?.raw ?? null,
    reuseAddress: false,
    reusePort: false,
    mode,
    peerErrors: false,
  };
  const ends = { network: 'unixgram', connected: remote !== null, peerErrors: false };
  const details = detailsOf(op, 'unixgram', local, remote);
  return opened(details, socket, (slot) => new UnixgramConn(poller, slot, ends), options, poller);
}

function needs({ driver }: Poller, capability: Capability): void {
  if (!driver.capabilities.has(capability)) throw new UnsupportedError(driver.name, capability);
}

export function checkOptions({ readBuffer, writeBuffer }: PacketOptions): void {
  if (readBuffer !== undefined) checkInt(readBuffer, 'readBuffer', 1);
  if (writeBuffer !== undefined) checkInt(writeBuffer, 'writeBuffer', 1);
}

function detailsOf(op: string, net: string, local: Addr | null, remote: Addr | null): OpDetails {
  return op === 'listen' ? { op, net, addr: local } : { op, net, source: local, addr: remote };
}

async function opened<C extends UDPConn | UnixgramConn>(
  details: OpDetails,
  socket: DatagramSocket,
  make: (slot: number) => C,
  options: PacketOptions,
  poller: Poller,
): Promise<C> {
  needs(poller, 'datagrams');
  const slot = poller.driver.datagrams!.open(socket);
  if (slot < 0) throw operationError(-slot, details);
  const conn = make(slot);
  try {
    await conn.fd.listening();
    if (options.readBuffer !== undefined) conn.setReadBuffer(options.readBuffer);
    if (options.writeBuffer !== undefined) conn.setWriteBuffer(options.writeBuffer);
    return conn;
  } catch (error) {
    conn.closeNow();
    // The socket never had an address: the ones that were asked for say more.
    if (error instanceof OpError && error.errno !== undefined && error.errno !== -ENOTSUP) {
      throw operationError(-error.errno, details);
    }
    throw error;
  }
}
