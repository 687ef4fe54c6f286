import { checkLimit } from '../io/arguments.ts';
import { FAILED_CLOSED } from '../poll/errno.ts';
import { type Poller, type SlotOwner, startedPoller } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';

/**
 * A descriptor that gopark has open for the network, a pipe included. Of files see `filePoolStats`.
 *
 * @example
 * ```ts
 * import { type OpenSocket, sockets } from 'gopark/debug';
 *
 * const isStuck = ({ unsent }: OpenSocket): boolean => unsent > 0;
 * console.log(sockets().filter(isStuck));
 * ```
 */
export interface OpenSocket {
  /** Its class: 'TCPConn', 'TCPListener', 'UDPConn', 'Connection' (the event loop's)... */
  readonly kind: string;
  /** 'tcp', 'unix'...; '' for a pipe. */
  readonly network: string;
  /** As in errors: `host:port` or a path; '' where there is none. */
  readonly local: string;
  readonly remote: string;
  /** Bytes of small writes that the kernel has not taken yet. */
  readonly unsent: number;
  /** The calls that are parked on it, as 'read' or 'write', each with the milliseconds for which it has waited. */
  readonly waits: readonly { readonly operation: string; readonly waited: number }[];
}

/** What an error of it would say. */
interface Addressed {
  readonly net?: string;
  readonly source?: unknown;
  readonly addr?: unknown;
  /** Of a pipe. */
  readonly path?: string;
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

function addressesOf({ owner }: SlotOwner): Addressed {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return owner.error('look', FAILED_CLOSED) as Addressed;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function describe(poller: Poller, descriptor: SlotOwner, instant: number): OpenSocket {
  const { net, source, addr, path } = addressesOf(descriptor);
  return {
    kind: kindOf(descriptor),
    network: text(net),
    local: path ?? text(source ?? addr),
    remote: source === undefined || source === null ? '' : text(addr),
    unsent: poller.driver.outboundLength(descriptor.slot),
    waits: [...descriptor.waits()].map(({ waitOperation, since }) => ({
      operation: waitOperation ?? '',
      waited: Math.max(0, instant - since),
    })),
  };
}

function kindOf({ owner }: SlotOwner): string {
  return owner.constructor.name;
}

/** How many there are of each kind. */
export function countSockets(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const descriptor of startedPoller()?.owners() ?? []) {
    const kind = kindOf(descriptor);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/**
 * What this thread has open at the moment, in no order: who never closes anything finds it here. It costs a few
 * microseconds each, which is why there is a limit.
 *
 * @param options `limit`: the most to tell of; default 1000, Infinity for all
 * @throws ArgumentRangeError for a limit that is no whole number of at least 0.
 *
 * @example
 * ```ts
 * import { sockets } from 'gopark/debug';
 *
 * for (const { kind, local, remote, unsent } of sockets()) console.log(kind, local, remote, unsent);
 * ```
 */
export function sockets(options: { limit?: number } = {}): OpenSocket[] {
  const { limit = 1000 } = options;
  checkLimit(limit);
  const poller = startedPoller();
  const found: OpenSocket[] = [];
  if (poller === null) return found;
  const instant = now();
  for (const descriptor of poller.owners()) {
    if (found.length >= limit) break;
    found.push(describe(poller, descriptor, instant));
  }
  return found;
}
