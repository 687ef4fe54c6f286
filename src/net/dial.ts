import type { CallOptions } from './conn.ts';
import { type DialPacketOptions, dialUDP, dialUnixgram } from './dial-packet.ts';
import { type DialUnixOptions, dialUnix } from './dial-unix.ts';
import { Dialer, type DialerOptions, resolverOf } from './dialer.ts';
import type { TCPNetwork } from './listen.ts';
import { isUDP, type UDPNetwork } from './listen-packet.ts';
import { isUnix } from './listen-unix.ts';
import { checkObject } from './options.ts';
import type { TCPConn } from './tcp-conn.ts';
import type { UDPConn } from './udp-conn.ts';
import type { UnixConn, UnixNetwork } from './unix-conn.ts';
import type { UnixgramConn } from './unixgram-conn.ts';

/**
 * Options of `dial`.
 *
 * @example
 * ```ts
 * import { type DialOptions, dial } from 'gopark/net';
 *
 * const options: DialOptions = { timeout: 3000, keepAlive: { idle: 60 }, userTimeout: 20_000 };
 * await using conn = await dial('tcp', 'example.com:80', options);
 * ```
 */
export interface DialOptions extends DialerOptions, CallOptions {}

/** For those who want nothing special. */
const plain = new Dialer();

/**
 * Connects to `address`, 'host:port'. An empty or unspecified host means this machine; a port may be the name of a
 * service. A name is looked up, and its addresses race: see `Dialer`.
 *
 * 'unix' and 'unixpacket' connect to the Unix socket at a path, '@name' for an abstract name.
 *
 * 'udp', 'udp4', 'udp6' and 'unixgram' open a datagram socket whose peer is `address`: of the options `signal`,
 * `timeout`, `resolver` and `localAddress` count, and the sizes of the kernel's buffers.
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
export function dial(network: TCPNetwork, address: string, options?: DialOptions): Promise<TCPConn>;
export function dial(network: UnixNetwork, path: string, options?: DialUnixOptions): Promise<UnixConn>;
export function dial(
  network: UDPNetwork,
  address: string,
  options?: DialOptions & DialPacketOptions,
): Promise<UDPConn>;
export function dial(
  network: 'unixgram',
  address: string,
  options?: DialPacketOptions,
): Promise<UnixgramConn>;
/** Where the network is known at run time only. Options that do not concern it are left alone. */
export function dial(
  network: TCPNetwork | UnixNetwork,
  address: string,
  options?: DialOptions & DialUnixOptions,
): Promise<TCPConn | UnixConn>;
export async function dial(
  network: TCPNetwork | UnixNetwork | UDPNetwork | 'unixgram',
  address: string,
  options?: DialOptions & DialPacketOptions,
): Promise<TCPConn | UnixConn | UDPConn | UnixgramConn> {
  if (options !== undefined) checkObject(options, 'options');
  if (isUnix(network)) return dialUnix(network, address, options ?? {});
  if (isUDP(network)) return dialUDP(network, address, options ?? {}, resolverOf(options?.resolver));
  if (network === 'unixgram') return dialUnixgram(address, options ?? {});
  if (options === undefined) return plain.dial(network, address);
  return new Dialer(options).dial(network, address, options);
}
