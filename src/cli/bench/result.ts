import type { RecordableHistogram } from 'node:perf_hooks';
import type { Counts, Errors } from './counts.ts';
import { latenessOf } from './lateness.ts';

/** The latencies of a window, in microseconds. */
export interface Latency {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** By percent. */
  readonly percentiles: Readonly<Record<string, number>>;
}

export interface Second {
  /** Answers a second. */
  readonly rate: number;
  /** Microseconds; null: nothing was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** What a run has found: the file that `--json` writes. */
export interface Result {
  readonly format: 'gopark bench 1';
  readonly gopark: string;
  readonly node: string;
  readonly at: string;
  readonly target: string;
  readonly load: {
    readonly connections: number;
    readonly depth: number;
    /** Bytes of a message. */
    readonly size: number;
    readonly reply: string;
    /** Messages a second; null: a closed loop. */
    readonly rate: number | null;
    readonly poisson: boolean;
    readonly processes: number;
  };
  readonly interrupted: boolean;
  /** Length of the window. */
  readonly seconds: number;
  readonly answered: number;
  /** Answers a second. */
  readonly rate: number;
  readonly refusals: number;
  readonly unanswered: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Null: nothing was answered. */
  readonly latency: Latency | null;
  readonly perSecond: readonly Second[];
  readonly errors: Errors;
  readonly generator: {
    /** CPU time of the load, as a share of one core. */
    readonly cores: number;
    /** Open loop: how late messages left, in microseconds, and which share by more than 1 ms. */
    readonly lateness: {
      readonly mean: number;
      readonly p99: number;
      readonly max: number;
      readonly late: number;
    } | null;
  };
  /** Microseconds of the server's CPU time per answer; null: its process was not named. */
  readonly serverCPU: number | null;
}

/** One of the rows of `perSecond`. */
export function secondOf(rate: number, histogram: RecordableHistogram): Second {
  const percentile = (p: number) => (histogram.count === 0 ? null : histogram.percentile(p) / 1e3);
  return { rate, p50: percentile(50), p99: percentile(99) };
}

export const PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999];

export function latencyOf(histogram: RecordableHistogram): Latency | null {
  const { count, min, mean, max } = histogram;
  if (count === 0) return null;
  return {
    count,
    min: min / 1e3,
    mean: mean / 1e3,
    max: max / 1e3,
    percentiles: Object.fromEntries(PERCENTILES.map((p) => [p, histogram.percentile(p) / 1e3])),
  };
}

export function lateness({
  sent,
  lateness,
  mostLate,
  late,
  lateBy,
}: Counts): Result['generator']['lateness'] {
  if (sent === 0) return null;
  return {
    mean: (lateness / sent) * 1e3,
    // A bucket may say more than the most there was.
    p99: Math.min(latenessOf(lateBy, 0.99), mostLate * 1e3),
    max: mostLate * 1e3,
    late: late / sent,
  };
}
