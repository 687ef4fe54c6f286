import { type ListenSocketOptions, type Poller, threadPoller } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import { TCPAddr } from './addr.ts';
import { defaultBacklog } from './backlog.ts';
import { bindAddress, NO_IPV6 } from './bind-address.ts';
import { OpError, operationError, UnsupportedError } from './errors.ts';
import { splitHostPort } from './host-port.ts';
import { isUnix, type ListenUnixOptions, listenUnix } from './listen-unix.ts';
import {
  applyOptions,
  type ConnSettings,
  checkInt,
  checkObject,
  checkTCPOptions,
  connSettings,
  setOption,
  type TCPOptions,
} from './options.ts';
import { portOf } from './services.ts';
import { TCPListener } from './tcp-listener.ts';
import type { UnixNetwork } from './unix-conn.ts';
import type { UnixListener } from './unix-listener.ts';

/**
 * Options of `listen`; those of TCPOptions are for the connections it accepts.
 *
 * @example
 * ```ts
 * import { type ListenOptions, listen } from 'gopark/net';
 *
 * const options: ListenOptions = { backlog: 1024, reusePort: true, coalesce: false };
 * await using listener = await listen('tcp', ':9000', options);
 * ```
 */
export interface ListenOptions extends TCPOptions {
  /** How many connections may wait to be accepted. Default: as many as the system allows (somaxconn). */
  backlog?: number;
  /** Let several sockets listen on this address; the kernel spreads connections over them. Default false. */
  reusePort?: boolean;
  /**
   * Multipath TCP, where the kernel has it: a connection whose other end has it, too, may use several networks at
   * once; all others are plain TCP. See `TCPConn.isMultipath`. Default false (Go: true since 1.24).
   */
  multipath?: boolean;
  /**
   * TCP fast open: a client that has been here before may send its first bytes with its first packet, which saves it
   * one round trip. `true`, or how many such connections may wait for their handshake at a time (256 by default).
   * The kernel must be told, too: `net.ipv4.tcp_fastopen` with 2 in it. Only for services that do not mind when
   * these first bytes come twice. Default false.
   */
  fastOpen?: boolean | number;
  /** The kernel's buffers of each accepted connection, in bytes: asked for, it may take other sizes. */
  readBuffer?: number;
  writeBuffer?: number;
  /** Ends the lookup of a host name: `listen` rejects with its reason. Afterwards it has no effect. */
  signal?: AbortSignal;
}

const FAST_OPEN_QUEUE = 256;
const BUFFERS = ['readBuffer', 'writeBuffer'] as const;

/**
 * TCP over either family of addresses, or over one.
 *
 * @example
 * ```ts
 * import { listen, type TCPNetwork } from 'gopark/net';
 *
 * const network: TCPNetwork = 'tcp4';
 * await using listener = await listen(network, ':9000');
 * ```
 */
export type TCPNetwork = 'tcp' | 'tcp4' | 'tcp6';

export function checkNetwork(op: string, network: string): void {
  if (network === 'tcp' || network === 'tcp4' || network === 'tcp6') return;
  throw new OpError('ERR_UNKNOWN_NETWORK', `unknown network ${JSON.stringify(network)}`, {
    op,
    net: String(network),
  });
}

/**
 * Listens for connections on `address`: 'host:port' for TCP, a path for 'unix' and 'unixpacket'.
 *
 * An empty host means all addresses, of both families where the system has them ('tcp4' and 'tcp6' take one);
 * port 0 or none lets the system choose: see `listener.addr`. The address may be listened on again right after
 * the listener was closed.
 *
 * A path must not exist, also when nobody listens there any more: `EADDRINUSE`. '@name' is an abstract name (Linux),
 * which needs no file; '@' and '' let the system choose one.
 *
 * @throws OpError (`EADDRINUSE`, `EACCES`...), AddrError, DNSError: as rejections.
 *
 * @example
 * ```ts
 * import { listen } from 'gopark/net';
 *
 * await using listener = await listen('tcp', '127.0.0.1:0', { backlog: 1024 });
 * console.log('listening on', String(listener.addr));
 * ```
 */
