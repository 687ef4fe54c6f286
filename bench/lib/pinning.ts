import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Where a process is to run: the server has a core of its own, whatever loads it another. A server of several threads
 * that work has two cores, where the machine has them to spare; what is not to be kept to
 * any runs anywhere.
 */
export type Side = 'server' | 'servers' | 'load' | 'anywhere';

const cores: Record<Exclude<Side, 'anywhere'>, string> = {
  server: '0',
  servers: availableParallelism() >= 4 ? '0,2' : '0',
  load: '1',
};

function works(): boolean {
  if (availableParallelism() < 2) return false;
  return Object.values(cores).every((core) => spawnSync('taskset', ['-c', core, 'true']).status === 0);
}

export const pinned = works();

/** `command`, on the core of its side where that can be had. */
export function onCore(side: Side, command: readonly string[]): readonly string[] {
  return pinned && side !== 'anywhere' ? ['taskset', '-c', cores[side], ...command] : command;
}

/** One line for the head of a report. */
export const pinningNote = pinned
  ? `servers pinned to core ${cores.server} (with 2 Ps: ${cores.servers}), load to core ${cores.load}`
  : 'nothing is pinned (no taskset, or a single core): expect more noise';
