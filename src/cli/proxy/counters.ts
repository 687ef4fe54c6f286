/** What a proxy counts, as plain numbers. `active` is of now. */
export interface Counters {
  active: number;
  accepted: number;
  /** From clients to upstreams, and back. */
  bytesUp: number;
  bytesDown: number;
  /** Clients for whom no upstream answered. */
  unreachable: number;
  /** Clients whose TLS name, or lack of one, has no upstream. */
  unrouted: number;
  /** Clients that did not begin with the PROXY header or ClientHello that was asked for, in time. */
  badStart: number;
  resetByClient: number;
  resetByUpstream: number;
  /** Connections that nothing went through for the idle timeout. */
  idle: number;
  /** Connections that a shutdown cut off. */
  cutOff: number;
}

export function newCounters(): Counters {
  return {
    active: 0,
    accepted: 0,
    bytesUp: 0,
    bytesDown: 0,
    unreachable: 0,
    unrouted: 0,
    badStart: 0,
    resetByClient: 0,
    resetByUpstream: 0,
    idle: 0,
    cutOff: 0,
  };
}
