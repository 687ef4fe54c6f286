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
  /** In an open loop: the median of the p99s of its tenths of a second, most of which no pause of the machine meets. */
  readonly p99OfTenths?: number;
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
/** The same for connections that have been there before. */
const resuming = 0.03;

/** How much longer than it should a load may take, in milliseconds, before it is given up. */
const patience = 60_000;

/** The program that makes the load. */
export function loadFor({ load }: Workload): readonly string[] {
  const name = load ?? 'load-generator';
  return compileOr(`echo/load/${name}.c`, `echo/load/in-node/${name}`);
}

/** A server under load, a slice at a time. Connections stay open in between where the program of the load can do that. */
export class Load {
  readonly #workload: Workload;
  readonly #server: { readonly pid: number; readonly port: string };
  readonly #program: readonly string[];
  /** Whether its program takes orders for more slices. */
  readonly #stays: boolean;
  #child: Child | null = null;

  constructor(workload: Workload, server: { readonly pid: number; readonly port: string }) {
    this.#workload = workload;
    this.#server = server;
    this.#program = loadFor(workload);
    this.#stays = workload.load === undefined && this.#program.length === 1;
  }

  #start(seconds: number): Child {
    const { connections, size, depth, pattern, mode } = this.#workload;
    const times = [seconds, this.#workload.settling ?? settling];
    const lines = mode === 'lines';
    const how = this.#stays
      ? [pattern ?? 'closed', lines ? 'lines' : 'bytes', 'again']
      : lines
        ? [pattern ?? 'closed', 'lines']
        : pattern === undefined
          ? []
          : [pattern];
    const args = [this.#server.port, connections, size, depth, ...times, this.#server.pid, ...how];
    this.#child = new Child('load', [...this.#program, ...args.map(String)]);
    return this.#child;
  }

  async slice(seconds: number): Promise<Slice> {
    const before = this.#child;
    before?.say(`${seconds} ${resuming}`);
    const child = before ?? this.#start(seconds);
    const found = JSON.parse(await child.line(seconds * 1000 + patience));
    // Connections on which an answer is missing are of no more use.
    if (!this.#stays || found.unanswered > 0) await this.#part();
    // Nothing was answered: there are no latencies, short ones least of all.
    const none = {
      p50: Number.NaN,
      p99: Number.NaN,
      p999: Number.NaN,
      max: Number.NaN,
      p99OfTenths: Number.NaN,
    };
    return { ...found, cpuPerMessage: found.cpu / found.messages, ...(found.count === 0 ? none : {}) };
  }

  /** For good, whatever the server makes of it. */
  async end(): Promise<void> {
    await this.#child?.stop();
  }

  /** Parts from the server, and waits until that has been dealt with. */
  async #part(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.close();
    await child.ended(3000);
    await untilIdle(this.#server.pid);
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
