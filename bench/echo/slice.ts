import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../lib/child.ts';
import { compileOr } from '../lib/compile.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import type { Noise } from '../lib/noise.ts';
import type { Workload } from './workloads.ts';

/** What one short load on one server showed. */
export interface Slice extends Noise {
  readonly messagesPerSecond: number;
  /** Microseconds, of round trips; in an open loop from when the message was due. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Microseconds and how many there were. */
  readonly histogram: readonly (readonly [number, number])[];
  /** In an open loop: never answered. */
  readonly unanswered: number;
  /** Microseconds of the server's CPU time. */
  readonly cpuPerMessage: number;
  /** Too coarse to say much of one slice; see userShare. */
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** Connections are made and the first messages sent before measuring begins. */
const settling = 0.15;

/** How much longer than it should a load may take, in milliseconds, before it is given up. */
const patience = 60_000;

/** The program that makes the load. */
export function loadFor({ load }: Workload): readonly string[] {
  const name = load ?? 'load-generator';
  return compileOr(`echo/load/${name}.c`, `echo/load/in-node/${name}`);
}

export async function slice(
  program: readonly string[],
  server: { readonly pid: number; readonly port: string },
  workload: Workload,
  seconds: number,
): Promise<Slice> {
  const { connections, size, depth, pattern, mode } = workload;
  const times = [seconds, workload.settling ?? settling];
  const how = pattern === undefined && mode !== 'lines' ? [] : [pattern ?? 'closed'];
  const args = [server.port, connections, size, depth, ...times, server.pid, ...how];
  const load = new Child('load', [...program, ...args.map(String), ...(mode === 'lines' ? ['lines'] : [])]);
  try {
    const found = JSON.parse(await load.line((times[0]! + times[1]!) * 1000 + patience));
    // Nothing was answered: there are no latencies, short ones least of all.
    const none = { p50: Number.NaN, p99: Number.NaN, p999: Number.NaN, max: Number.NaN };
    return { ...found, cpuPerMessage: found.cpu / found.messages, ...(found.count === 0 ? none : {}) };
  } finally {
    await load.ended(3000);
    await untilIdle(server.pid);
  }
}

/** The user's share of the CPU time of all slices together: ticks add up to something where single ones do not. */
export function userShare(slices: readonly Slice[]): number {
  const sum = (key: 'userTicks' | 'systemTicks') => slices.reduce((total, one) => total + one[key], 0);
  return sum('userTicks') / (sum('userTicks') + sum('systemTicks'));
}

/** Waits, for a while, until a server has nothing left to do: it parts from thousands of connections at once. */
async function untilIdle(pid: number): Promise<void> {
  const interval = 20;
  for (let waited = 0, before = cpuMicroseconds(pid); waited < 3000; waited += interval) {
    await sleep(interval);
    const now = cpuMicroseconds(pid);
    if (now - before < interval * 50) return; // a twentieth of a core
    before = now;
  }
}
