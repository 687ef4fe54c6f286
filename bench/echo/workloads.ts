import type { Mode } from './servers/arguments.ts';

/** What the load does, and how the servers answer. */
export interface Workload {
  readonly title: string;
  readonly connections: number;
  /** Bytes a message. */
  readonly size: number;
  /** Messages under way on each connection. */
  readonly depth: number;
  /** One write for what a read brought, one (awaited) write for each message in it, or line by line. */
  readonly mode: Mode;
  /** The servers' read buffer in bytes. */
  readonly buffer: number;
  /** The program that loads; `load-generator` unless said. */
  readonly load?: 'load-generator' | 'connection-rate';
  /** How it sends: see load-generator.c. A closed loop unless said. */
  readonly pattern?: string;
  /** Seconds before measuring begins, for the first messages on all connections. */
  readonly settling?: number;
}

const small = { size: 64, buffer: 4096, depth: 1, mode: 'echo' } as const;

/** What bench:echo measures. */
export const workloads = {
  c1: { ...small, title: '64 B x 1 connection', connections: 1 },
  c100: { ...small, title: '64 B x 100 connections', connections: 100 },
  c1000: { ...small, title: '64 B x 1,000 connections', connections: 1000 },
  pipelined: {
    ...small,
    title: '16 x 64 B x 100 connections, one write per read',
    connections: 100,
    depth: 16,
  },
  'per-message': {
    ...small,
    title: '16 x 64 B x 100 connections, one awaited write per message',
    connections: 100,
    depth: 16,
    mode: 'per-message',
  },
  bulk: {
    title: '4 x 64 KiB x 10 connections',
    connections: 10,
    size: 65536,
    depth: 4,
    mode: 'echo',
    buffer: 65536,
  },
} satisfies Record<string, Workload>;

/** More of them, for the whole comparison. */
export const moreWorkloads = {
  c10000: { ...small, title: '64 B x 10,000 connections', connections: 10_000, settling: 0.5 },
  lines: {
    ...small,
    title: '16 lines of 64 B x 100 connections, line by line',
    connections: 100,
    depth: 16,
    mode: 'lines',
  },
  connections: {
    ...small,
    title: 'open, echo 64 B, close: 64 at a time',
    connections: 64,
    load: 'connection-rate',
  },
  open: {
    ...small,
    title: '20,000 x 64 B a second over 1,000 connections, open loop',
    connections: 1000,
    pattern: 'open:20000',
  },
  herd: {
    ...small,
    title: 'a herd: 10,000 connections send 64 B at once',
    connections: 10_000,
    pattern: 'herd',
    settling: 0.5,
  },
} satisfies Record<string, Workload>;
