import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../lib/child.ts';
import type { Contender } from './contenders.ts';

/** Bytes for each connection. */
export interface PerConnection {
  readonly resident: number;
  /** What V8 says of its heap and of the memory of buffers; null in C. */
  readonly heap: number | null;
}

interface State {
  readonly resident: number;
  readonly heap: number | null;
}

/** Connections and round trips that the server has behind it before the base is taken. */
const warmUp = { connections: 500, roundTrips: 30 };

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

async function stateOf(server: Child, reports: boolean, expected: number): Promise<State> {
  if (!reports) {
    await sleep(200);
    return { resident: residentBytes(server.pid), heap: null };
  }
  server.say('report');
  const { connections, heap } = JSON.parse(await server.line());
  if (connections !== expected) throw new Error(`${connections} connections are open instead of ${expected}`);
  return { resident: residentBytes(server.pid), heap };
}

async function hold(program: string, port: string, connections: number, roundTrips: number): Promise<Child> {
  const clients = new Child('load', [program, port, String(connections), String(roundTrips)]);
  await clients.expect('held');
  return clients;
}

export interface Crowd {
  /** The program that holds the other ends. */
  readonly program: string;
  readonly connections: number;
  readonly roundTrips: number;
  /** Whether the base is a server that has served nobody. */
  readonly cold: boolean;
}

/**
 * What each of so many connections adds to a server. Unless cold, it has served others before: compiled code and the
 * first pages of every heap are there already, and are no part of what a connection costs.
 */
export async function measure(
  { command, reports }: Contender,
  { program, connections, roundTrips, cold }: Crowd,
): Promise<PerConnection> {
  const server = new Child('server', command());
  let clients: Child | undefined;
  try {
    const port = await server.line();
    if (!cold) {
      clients = await hold(program, port, warmUp.connections, warmUp.roundTrips);
      await clients.stop('input');
    }
    const before = await stateOf(server, reports, 0);
    clients = await hold(program, port, connections, roundTrips);
    const after = await stateOf(server, reports, connections);
    return {
      resident: (after.resident - before.resident) / connections,
      heap: after.heap === null ? null : (after.heap - before.heap!) / connections,
    };
  } finally {
    await clients?.stop('input');
    await server.stop();
  }
}
