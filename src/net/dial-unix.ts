import { ArgumentRangeError } from '../io/index.ts';
import { threadPoller } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import type { CallOptions } from './conn.ts';
import { DeadlineExceededError, OpError, operationError, UnsupportedError } from './errors.ts';
import { needsUnix } from './listen-unix.ts';
import { connSettings, type StreamOptions } from './options.ts';
import { OwnPath } from './own-path.ts';
import { UnixAddr } from './unix-addr.ts';
import { UnixConn, type UnixNetwork } from './unix-conn.ts';

/**
 * Options of `dial` for Unix sockets.
 *
 * @example
 * ```ts
 * import { type DialUnixOptions, dial } from 'gopark/net';
 *
 * const options: DialUnixOptions = { timeout: 1000, localAddress: '/run/user/1000/me.sock' };
 * await using conn = await dial('unix', '/run/service.sock', options);
 * ```
 */
export interface DialUnixOptions extends StreamOptions, CallOptions {
  /** In milliseconds. The kernel answers at once, so only one that has expired already makes a difference. */
  timeout?: number;
  /** A name of this end's own, '@' for one of the system's choice. A path is removed again, once it is connected. */
  localAddress?: string;
}

/** Connects to a Unix socket. */
export async function dialUnix(
  network: UnixNetwork,
  path: string,
  options: DialUnixOptions,
): Promise<UnixConn> {
  const { signal, timeout = Number.POSITIVE_INFINITY, localAddress } = options;
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
  }
  const settings = connSettings(options);
  if (path === '') {
    throw new OpError('ERR_MISSING_ADDRESS', 'missing address', { op: 'dial', net: network });
  }
  const remote = new UnixAddr(path, network);
  const local = localAddress === undefined ? null : new UnixAddr(localAddress, network);
  const details = { op: 'dial', net: network, source: local, addr: remote };
  const { name } = remote;
  const localName = local?.name ?? null;
  if (signal?.aborted) throw abortReason(signal);
  if (timeout <= 0) throw new DeadlineExceededError(details);
  needsUnix(network, name);
  const poller = threadPoller();
  const { driver } = poller;
  if (localName !== null && !driver.capabilities.has('unixLocalAddress')) {
    throw new UnsupportedError(driver.name, 'unixLocalAddress');
  }
  const slot = driver.unix!.connect(name, network === 'unixpacket', localName);
  if (slot < 0) throw operationError(-slot, details);
  const own = localName === null || localName === '' || localName.startsWith('\0') ? null : localName;
  const conn = new UnixConn(poller, slot, settings, null, network);
  try {
    await conn.fd.connected(signal);
    // While the socket knows: later the peer may have gone.
    void conn.remoteAddr;
    return conn;
  } catch (error) {
    conn.closeNow();
    if (!(error instanceof OpError) || error.errno === undefined) throw error;
    throw operationError(-error.errno, details);
  } finally {
    if (own !== null) new OwnPath(own).remove();
  }
}
