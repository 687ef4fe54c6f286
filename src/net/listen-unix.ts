import { ArgumentRangeError } from '../io/index.ts';
import { type Capability, threadPoller } from '../poll/index.ts';
import { defaultBacklog } from './backlog.ts';
import { OpError, operationError, UnsupportedError } from './errors.ts';
import { checkInt, connSettings, type StreamOptions } from './options.ts';
import { UnixAddr } from './unix-addr.ts';
import type { UnixNetwork } from './unix-conn.ts';
import { UnixListener } from './unix-listener.ts';

/**
 * Options of `listen` for Unix sockets; those of StreamOptions are for the connections it accepts.
 *
 * @example
 * ```ts
 * import { type ListenUnixOptions, listen } from 'gopark/net';
 *
 * const options: ListenUnixOptions = { mode: 0o660, unlinkOnClose: true };
 * await using listener = await listen('unix', '/run/service.sock', options);
 * ```
 */
export interface ListenUnixOptions extends StreamOptions {
  /** How many connections may wait to be accepted. Default: as many as the system allows (somaxconn). */
  backlog?: number;
  /**
   * The permissions of the path, 0o600 for instance: who may write to it may connect. At no time it has more. Default:
   * as the process makes files (0o777 less the umask).
   */
  mode?: number;
  /** Whether `close` removes the path, unless somebody has put another file there. Default true. */
  unlinkOnClose?: boolean;
}

export function isUnix(network: string): network is UnixNetwork {
  return network === 'unix' || network === 'unixpacket';
}

/** Throws where the driver has no such sockets, or no such names. */
export function needsUnix(network: UnixNetwork, ...names: (string | null)[]): void {
  const { driver } = threadPoller();
  const needed: Capability[] = [network === 'unix' ? 'unix' : 'unixpacket'];
  if (names.some((name) => name === '' || name?.startsWith('\0'))) needed.push('unixAbstract');
  for (const capability of needed) {
    if (!driver.capabilities.has(capability)) throw new UnsupportedError(driver.name, capability);
  }
}

export async function listenUnix(
  network: UnixNetwork,
  path: string,
  options: ListenUnixOptions,
): Promise<UnixListener> {
  const addr = new UnixAddr(path, network);
  // Go has the kernel choose for '' as well as for '@'.
  const { name } = addr;
  const settings = connSettings(options);
  const { backlog = defaultBacklog(), mode = -1 } = options;
  checkInt(backlog, 'backlog', 1);
  if (mode !== -1 && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw new ArgumentRangeError('mode', 'permissions up to 0o777', mode);
  }
  needsUnix(network, name);
  const poller = threadPoller();
  const details = { op: 'listen', net: network, addr };
  const packets = network === 'unixpacket';
  const slot = poller.driver.unix!.listen(name, { packets, backlog, mode });
  if (slot < 0) throw operationError(-slot, details);
  const listener = new UnixListener(poller, slot, settings, network);
  try {
    await listener.fd.listening();
    const isPath = name !== '' && !name.startsWith('\0');
    if (isPath) listener.owns(path);
    listener.setUnlinkOnClose(options.unlinkOnClose !== false);
    return listener;
  } catch (error) {
    await listener.close();
    if (error instanceof OpError && error.errno !== undefined) throw operationError(-error.errno, details);
    throw error;
  }
}
