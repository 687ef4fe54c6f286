import { isMainThread } from 'node:worker_threads';
import { EBADF, EINVAL, ENOTSOCK, threadPoller } from '../poll/index.ts';
import { OpError, operationError, UnsupportedError } from './errors.ts';
import { applyOptions, checkInt, connSettings, type TCPOptions } from './options.ts';
import { TCPListener } from './tcp-listener.ts';
import { UnixListener } from './unix-listener.ts';

/** Where a service manager puts the sockets that it hands over. */
const FIRST_DESCRIPTOR = 3;

/**
 * Takes over a listening socket, TCP or Unix, that this process was given: by who started it, for instance. It is the
 * listener's from then on, which closes it, and is not handed on to processes that this one starts; the path of a
 * Unix socket stays when it is closed. Go: `net.FileListener`, without the duplicate.
 *
 * @param options of the connections that it accepts
 * @throws as rejections: OpError when the descriptor is no listening socket (`ENOTSOCK`, `EINVAL`, `EBADF`): then it is
 * still the caller's; UnsupportedError where the driver lacks 'inherit'.
 *
 * @example
 * ```ts
 * import { inheritListener } from 'gopark/net';
 *
 * // node server.js 3<>socket, or whatever has put a listening socket there
 * const listener = await inheritListener(3);
 * await listener.serve(async (conn) => {
 *   await conn.write(new TextEncoder().encode('hello\n'));
 * });
 * ```
 */
export async function inheritListener(
  descriptor: number,
  options: TCPOptions = {},
): Promise<TCPListener | UnixListener> {
  checkInt(descriptor, 'descriptor', 0);
  const settings = connSettings(options);
  const poller = threadPoller();
  const { driver } = poller;
  if (driver.inherit === undefined || !driver.capabilities.has('inherit')) {
    throw new UnsupportedError(driver.name, 'inherit');
  }
  const details = { op: 'listen', net: `descriptor ${descriptor}` };
  const slot = driver.inherit(descriptor);
  if (slot < 0) throw operationError(-slot, details);
  if ((driver.unix?.nameOf(slot, 'local') ?? null) !== null) {
    const packets = driver.unix!.isPackets(slot);
    const listener = new UnixListener(poller, slot, settings, packets ? 'unixpacket' : 'unix');
    return listening(listener, details);
  }
  const listener = new TCPListener(poller, slot, settings);
  await listening(listener, details);
  const failed = applyOptions(poller, slot, options);
  if (failed === 0) return listener;
  const error = listener.error('listen', failed);
  await listener.close();
  throw error;
}

async function listening<L extends TCPListener | UnixListener>(
  listener: L,
  details: { op: string; net: string },
): Promise<L> {
  try {
    await listener.fd.listening();
    return listener;
  } catch (error) {
    await listener.close();
    if (error instanceof OpError && error.errno !== undefined) throw operationError(-error.errno, details);
    throw error;
  }
}

/**
 * A socket that the service manager has handed over.
 *
 * @example
 * ```ts
 * import { type ActivatedSocket, activated } from 'gopark/net';
 *
 * const sockets: ActivatedSocket[] = await activated();
 * for (const { name, listener } of sockets) console.log(name, listener?.addr);
 * ```
 */
export interface ActivatedSocket {
  /** As the service manager calls it: `FileDescriptorName=` of systemd, 'unknown' where it says nothing. */
  readonly name: string;
  readonly descriptor: number;
  /** Null for what does not listen for connections (a datagram socket, a FIFO): then the descriptor is the caller's. */
  readonly listener: TCPListener | UnixListener | null;
}

/**
 * The sockets that a service manager has opened for this process, in its order: systemd's socket activation
 * (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`). Empty where there are none, also in a worker. The variables are
 * removed from the environment, so that nobody takes them twice: a second call finds nothing.
 *
 * @param options of the connections that the TCP listeners accept
 *
 * @example
 * ```ts
 * import { activated, listen } from 'gopark/net';
 *
 * const [socket] = await activated();
 * const listener = socket?.listener ?? (await listen('tcp', '127.0.0.1:9000'));
 * await listener.serve(async (conn) => {
 *   await conn.write(new TextEncoder().encode('hello\n'));
 * });
 * ```
 */
export async function activated(options: TCPOptions = {}): Promise<ActivatedSocket[]> {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = process.env;
  if (!isMainThread) return [];
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
  // Meant for another process: the shell that has started this one, for instance.
  if (Number(pid) !== process.pid || !/^\d{1,4}$/.test(count ?? '')) return [];
  const named = names === undefined ? [] : names.split(':');
  const found: ActivatedSocket[] = [];
  try {
    for (let i = 0; i < Number(count); i++) {
      const descriptor = FIRST_DESCRIPTOR + i;
      const listener = await inheritListener(descriptor, options).catch(notListening);
      found.push({ name: named[i] || 'unknown', descriptor, listener });
    }
    return found;
  } catch (error) {
    for (const { listener } of found) await listener?.close();
    throw error;
  }
}

/** What the descriptor says of itself when it is something else. */
function notListening(error: unknown): null {
  const errno = error instanceof OpError && error.errno !== undefined ? -error.errno : 0;
  if (errno === EINVAL || errno === ENOTSOCK || errno === EBADF) return null;
  throw error;
}
