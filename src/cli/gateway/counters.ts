/** What a gateway counts, as plain numbers. `connections`, `symbols` and `subscriptions` are of now. */
export interface Counters {
  connections: number;
  accepted: number;
  refused: number;
  lines: number;
  orders: number;
  rejects: number;
  ticksIn: number;
  ticksOut: number;
  /** Ticks that a newer one of the same symbol replaced before a slow consumer took them. */
  conflated: number;
  droppedSlow: number;
  droppedIdle: number;
  droppedErrors: number;
  /** Connections that their peers reset. */
  resets: number;
  symbols: number;
  subscriptions: number;
  /** Orders that were rejected because the journal failed. */
  notJournaled: number;
}

export function newCounters(): Counters {
  return {
    connections: 0,
    accepted: 0,
    refused: 0,
    lines: 0,
    orders: 0,
    rejects: 0,
    ticksIn: 0,
    ticksOut: 0,
    conflated: 0,
    droppedSlow: 0,
    droppedIdle: 0,
    droppedErrors: 0,
    resets: 0,
    symbols: 0,
    subscriptions: 0,
    notJournaled: 0,
  };
}
