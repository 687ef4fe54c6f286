import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Result } from '#dist/cli/bench/result.js';
import { Child } from '../lib/child.ts';

/** What both loads are told. `rate` 0: a closed loop. */
export interface Workload {
  readonly title: string;
  readonly connections: number;
  readonly size: number;
  readonly depth: number;
  readonly rate: number;
  /** Whether the load in C sleeps while it waits, as ours does; see there. */
  readonly sleeps?: boolean;
}

/** What they found; times in microseconds. */
export interface Found {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** Of both, and long enough for V8 to have compiled what is hot. */
const WARM_UP = 1;

export async function byGenerator(
  program: string,
  port: string,
  { connections, size, depth, rate, sleeps = false }: Workload,
  seconds: number,
): Promise<Found> {
  const numbers = [port, connections, size, depth, rate, seconds, WARM_UP].map(String);
  const args = sleeps ? [...numbers, 'sleeps'] : numbers;
  const child = new Child('load', [program, ...args]);
  try {
    return JSON.parse(await child.line()) as Found;
  } finally {
    await child.stop();
  }
}

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export async function byGopark(
  port: string,
  { connections, size, depth, rate }: Workload,
  seconds: number,
): Promise<Found> {
  const file = join(tmpdir(), `gopark-bench-${process.pid}.json`);
  const numbers = { connections, size, depth, ...(rate > 0 ? { rate } : {}) };
  const options = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const times = ['--duration', `${seconds * 1000}ms`, '--warm-up', `${WARM_UP * 1000}ms`];
  const child = new Child('load', [
    ...[process.execPath, main, 'bench', `127.0.0.1:${port}`],
    ...[...options, ...times, '--quiet', '--json', file],
  ]);
  try {
    await child.ended((WARM_UP + seconds + 30) * 1000);
    const { rate: found, latency } = JSON.parse(readFileSync(file, 'utf8')) as Result;
    const { percentiles } = latency!;
    return { rate: found, p50: percentiles['50']!, p99: percentiles['99']!, p999: percentiles['99.9']! };
  } finally {
    await child.stop();
    rmSync(file, { force: true });
  }
}
