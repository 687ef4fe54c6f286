import type { FileEngineName } from './file-engine.ts';
import { fileLane, lanes } from './lanes.ts';

/**
 * What the file pool does and did. Times are milliseconds.
 *
 * @example
 * ```ts
 * import { type FilePoolStats, filePoolStats } from 'gopark/os';
 *
 * const { inFlight, queued }: FilePoolStats = filePoolStats();
 * console.log(`${inFlight} file operations under way, ${queued} wait for their turn`);
 * ```
 */
export interface FilePoolStats {
  /** What executes operations: Node's threads, or the kernel's ring. */
  engine: FileEngineName;
  /** The most operations at a time. */
  concurrency: number;
  /** Operations that a thread or the kernel is busy with. */
  inFlight: number;
  /** Operations that wait for one of these to end. */
  queued: number;
  /** How long the oldest of them has waited. */
  oldestWait: number;
  /** Operations that are over, failed ones included. */
  completed: number;
  /** Reads that the kernel answered from its memory at once: they took no thread, and count nowhere else. */
  cached: number;
  /** Operations that were given up before they began. */
  cancelled: number;
  /** The time that all finished operations together have waited for their turn, and the longest of these waits. */
  totalWait: number;
  longestWait: number;
}

/**
 * What the file pool of this thread does and did.
 *
 * @example
 * ```ts
 * import { filePoolStats } from 'gopark/os';
 *
 * if (filePoolStats().oldestWait > 1000) console.warn('the disk does not keep up');
 * ```
 */
export function filePoolStats(): FilePoolStats {
  const { engine, pool } = fileLane();
  const all = lanes().map((lane) => lane.pool.stats);
  const sum = (of: (stats: (typeof all)[number]) => number) =>
    all.reduce((total, stats) => total + of(stats), 0);
  return {
    engine: engine.name,
    concurrency: pool.concurrency,
    inFlight: sum((stats) => stats.inFlight),
    queued: sum((stats) => stats.queued),
    oldestWait: Math.max(...all.map((stats) => stats.oldestWait)),
    completed: sum((stats) => stats.completed),
    cached: sum((stats) => stats.cached),
    cancelled: sum((stats) => stats.cancelled),
    totalWait: sum((stats) => stats.totalWait),
    longestWait: Math.max(...all.map((stats) => stats.longestWait)),
  };
}

/**
 * Sets how many file operations may be on Node's threads at a time. The default is two less than there are threads
 * (UV_THREADPOOL_SIZE, 4 unless set), at least 1: so name lookups, crypto and zlib go on while a disk hangs. The
 * most is one less than there are threads.
 *
 * Node's threads are shared by the whole process; each worker thread of JavaScript counts for itself.
 *
 * @throws ArgumentRangeError for a number outside that range.
 *
 * @example
 * ```ts
 * import { configureFiles } from 'gopark/os';
 *
 * configureFiles({ concurrency: 3 });
 * ```
 */
export function configureFiles(options: { concurrency: number }): void {
  fileLane().pool.concurrency = options.concurrency;
}
