import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../lib/child.ts';
import { compileOr } from '../lib/compile.ts';
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
  for (let attempt = 0; ; attempt++) {
    server.say('report');
    const { connections, heap } = JSON.parse(await server.line());
    if (connections === expected) return { resident: residentBytes(server.pid), heap };
    // It may not have noticed yet who has gone.
    if (attempt === 5) throw new Error(`${connections} connections are open instead of ${expected}`);
    await sleep(500);
  }
}

async function hold(
  program: readonly string[],
  port: string,
  connections: number,
  roundTrips: number,
): Promise<Child> {
  const clients = new Child('load', [...program, port, String(connections), String(roundTrips)]);
  await clients.expect('held');
  return clients;
}

/** The program that holds the other ends. */
export function holder(): readonly string[] {
  return compileOr('memory/hold-connections.c', 'memory/hold-connections');
}

export interface Crowd {
  /** The program that holds the other ends. */
  readonly program: readonly string[];
  readonly connections: number;
  readonly roundTrips: number;
  /** Whether the base is a server that has served nobody. */
  readonly cold: boolean;
}

/**
 * A server with a crowd on it. Unless cold, it has served others before: compiled code and the first pages of every
 * heap are there already, and are no part of what a connection costs.
 */
async function withCrowd<T>(
  { start, reports }: Contender,
  { program, connections, roundTrips, cold }: Crowd,
  look: (since: () => Promise<PerConnection>, clients: Child) => Promise<T>,
): Promise<T> {
  const { command, env } = start();
  const server = new Child('server', command, env);
  let clients: Child | undefined;
  try {
    const port = await server.line();
    if (!cold) {
      clients = await hold(program, port, warmUp.connections, warmUp.roundTrips);
      await clients.stop('input');
    }
    const before = await stateOf(server, reports, 0);
    clients = await hold(program, port, connections, roundTrips);
    const since = async () => {
      const after = await stateOf(server, reports, connections);
      return {
        resident: (after.resident - before.resident) / connections,
        heap: after.heap === null ? null : (after.heap - before.heap!) / connections,
      };
    };
    return await look(since, clients);
  } finally {
    await clients?.stop('input');
    await server.stop();
  }
}

/** What each of so many connections adds to a server. */
export function measure(contender: Contender, crowd: Crowd): Promise<PerConnection> {
  return withCrowd(contender, crowd, (since) => since());
}

/** The same twice: connections that never said a word, and after one round trip on each. */
export function measureBoth(
  contender: Contender,
  crowd: Omit<Crowd, 'roundTrips' | 'cold'>,
): Promise<{ readonly silent: PerConnection; readonly afterMessage: PerConnection }> {
  return withCrowd(contender, { ...crowd, roundTrips: 0, cold: false }, async (since, clients) => {
    const silent = await since();
    clients.say('once more');
    await clients.expect('held');
    return { silent, afterMessage: await since() };
  });
}