export function listen(network: TCPNetwork, address: string, options?: ListenOptions): Promise<TCPListener>;
export function listen(
  network: UnixNetwork,
  path: string,
  options?: ListenUnixOptions,
): Promise<UnixListener>;
/** Where the network is known at run time only. Options that do not concern it are left alone. */
export function listen(
  network: TCPNetwork | UnixNetwork,
  address: string,
  options?: ListenOptions & ListenUnixOptions,
): Promise<TCPListener | UnixListener>;
export async function listen(
  network: TCPNetwork | UnixNetwork,
  address: string,
  options: ListenOptions & ListenUnixOptions = {},
): Promise<TCPListener | UnixListener> {
  checkObject(options, 'options');
  if (isUnix(network)) return listenUnix(network, address, options);
  checkNetwork('listen', network);
  const { host, port: portText } = splitHostPort(address);
  const port = portOf(network, portText, address);
  const settings = connSettings(options);
  const backlog = options.backlog ?? defaultBacklog();
  checkInt(backlog, 'backlog', 1);
  const poller = threadPoller();
  const { driver } = poller;
  const reusePort = options.reusePort === true;
  checkTCPOptions(poller, options);
  const { fastOpen } = options;
  if (typeof fastOpen === 'number') checkInt(fastOpen, 'fastOpen', 1);
  for (const name of BUFFERS) if (options[name] !== undefined) checkInt(options[name], name, 1);
  if (fastOpen && !driver.capabilities.has('fastOpen')) throw new UnsupportedError(driver.name, 'fastOpen');
  if (reusePort && !driver.capabilities.has('reusePort'))
    throw new UnsupportedError(driver.name, 'reusePort');
  const { signal } = options;
  if (signal?.aborted) throw abortReason(signal);
  const bind = await bindAddress(network, host, signal);
  const multipath = options.multipath === true;
  const socketOptions = { backlog, reusePort, ipv6Only: !bind.dual, multipath };
  try {
    return await listenOn(poller, network, bind.host, port, socketOptions, settings, options);
  } catch (error) {
    if (!(bind.dual && host === '' && error instanceof OpError && NO_IPV6.has(error.code))) throw error;
    return listenOn(
      poller,
      network,
      '0.0.0.0',
      port,
      { ...socketOptions, ipv6Only: false },
      settings,
      options,
    );
  }
}

async function listenOn(
  poller: Poller,
  network: TCPNetwork,
  host: string,
  port: number,
  socketOptions: ListenSocketOptions,
  settings: ConnSettings,
  options: ListenOptions,
): Promise<TCPListener> {
  const slot = poller.driver.listen(host, port, socketOptions);
  const details = { op: 'listen', net: network, addr: new TCPAddr(host, port) };
  if (slot < 0) throw operationError(-slot, details);
  const listener = new TCPListener(poller, slot, settings);
  try {
    await listener.fd.listening();
    const { fastOpen } = options;
    const queue = fastOpen === true ? FAST_OPEN_QUEUE : (fastOpen ?? false);
    const failed =
      applyOptions(poller, slot, options) ||
      (queue ? setOption(poller, slot, 'fastOpen', queue) : 0) ||
      applyBuffers(poller, slot, options);
    if (failed !== 0) throw listener.error('listen', failed);
  } catch (error) {
    await listener.close();
    // The listener never had an address: the one that was asked for says more.
    if (error instanceof OpError && error.errno !== undefined) throw operationError(-error.errno, details);
    throw error;
  }
  return listener;
}

/** Accepted sockets begin with those of the listening one. The first errno, or 0. */
function applyBuffers(poller: Poller, slot: number, options: ListenOptions): number {
  for (const name of BUFFERS) {
    const size = options[name];
    const failed = size === undefined ? 0 : setOption(poller, slot, name, size);
    if (failed !== 0) return failed;
  }
  return 0;
}
