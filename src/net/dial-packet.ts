import { isIP, isIPv6 } from 'node:net';
import { ArgumentRangeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { checkSignal, onAbort } from '../runtime/signal.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import type { CallOptions } from './conn.ts';
import { AddrError, DeadlineExceededError, DialError, OpError } from './errors.ts';
import { parsePort, splitHostPort } from './host-port.ts';
import { checkOptions, openUDP, openUnixgram, type PacketOptions, type UDPNetwork } from './listen-packet.ts';
import type { Resolver } from './resolver.ts';
import { portOf } from './services.ts';
import { UDPAddr } from './udp-addr.ts';
import type { UDPConn } from './udp-conn.ts';
import { UnixAddr } from './unix-addr.ts';
import type { UnixgramConn } from './unixgram-conn.ts';

/**
 * Options of `dial` for datagram sockets.
 *
 * @example
 * ```ts
 * import { type DialPacketOptions, dial } from 'gopark/net';
 *
 * const options: DialPacketOptions = { localAddress: '127.0.0.1:0', readBuffer: 1 << 20 };
 * await using conn = await dial('udp', '127.0.0.1:9000', options);
 * ```
 */
export interface DialPacketOptions extends PacketOptions, CallOptions {
  /** How long looking a name up may take, in milliseconds. */
  timeout?: number;
  /**
   * UDP: where to send from, 'host:port' with a numeric host. Unix: the path to be answered at; without one the peer
   * cannot answer; '@' lets the system choose an abstract name.
   */
  localAddress?: string;
}

/**
 * Opens a UDP socket whose peer is `address`. Nothing is sent: that nobody is there shows later, if at all. Of the
 * addresses of a name it takes the first that the system has a way to.
 */
export async function dialUDP(
  network: UDPNetwork,
  address: string,
  options: DialPacketOptions,
  resolver: Resolver,
): Promise<UDPConn> {
  const { host, port: service } = splitHostPort(address);
  const port = portOf(network, service, address);
  checkOptions(options);
  const { localAddress, signal, timeout = Number.POSITIVE_INFINITY } = options;
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
  }
  const local = localAddress === undefined ? null : localEnd(localAddress);
  const family = network === 'udp4' ? 4 : network === 'udp6' ? 6 : 0;
  if (signal?.aborted) throw abortReason(signal);
  const hosts = await addresses(host, family, address, options, resolver);
  const suitable = hosts.filter((each) => local === null || isIPv6(each) === (local.raw[0] === 6));
  if (suitable.length === 0) {
    throw new OpError('ERR_ADDRESS', 'no address of the family of the local address', {
      op: 'dial',
      net: network,
      source: local,
      addr: { network: 'udp', toString: () => address },
    });
  }
  const errors: OpError[] = [];
  for (const each of suitable) {
    try {
      return await openUDP('dial', network, local, new UDPAddr(each, port), true, options);
    } catch (error) {
      if (!(error instanceof OpError) || error.errno === undefined) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  const addr = { network: 'udp', toString: () => address };
  throw new DialError(errors, { op: 'dial', net: network, addr });
}

function localEnd(address: string): UDPAddr {
  const { host, port } = splitHostPort(address);
  if (isIP(host.replace(/%.*/, '')) === 0) throw new AddrError('the local address must be numeric', address);
  return new UDPAddr(host, parsePort(port, address));
}

/** The numeric addresses of a host, IPv4 first; an empty or unspecified one means this machine. */
async function addresses(
  host: string,
  family: 0 | 4 | 6,
  address: string,
  { signal, timeout = Number.POSITIVE_INFINITY }: DialPacketOptions,
  resolver: Resolver,
): Promise<readonly string[]> {
  if (host === '' || host === '0.0.0.0') return family === 6 ? ['::1'] : ['127.0.0.1'];
  if (host === '::') return ['::1'];
  if (isIP(host.replace(/%.*/, '')) !== 0) {
    if (family !== 0 && (family === 6) !== host.includes(':')) {
      throw new AddrError(`no suitable address for udp${family}`, host);
    }
    return [host];
  }
  const late = new DeadlineExceededError({
    op: 'dial',
    net: family === 0 ? 'udp' : `udp${family}`,
    addr: { network: 'udp', toString: () => address },
  });
  if (timeout <= 0) throw late;
  if (signal !== undefined) checkSignal(signal);
  const limit = new AbortController();
  const timer: Timer = { when: 0, index: -1, holds: true, fire: () => limit.abort(late) };
  if (timeout !== Number.POSITIVE_INFINITY) timers.set(timer, now() + timeout);
  const aborted = () => limit.abort(abortReason(signal!));
  if (signal !== undefined) onAbort(signal, aborted);
  try {
    const found = await resolver.lookupHost(host, { family, signal: limit.signal });
    return found.toSorted((a, b) => Number(isIPv6(a)) - Number(isIPv6(b)));
  } finally {
    timers.delete(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

/** Opens a Unix datagram socket whose peer is `path`. */
export async function dialUnixgram(path: string, options: DialPacketOptions): Promise<UnixgramConn> {
  checkOptions(options);
  const { localAddress, signal } = options;
  if (signal?.aborted) throw abortReason(signal);
  if (path === '') {
    throw new OpError('ERR_MISSING_ADDRESS', 'missing address', { op: 'dial', net: 'unixgram' });
  }
  const local = localAddress === undefined ? null : new UnixAddr(localAddress, 'unixgram');
  const conn = await openUnixgram('dial', local, new UnixAddr(path, 'unixgram'), -1, options);
  if (local !== null && local.path !== '' && !local.path.startsWith('@')) conn.owns(local.path);
  return conn;
}
