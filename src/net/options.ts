import { checkCount } from '../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import {
  type Capability,
  EINVAL,
  ENOPROTOOPT,
  ENOTSUP,
  type Poller,
  type SocketOption,
} from '../poll/index.ts';
import { UnsupportedError } from './errors.ts';

/**
 * Keep-alive probes, in seconds. Go's defaults: after 15, every 15, 9 times.
 *
 * @example
 * ```ts
 * import { dial, type KeepAlive } from 'gopark/net';
 *
 * const keepAlive: KeepAlive = { idle: 60, interval: 10, count: 3 };
 * await using conn = await dial('tcp', 'example.com:80', { keepAlive });
 * ```
 */
export interface KeepAlive {
  /** Idle time before the first probe. */
  idle?: number;
  interval?: number;
  count?: number;
}

/**
 * Options of every stream connection, dialled or accepted.
 *
 * @example
 * ```ts
 * import { dial, type StreamOptions } from 'gopark/net';
 *
 * const strict: StreamOptions = { coalesce: false, closeTimeout: 1000 };
 * await using conn = await dial('unix', '/run/service.sock', strict);
 * ```
 */
export interface StreamOptions {
  /**
   * Let small writes of one turn of the event loop leave together. Default true: a write settles when the
   * connection has a copy. `false` is Go's strict form: it settles when the kernel has accepted the bytes.
   */
  coalesce?: boolean;
  /** How long `close` waits for the kernel to take what was written, in milliseconds. Default 5000. */
  closeTimeout?: number;
}

/**
 * Options of TCP connections, dialled or accepted.
 *
 * @example
 * ```ts
 * import { listen, type TCPOptions } from 'gopark/net';
 *
 * const options: TCPOptions = { keepAlive: { idle: 300 }, userTimeout: 20_000, dscp: 8 };
 * await using listener = await listen('tcp', ':9000', options);
 * ```
 */
export interface TCPOptions extends StreamOptions {
  /** Probes that find out whether the peer still lives; `false` for none. Default: on, with Go's times. */
  keepAlive?: boolean | KeepAlive;
  /** Send small writes at once instead of waiting for acknowledgements. Default true. */
  noDelay?: boolean;
  /**
   * The class of service that routers see, a Differentiated Services Code Point of 0 to 63: 46 for expedited
   * forwarding, 8 for what may wait. Of IPv4 and IPv6 packets alike. A dialled connection has it from its first byte
   * of data on, not yet in its handshake. Default: the system's, 0.
   */
  dscp?: number;
  /**
   * How long bytes may wait for an acknowledgement before the kernel gives the connection up (`ETIMEDOUT`), in
   * milliseconds; 0: the system's, about a quarter of an hour. Keep-alive finds dead peers only while nothing waits.
   */
  userTimeout?: number;
}

const MOST_INT = 2 ** 31 - 1;

/** Of what the system takes as an int: above that it would mean another number. */
export function checkInt(value: number, name: string, minimum: number, most: number = MOST_INT): void {
  checkCount(value, name, minimum);
  if (value > most) throw new ArgumentRangeError(name, `a whole number up to ${most}`, value);
}

/** Of what plain JavaScript may pass for an object: `null`, above all. */
export function checkObject(value: unknown, name: string, expected = 'an object'): void {
  if (typeof value !== 'object' || value === null) throw new ArgumentTypeError(name, expected, value);
}

export const DEFAULT_CLOSE_TIMEOUT = 5000;
/** What Linux takes, in seconds, and of probes. */
const LONGEST_KEEP_ALIVE = 32_767;
const MOST_PROBES = 127;
const DEFAULT_KEEP_ALIVE = { idle: 15, interval: 15, count: 9 };

/** What a connection needs of its options later: shared by all connections of a listener. */
export interface ConnSettings {
  readonly strict: boolean;
  readonly closeTimeout: number;
}

export function connSettings(options: StreamOptions): ConnSettings {
  const closeTimeout = options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
  if (typeof closeTimeout !== 'number' || !(closeTimeout >= 0)) {
    throw new ArgumentRangeError('closeTimeout', 'milliseconds of at least 0', closeTimeout);
  }
  return { strict: options.coalesce === false, closeTimeout };
}

