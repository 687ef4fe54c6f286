/** What the load does, and how the servers answer. */
export interface Workload {
  readonly title: string;
  readonly connections: number;
  /** Bytes a message. */
  readonly size: number;
  /** Messages under way on each connection. */
  readonly depth: number;
  /** One write for what a read brought, or one (awaited) write for each message in it. */
  readonly mode: 'echo' | 'per-message';
  /** The servers' read buffer in bytes. */
  readonly buffer: number;
}

const small = { size: 64, buffer: 4096, mode: 'echo' } as const;

export const workloads: Record<string, Workload> = {
  c1: { ...small, title: '64 B x 1 connection', connections: 1, depth: 1 },
  c100: { ...small, title: '64 B x 100 connections', connections: 100, depth: 1 },
  c1000: { ...small, title: '64 B x 1,000 connections', connections: 1000, depth: 1 },
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
};
