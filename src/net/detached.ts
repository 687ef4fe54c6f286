import { ArgumentTypeError } from '../io/index.ts';
import { EBADF, errnoMessage, errnoName, type Moved, type Poller, threadPoller } from '../poll/index.ts';
import type { TCPAddr } from './addr.ts';
import { type AddressParts, tcpAddr, unixAddr } from './address-parts.ts';
import { OpError, UnsupportedError } from './errors.ts';
import type { ConnSettings } from './options.ts';
import { TCPConn } from './tcp-conn.ts';
import type { UnixAddr } from './unix-addr.ts';
import { UnixConn } from './unix-conn.ts';

/**
 * A connection on its way: what `detach` gives and `adopt` takes, in this thread or, sent there by `postMessage` or a
 * `SharedChan`, in another one. Who adopts it first has it; nobody in 10 seconds, and it is closed.
 *
 * @example
 * ```ts
 * import type { Detached } from 'gopark/net';
 *
 * interface Login { readonly user: string }
 * export const userOf = (detached: Detached<Login>): string => detached.state.user;
 * ```
 */
export interface Detached<S = unknown> {
  /** 'tcp', 'unix' or 'unixpacket'. */
  readonly network: string;
  /** What was given to `detach`. */
  readonly state: S;
  /** @internal */
  readonly settings: ConnSettings;
  /** @internal */
  readonly local: AddressParts;
  /** @internal */
  readonly remote: AddressParts;
  /** @internal */
  readonly moved: Moved;
  /**
   * An event loop has called its `onConnect`.
   * @internal
   */
  readonly connected?: boolean;
}

/** What `detach` gave, as a slot of this thread. */
export interface TakenOver {
  readonly poller: Poller;
  readonly slot: number;
  readonly source: TCPAddr | UnixAddr;
  readonly addr: TCPAddr | UnixAddr;
}

/**
 * Takes a detached connection over: it goes on with all that it had, unread bytes, what was not sent yet, deadlines,
 * options, addresses. Each one can be adopted once.
 *
 * @throws OpError `EBADF` when somebody else has adopted it, or nobody did in 10 seconds and it was closed; `EMFILE`
 * when this thread has no room for more connections: then another one may still adopt it. UnsupportedError where the
 * driver lacks 'leases'.
 *
 * @example
 * ```ts
 * import { parentPort } from 'node:worker_threads';
 * import { go } from 'gopark';
 * import { adopt, type Detached } from 'gopark/net';
 *
 * parentPort?.on('message', (detached: Detached<{ user: string }>) => {
 *   go(async () => {
 *     await using conn = adopt(detached);
 *     await conn.write(new TextEncoder().encode(`welcome, ${detached.state.user}\n`));
 *   });
 * });
 * ```
 */
export function adopt(detached: Detached): TCPConn | UnixConn {
  const { poller, slot, source, addr } = takeOver(detached);
  const { network, settings, moved } = detached;
  const conn =
    network === 'tcp'
      ? new TCPConn(poller, slot, settings, source as TCPAddr)
      : new UnixConn(poller, slot, settings, source as UnixAddr, network as 'unix' | 'unixpacket');
  conn.arrived(addr as never, moved);
  return conn;
}

/** The same for who makes something else of the slot. */
export function takeOver(detached: Detached): TakenOver {
  const { network, moved, local, remote } = Object(detached) as Detached;
  if (typeof network !== 'string' || typeof Object(moved).lease !== 'object') {
    throw new ArgumentTypeError('detached', 'what detach() gave', detached);
  }
  const poller = threadPoller();
  const { leases } = poller.driver;
  if (leases === undefined) throw new UnsupportedError(poller.driver.name, 'leases');
  const [source, addr] =
    network === 'tcp'
      ? [tcpAddr(local), tcpAddr(remote)]
      : [unixAddr(local, network), unixAddr(remote, network)];
  const slot = leases.adopt(moved.lease, network === 'unixpacket');
  if (slot < 0) {
    const reason = slot === -EBADF ? 'somebody else has it, or it waited for too long' : errnoMessage(-slot);
    throw new OpError(errnoName(-slot), reason, { op: 'adopt', net: network, source, addr, errno: slot });
  }
  return { poller, slot, source, addr };
}
