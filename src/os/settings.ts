import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import type { FileEngineName } from './file-engine.ts';
import { chooseEngine, fileLane, lanes } from './lanes.ts';

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
 * How file operations are executed.
 *
 * @example
 * ```ts
 * import { configureFiles, type FileSettings } from 'gopark/os';
 *
 * const forManyFiles: FileSettings = { engine: 'uring' };
 * configureFiles(forManyFiles);
 * ```
 */
export interface FileSettings {
  /**
   * What executes them: 'threads', Node's, the default; or 'uring', the kernel's rings (Linux with the native part;
   * the default where that is the network driver), which need no thread for each. What the kernel refuses, or rings
   * cannot do, threads do. The environment variable `GOPARK_FILES` has the last word.
   */
  engine?: FileEngineName;
  /**
   * The most operations at a time on that engine. Threads: by default two less than Node has (UV_THREADPOOL_SIZE, 4
   * unless set), at least 1, so that name lookups, crypto and zlib go on while a disk hangs; at most one less. The
   * ring: 64, which is also the most.
   */
  concurrency?: number;
}

/**
 * Sets how file operations are executed in this thread from now on; what has begun is finished as it began. When the
 * ring cannot be had, a line on stderr says so, once, and threads it is: `filePoolStats().engine` tells.
 *
 * Node's threads are shared by the whole process; each worker thread of JavaScript has settings, a bound and a ring of
 * its own.
 *
 * @throws ArgumentRangeError for a number outside its range or an engine that does not exist.
 *
 * @example
 * ```ts
 * import { configureFiles } from 'gopark/os';
 *
 * configureFiles({ concurrency: 3 });
 * ```
 */
export function configureFiles(settings: FileSettings): void {
  if (typeof settings !== 'object' || settings === null)
    throw new ArgumentTypeError('settings', 'an object', settings);
  const { engine, concurrency } = settings;
  if (engine !== undefined && engine !== 'threads' && engine !== 'uring') {
    throw new ArgumentRangeError('engine', "'threads' or 'uring'", engine);
  }
  if (engine !== undefined) chooseEngine(engine);
  if (concurrency !== undefined) fileLane().pool.concurrency = concurrency;
}
