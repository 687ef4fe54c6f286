import { threadId } from 'node:worker_threads';
import { type BlockPoolStats, defaultPool } from '../linkbuffer/pool.ts';
import { isFileLaneChosen } from '../os/lanes.ts';
import { type FilePoolStats, filePoolStats } from '../os/settings.ts';
import { startedPoller } from '../poll/index.ts';
import { type RuntimeStats, stats } from '../runtime/stats.ts';
import { countSockets } from './sockets.ts';

/**
 * All that one thread of gopark counts, as plain numbers that survive JSON and `postMessage`.
 *
 * @example
 * ```ts
 * import { type Snapshot, snapshot } from 'gopark/debug';
 *
 * const open = ({ sockets }: Snapshot) => Object.values(sockets).reduce((sum, count) => sum + count, 0);
 * console.log(open(snapshot()));
 * ```
 */
export interface Snapshot {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Node's; 0 is the main thread. */
  readonly threadId: number;
  /** Which driver runs: 'epoll', 'uring', 'portable'; null: nothing has needed one yet. */
  readonly driver: string | null;
  readonly runtime: RuntimeStats;
  /** What is open, by kind: 'TCPConn', 'TCPListener', 'Connection' (the event loop's)... */
  readonly sockets: Readonly<Record<string, number>>;
  /** What the driver has completed, and in how many batches: how many operations were ready at a time. */
  readonly completions: number;
  readonly rounds: number;
  /** Milliseconds for which the event loop has worked, and slept, since it began. */
  readonly loopActive: number;
  readonly loopIdle: number;
  /** Of the file pool; null: nothing has needed a file yet. */
  readonly files: FilePoolStats | null;
  /** Of the pool of every LinkBuffer that is given no other. */
  readonly blocks: BlockPoolStats;
}

/**
 * The present numbers of this thread. Looking starts nothing: no driver, no file engine. It goes through all that is
 * open and parked: some ten milliseconds for 100,000 connections.
 *
 * @example
 * ```ts
 * import { snapshot } from 'gopark/debug';
 *
 * const { runtime, sockets, loopActive, loopIdle } = snapshot();
 * console.log(runtime.goroutines, sockets.TCPConn ?? 0, loopActive / (loopActive + loopIdle));
 * ```
 */
export function snapshot(): Snapshot {
  const poller = startedPoller();
  const { active, idle } = performance.eventLoopUtilization();
  return {
    at: Date.now(),
    threadId,
    driver: poller?.driver.name ?? null,
    runtime: stats(),
    sockets: countSockets(),
    completions: poller?.completions ?? 0,
    rounds: poller?.rounds ?? 0,
    loopActive: active,
    loopIdle: idle,
    files: isFileLaneChosen() ? filePoolStats() : null,
    blocks: defaultPool.stats(),
  };
}
