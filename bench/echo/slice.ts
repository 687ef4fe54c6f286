import { Child } from '../lib/child.ts';
import type { Workload } from './workloads.ts';

/** What one short load on one server showed. */
export interface Slice {
  readonly messagesPerSecond: number;
  /** Round trips in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of the server's CPU time. */
  readonly cpuPerMessage: number;
  /** Too coarse to say much of one slice; see userShare. */
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** Connections are made and the first messages sent before measuring begins. */
const settling = 0.15;

export async function slice(
  generator: string,
  server: { readonly pid: number; readonly port: string },
  { connections, size, depth }: Workload,
  seconds: number,
): Promise<Slice> {
  const args = [server.port, connections, size, depth, seconds, settling, server.pid].map(String);
  const load = new Child('load', [generator, ...args]);
  try {
    const found = JSON.parse(await load.line());
    return { ...found, cpuPerMessage: found.cpu / found.messages };
  } finally {
    await load.stop();
  }
}

/** The user's share of the CPU time of all slices together: ticks add up to something where single ones do not. */
export function userShare(slices: readonly Slice[]): number {
  const sum = (key: 'userTicks' | 'systemTicks') => slices.reduce((total, one) => total + one[key], 0);
  return sum('userTicks') / (sum('userTicks') + sum('systemTicks'));
}
