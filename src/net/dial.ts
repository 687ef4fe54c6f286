import { ArgumentRangeError } from '../io/index.ts';
import { type Poller, threadPoller } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import { onAbort } from '../runtime/signal.ts';
import { TCPAddr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { DeadlineExceededError, OpError, operationError } from './errors.ts';
import { parsePort, splitHostPort } from './host-port.ts';
import { checkNetwork, type TCPNetwork } from './listen.ts';
import { applyOptions, type ConnSettings, connSettings, type TCPOptions } from './options.ts';
import { lookup } from './resolve.ts';
import { TCPConn } from './tcp-conn.ts';

/** Options of `dial`. */
export interface DialOptions extends TCPOptions, CallOptions {
  /** How long the whole dial may take, in milliseconds, name lookup included. Default: as long as the system tries. */
  timeout?: number;
  /** Where to dial from: 'host:port' with a numeric host; port 0 lets the system choose. */
  localAddress?: string;
}

interface Attempt {
  readonly network: TCPNetwork;
  readonly poller: Poller;
  readonly settings: ConnSettings;
  readonly options: DialOptions;
  readonly local: { host: string; port: number } | null;
  readonly signal: AbortSignal | undefined;
}

function localEnd(address: string | undefined): { host: string; port: number } | null {
  if (address === undefined) return null;
  const { host, port } = splitHostPort(address);
  return { host, port: parsePort(port, address) };
}

/** Rejects as soon as the signal fires; the lookup itself goes on to its end, for nobody. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortReason(signal));
      return;
    }
    const aborted = () => reject(abortReason(signal));
    onAbort(signal, aborted);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}

async function connect(host: string, port: number, attempt: Attempt): Promise<TCPConn> {
  const { poller, network } = attempt;
  const addr = new TCPAddr(host, port);
  const slot = poller.driver.connect(host, port, attempt.local);
  if (slot < 0) throw operationError(-slot, { op: 'dial', net: network, addr });
  const conn = new TCPConn(poller, slot, attempt.settings, null);
  try {
    await conn.fd.connected(attempt.signal);
    const failed = applyOptions(poller, slot, attempt.options);
    if (failed !== 0) throw conn.error('dial', failed);
    // While the socket knows: later the peer may have gone.
    void conn.remoteAddr;
    return conn;
  } catch (error) {
    conn.closeNow();
    if (!(error instanceof OpError) || error.errno === undefined) throw error;
    throw operationError(-error.errno, { op: 'dial', net: network, addr });
  }
}

/** One address after the other, until one answers. */
async function connectToAny(hosts: readonly string[], port: number, attempt: Attempt): Promise<TCPConn> {
  const errors: OpError[] = [];
  for (const host of hosts) {
    try {
      return await connect(host, port, attempt);
    } catch (error) {
      if (!(error instanceof OpError) || attempt.signal?.aborted) throw error;
      errors.push(error);
    }
  }
  const [first] = errors;
  if (errors.length === 1) throw first;
  const reasons = errors.map((error) => `${error.addr}: ${error.code}`).join(', ');
  throw new OpError(first!.code, `no address answered (${reasons})`, {
    op: 'dial',
    net: attempt.network,
    cause: new AggregateError(errors, reasons),
  });
}

/**
 * Connects to `address`, 'host:port'. An empty or unspecified host means this machine. A name is looked up, and its
 * addresses are tried in turn.
 *
 * @throws OpError (`ECONNREFUSED`...), DeadlineExceededError when `timeout` has passed, DNSError, AddrError, or the
 * signal's reason: as rejections.
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
export async function dial(
  network: TCPNetwork,
  address: string,
  options: DialOptions = {},
): Promise<TCPConn> {
  checkNetwork('dial', network);
  const { host, port: portText } = splitHostPort(address);
  const port = parsePort(portText, address);
  const { timeout } = options;
  if (timeout !== undefined && (typeof timeout !== 'number' || Number.isNaN(timeout))) {
    throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
  }
  const settings = connSettings(options);
  const local = localEnd(options.localAddress);
  if (options.signal?.aborted) throw abortReason(options.signal);
  const limit = timeout === undefined || timeout === Number.POSITIVE_INFINITY ? null : new AbortController();
  const signal = limit?.signal ?? options.signal;
  const late = () => new DeadlineExceededError({ op: 'dial', net: network });
  if (limit !== null && timeout! <= 0) throw late();
  const timer =
    limit === null ? null : setTimeout(() => limit.abort(late()), Math.min(timeout!, 2 ** 31 - 1));
  // Not AbortSignal.any: a signal that outlives many dials would remember each of them.
  const forward = () => limit?.abort(options.signal!.reason);
  if (limit !== null && options.signal !== undefined) onAbort(options.signal, forward);
  try {
    const hosts = await unlessAborted(lookup(network, systemHost(network, host)), signal);
    return await connectToAny(hosts, port, {
      network,
      poller: threadPoller(),
      settings,
      options,
      local,
      signal,
    });
  } finally {
    if (timer !== null) clearTimeout(timer);
    options.signal?.removeEventListener('abort', forward);
  }
}

function systemHost(network: TCPNetwork, host: string): string {
  if (host === '' || host === '0.0.0.0') return network === 'tcp6' ? '::1' : '127.0.0.1';
  return host === '::' ? '::1' : host;
}
