import { Child } from '../lib/child.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import type { Workload } from './workloads.ts';

/** What one short load on one server showed. */
export interface Slice {
  readonly messagesPerSecond: number;
  /** Round trips in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of the server's CPU time. */
  readonly cpuPerMessage: number;
}

/** Connections are made and the first messages sent before measuring begins. */
const settling = 0.15;

export async function slice(
  generator: string,
  server: { readonly pid: number; readonly port: string },
  { connections, size, depth }: Workload,
  seconds: number,
): Promise<Slice> {
  const args = [server.port, connections, size, depth, seconds, settling].map(String);
  const load = new Child('load', [generator, ...args]);
  try {
    await load.expect('start');
    const before = cpuMicroseconds(server.pid);
    await load.expect('stop');
    const cpu = cpuMicroseconds(server.pid) - before;
    const found = JSON.parse(await load.line());
    return {
      messagesPerSecond: found.messages / found.seconds,
      p50: found.p50,
      p99: found.p99,
      cpuPerMessage: cpu / found.messages,
    };
  } finally {
    await load.stop();
  }
}
