import type { Poller } from '../poll/index.ts';
import { TCPAddr } from './addr.ts';
import { DeadlineExceededError, OpError, operationError } from './errors.ts';
import { applyOptions, type ConnSettings, type TCPOptions } from './options.ts';
import { TCPConn } from './tcp-conn.ts';

/** A numeric end to connect to or from. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What all tries of one dial have in common. */
export interface ConnectPlan {
  /** As it was asked for. */
  readonly network: string;
  readonly poller: Poller;
  readonly settings: ConnSettings;
  readonly options: TCPOptions & { multipath?: boolean };
  readonly local: Endpoint | null;
}

/** As in Go: how often a port that the system chose is given up for another one. */
const OTHER_PORTS = 2;

async function connectOnce(
  plan: ConnectPlan,
  to: Endpoint,
  signal: AbortSignal | undefined,
  until: number,
): Promise<TCPConn> {
  const { poller, network, local } = plan;
  const details = {
    op: 'dial',
    net: network,
    source: local === null ? null : new TCPAddr(local.host, local.port),
    addr: new TCPAddr(to.host, to.port),
  };
  const { multipath = false } = plan.options;
  const slot = poller.driver.connect(to.host, to.port, local, multipath ? { multipath } : undefined);
  if (slot < 0) throw operationError(-slot, details);
  const conn = new TCPConn(poller, slot, plan.settings, null);
  try {
    if (until !== 0) conn.fd.writer.setDeadline(until);
    await conn.fd.connected(signal);
    if (until !== 0) conn.fd.writer.setDeadline(0);
    const failed = applyOptions(poller, slot, plan.options);
    if (failed !== 0) throw conn.error('dial', failed);
    // While the socket knows: later the peer may have gone.
    void conn.remoteAddr;
    return conn;
  } catch (error) {
    conn.closeNow();
    if (error instanceof DeadlineExceededError) throw new DeadlineExceededError({ ...details, source: null });
    if (!(error instanceof OpError) || error.errno === undefined) throw error;
    throw operationError(-error.errno, details);
  }
}

/** A port of the system's choice can be the very port that is dialled: then the socket connects to itself. */
function isSelf({ localAddr, remoteAddr }: TCPConn): boolean {
  return localAddr.port === remoteAddr.port && localAddr.host === remoteAddr.host;
}

/**
 * Connects to one numeric address; the connection is closed when anything goes wrong. `until`: the instant at which it
 * gives up, 0: none.
 */
export async function connect(
  plan: ConnectPlan,
  to: Endpoint,
  signal: AbortSignal | undefined,
  until = 0,
): Promise<TCPConn> {
  const systemsChoice = (plan.local?.port ?? 0) === 0;
  for (let again = systemsChoice ? OTHER_PORTS : 0; ; again--) {
    try {
      const conn = await connectOnce(plan, to, signal, until);
      if (again === 0 || !isSelf(conn)) return conn;
      conn.closeNow();
    } catch (error) {
      // The port was free when the system chose it, and is not any more.
      if (again === 0 || !(error instanceof OpError) || error.code !== 'EADDRNOTAVAIL') throw error;
    }
  }
}
