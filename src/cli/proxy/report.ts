import { residentMemory } from '../lib/memory.ts';
import { formatEndpoint } from './address.ts';
import type { Counters } from './counters.ts';
import type { ProxyServer } from './proxy.ts';

/** What goes on, for people and programs. Times are seconds. */
export interface Report {
  readonly pid: number;
  readonly uptime: number;
  readonly draining: boolean;
  /** Resident, in bytes; null when no descriptor was left to ask the system with. */
  readonly memory: number | null;
  readonly counters: Readonly<Counters>;
  readonly droppedLogLines: number;
  readonly listeners: readonly { addr: string; connections: number }[];
  readonly pools: readonly { name: string; upstreams: readonly UpstreamReport[] }[];
}

export interface UpstreamReport {
  readonly addr: string;
  readonly weight: number;
  readonly state: 'up' | 'down';
  readonly active: number;
  readonly total: number;
  readonly failures: number;
  readonly lastError: string | null;
}

export function reportOf(proxy: ProxyServer): Report {
  return {
    pid: process.pid,
    uptime: Math.round(proxy.uptime),
    draining: proxy.draining,
    memory: residentMemory(),
    counters: { ...proxy.counters },
    droppedLogLines: proxy.droppedLogLines,
    listeners: proxy.listeners.map(({ addr, connections }) => ({ addr: String(addr), connections })),
    pools: proxy.pools.map(({ name, upstreams }) => ({
      name,
      upstreams: upstreams.map(({ endpoint, weight, down, active, total, failures, lastError }) => ({
        addr: formatEndpoint(endpoint),
        weight,
        state: down ? 'down' : 'up',
        active,
        total,
        failures,
        lastError,
      })),
    })),
  };
}
