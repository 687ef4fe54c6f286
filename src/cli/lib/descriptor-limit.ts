import { readFileSync } from 'node:fs';

/** Descriptors that a process needs beside its connections: files, pipes, the poller. */
const SPARE = 64;

/** How many descriptors this process may open; Infinity where the system does not say. */
export function descriptorLimit(): number {
  let limits: string;
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return Number.POSITIVE_INFINITY;
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/**
 * Why `connections`, which take `each` descriptors, cannot work with the present limit, and what to do about it; null
 * when they can.
 */
export function descriptorShortage(connections: number, each = 1): string | null {
  const limit = descriptorLimit();
  const needed = connections * each + SPARE;
  if (limit >= needed) return null;
  const most = Math.max(0, Math.floor((limit - SPARE) / each));
  return (
    `${connections} connections need ${needed} file descriptors, but this process may open only ${limit}.\n` +
    `Raise the limit (ulimit -n ${needed}; LimitNOFILE= in a systemd unit; --ulimit nofile= for a container) ` +
    `or allow fewer connections (at most ${most}).`
  );
}