/** Sets one option: what went wrong as a positive errno, 0 when nothing did. Throws where the driver lacks it. */
export function setOption(
  poller: Poller,
  slot: number,
  option: SocketOption,
  value: number,
  second?: number,
): number {
  const result = poller.driver.setOption(slot, option, value, second);
  if (result === -ENOTSUP) throw new UnsupportedError(poller.driver.name, option);
  return -result;
}

/**
 * Switches keep-alive. The first errno that came up, or 0. A driver that knows no interval has the system's, unless
 * one is asked for.
 */
export function setKeepAlive(poller: Poller, slot: number, keepAlive: boolean | KeepAlive): number {
  if (keepAlive === false) return setOption(poller, slot, 'keepAlive', 0);
  const asked = keepAlive === true ? {} : keepAlive;
  const { idle, interval, count } = { ...DEFAULT_KEEP_ALIVE, ...asked };
  checkInt(idle, 'keepAlive.idle', 1, LONGEST_KEEP_ALIVE);
  checkInt(interval, 'keepAlive.interval', 1, LONGEST_KEEP_ALIVE);
  checkInt(count, 'keepAlive.count', 1, MOST_PROBES);
  const failed = setOption(poller, slot, 'keepAlive', 1) || setOption(poller, slot, 'keepAliveIdle', idle);
  const { driver } = poller;
  if (driver.capabilities.has('keepAliveInterval')) {
    return (
      failed ||
      setOption(poller, slot, 'keepAliveInterval', interval) ||
      setOption(poller, slot, 'keepAliveCount', count)
    );
  }
  if (asked.interval !== undefined || asked.count !== undefined) {
    throw new UnsupportedError(driver.name, 'keepAliveInterval');
  }
  return failed;
}

const MOST_DSCP = 63;
const LONGEST_USER_TIMEOUT = 2 ** 31 - 1;

export function checkDSCP(dscp: number): void {
  if (!Number.isInteger(dscp) || dscp < 0 || dscp > MOST_DSCP) {
    throw new ArgumentRangeError('dscp', `a whole number up to ${MOST_DSCP}`, dscp);
  }
}

export function checkUserTimeout(ms: number): void {
  if (!Number.isInteger(ms) || ms < 0 || ms > LONGEST_USER_TIMEOUT) {
    throw new ArgumentRangeError('userTimeout', `whole milliseconds up to ${LONGEST_USER_TIMEOUT}`, ms);
  }
}

/** What can be wrong with options is told before anything is opened. */
export function checkTCPOptions({ driver }: Poller, options: TCPOptions & { multipath?: boolean }): void {
  const needed: [wanted: boolean, capability: Capability][] = [
    [options.dscp !== undefined, 'trafficClass'],
    [options.userTimeout !== undefined, 'userTimeout'],
    [options.multipath === true, 'multipath'],
  ];
  if (options.dscp !== undefined) checkDSCP(options.dscp);
  if (options.userTimeout !== undefined) checkUserTimeout(options.userTimeout);
  for (const [wanted, capability] of needed) {
    if (wanted && !driver.capabilities.has(capability)) throw new UnsupportedError(driver.name, capability);
  }
}

/** The class of packets of both families: a socket for both has two, one for IPv4 lacks the other. */
export function setDSCP(poller: Poller, slot: number, dscp: number): number {
  const value = dscp << 2;
  const failed = setOption(poller, slot, 'trafficClass4', value);
  const failed6 = poller.driver.setOption(slot, 'trafficClass6', value);
  return failed6 === 0 || failed6 === -ENOPROTOOPT ? failed : failed || -failed6;
}

/** The options of a fresh socket. On a listener they pass on to what it accepts, at no cost for each connection. */
export function applyOptions(poller: Poller, slot: number, options: TCPOptions): number {
  const failed =
    setOption(poller, slot, 'noDelay', options.noDelay === false ? 0 : 1) ||
    setKeepAlive(poller, slot, options.keepAlive ?? true) ||
    (options.dscp === undefined ? 0 : setDSCP(poller, slot, options.dscp)) ||
    (options.userTimeout === undefined ? 0 : setOption(poller, slot, 'userTimeout', options.userTimeout));
  // A peer that reset the connection meanwhile makes the kernel refuse: the first read will tell.
  return failed === EINVAL ? 0 : failed;
}
