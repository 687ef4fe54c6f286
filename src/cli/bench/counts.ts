import { addLateness, newLateness } from './lateness.ts';

/** What went wrong, by code: how often, and what the first one said. */
export type Errors = Record<string, { count: number; first: string }>;

/** What a load counts beside latencies. Of the measured window where nothing else is said. */
export interface Counts {
  /** Connections that are open now. */
  connected: number;
  /** Messages that were answered. */
  answered: number;
  /** Of these, how many answers were refusals of the protocol: an error of Redis, HTTP 400 and above. */
  refusals: number;
  /** Messages that had no answer when their connection ended, or at the very end. */
  unanswered: number;
  bytesSent: number;
  bytesReceived: number;
  /** Open loop: messages that left, by how much after they were due in all (ms), at most, and how many by more than 1 ms. */
  sent: number;
  lateness: number;
  mostLate: number;
  late: number;
  /** How many were late by how much: see lateness.ts. */
  readonly lateBy: Uint32Array;
  /** CPU time of the load itself, in milliseconds. */
  cpu: number;
  errors: Errors;
}

export function noCounts(): Counts {
  return {
    connected: 0,
    answered: 0,
    refusals: 0,
    unanswered: 0,
    bytesSent: 0,
    bytesReceived: 0,
    sent: 0,
    lateness: 0,
    mostLate: 0,
    late: 0,
    lateBy: newLateness(),
    cpu: 0,
    errors: {},
  };
}

/** Those of several processes together. */
export function addCounts(all: readonly Counts[]): Counts {
  const sum = noCounts();
  for (const counts of all) {
    for (const key of Object.keys(sum) as (keyof Counts)[]) {
      if (key === 'errors') continue;
      if (key === 'lateBy') addLateness(sum.lateBy, counts.lateBy);
      else if (key === 'mostLate') sum.mostLate = Math.max(sum.mostLate, counts.mostLate);
      else sum[key] += counts[key];
    }
    for (const [code, { count, first }] of Object.entries(counts.errors)) {
      sum.errors[code] ??= { count: 0, first };
      sum.errors[code].count += count;
    }
  }
  return sum;
}
