import { ArgumentRangeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { type ThreadBudget, type ThreadShare, threads } from '../runtime/threads.ts';
import { FileWait } from './waiting.ts';

/** The most bytes that one operation holds a thread for. */
export const LARGEST_PIECE = 4 << 20;

/** Begins the work on a thread; `callback` is called once, from the event loop, when the thread has returned. */
export type Work<T> = (callback: (error: unknown, value?: T) => void) => void;

/**
 * What the file pool does and did. Times are milliseconds.
 *
 * @example
 * ```ts
 * import { type FilePoolStats, filePoolStats } from 'gopark/os';
 *
 * const { inFlight, queued }: FilePoolStats = filePoolStats();
 * console.log(`${inFlight} file operations on threads, ${queued} wait for one`);
 * ```
 */
export interface FilePoolStats {
  /** The most operations at a time. */
  concurrency: number;
  /** Operations that a thread is busy with. */
  inFlight: number;
  /** Operations that wait for a thread. */
  queued: number;
  /** How long the oldest of them has waited. */
  oldestWait: number;
  /** Operations that a thread has finished, failed ones included. */
  completed: number;
  /** Reads that the kernel answered from its memory at once: they took no thread, and count nowhere else. */
  cached: number;
  /** Operations that were given up before a thread began them. */
  cancelled: number;
  /** The time that all finished operations together have waited for a thread, and the longest of these waits. */
  totalWait: number;
  longestWait: number;
}

/** Who an operation belongs to. */
export interface PoolUser {
  /** The thread is through with it, or it never got one: nothing of the user's is in use there any more. */
  returned(): void;
}

/** How an operation is to be run. */
export interface PoolOptions<T> {
  signal?: AbortSignal | undefined;
  /** The caller may leave while the thread is busy: nothing of the caller's is in use there. */
  abandonable?: boolean;
  user?: PoolUser;
  /** Told of a success whose caller has left. */
  late?: (value: T) => void;
  /** It opens a file, and more operations will follow. */
  opens?: boolean;
}

/** A file waits no longer to be opened, in milliseconds, than others to be finished. */
const OPEN_INTERVAL = 10;

const NOTHING = {};

/** One operation: in the queue, then on a thread, then over. */
class FileRequest extends FileWait<unknown> {
  readonly #pool: FilePool;
  readonly work: Work<unknown>;
  readonly options: PoolOptions<unknown>;

  constructor(pool: FilePool, op: string, path: string, work: Work<unknown>, options: PoolOptions<unknown>) {
    super(op, path);
    this.#pool = pool;
    this.work = work;
    this.options = options;
  }

  override withdraw(): boolean {
    return this.#pool.remove(this) || this.options.abandonable === true;
  }
}

/**
 * The bound in front of Node's threads: a disk that hangs holds so many of them and no more. First come, first
 * served, but files that are open come before those that are to be opened, of which at least one in 10 ms has its
 * turn: thousands of goroutines with a file each finish one after the other, with few descriptors and warm memory.
 */
export class FilePool {
  readonly #share: ThreadShare;
  readonly #budget: ThreadBudget;
  /** In the order of arrival. */
  readonly #queue = new Set<FileRequest>();
  readonly #toOpen = new Set<FileRequest>();
  #lastOpened = 0;
  /** Threads that are free are given away when all goroutines of this turn have run. */
  #scheduled = false;
  #completed = 0;
  #cached = 0;
  #cancelled = 0;
  #totalWait = 0;
  #longestWait = 0;

  constructor(budget: ThreadBudget) {
    this.#budget = budget;
    // Name lookups may take two threads, and one is nobody's: of four, files have two, and so has DNS while files
    // leave one of theirs idle.
    this.#share = budget.share(Math.max(1, budget.total - 1), () => this.#schedule());
  }

  get concurrency(): number {
    return this.#share.most;
  }

  set concurrency(most: number) {
    const { total } = this.#budget;
    if (!Number.isInteger(most) || most < 1 || most > total) {
      throw new ArgumentRangeError(
        'concurrency',
        `a whole number from 1 to ${total} (one less than Node has threads: UV_THREADPOOL_SIZE)`,
        most,
      );
    }
    this.#share.most = most;
    this.#next();
  }

  get stats(): FilePoolStats {
    const instant = now();
    const waiting = [...this.#queue, ...this.#toOpen];
    return {
      concurrency: this.#share.most,
      inFlight: this.#share.held,
      queued: waiting.length,
      oldestWait: waiting.reduce((longest, { since }) => Math.max(longest, instant - since), 0),
      completed: this.#completed,
      cached: this.#cached,
      cancelled: this.#cancelled,
      totalWait: this.#totalWait,
      longestWait: this.#longestWait,
    };
  }

  /** @internal */
  countCached(): void {
    this.#cached++;
  }

  /** Runs `work` on a thread when there is one for it. Rejects with what `work` fails with, untouched. */
  run<T>(op: string, path: string, work: Work<T>, options: PoolOptions<T> = NOTHING): Promise<T> {
    const { signal } = options;
    if (signal?.aborted) {
      options.user?.returned();
      return Promise.reject(abortReason(signal));
    }
    const request = new FileRequest(this, op, path, work as Work<unknown>, options as PoolOptions<unknown>);
    const promise = request.start(signal);
    (options.opens ? this.#toOpen : this.#queue).add(request);
    if (!this.#scheduled) this.#next();
    return promise as Promise<T>;
  }

  /**
   * A goroutine whose operation has ended begins its next one some microtasks later: that counts as having come
   * before what waits to be opened.
   */
  #schedule(): void {
    if (this.#scheduled || this.#queue.size + this.#toOpen.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#scheduled = false;
        this.#next();
      }),
    );
  }

  #next(): void {
    while (this.#queue.size + this.#toOpen.size > 0 && this.#share.tryTake()) {
      const instant = now();
      const opens =
        this.#queue.size === 0 || (this.#toOpen.size > 0 && instant - this.#lastOpened > OPEN_INTERVAL);
      const queue = opens ? this.#toOpen : this.#queue;
      if (opens) this.#lastOpened = instant;
      const [request] = queue;
      queue.delete(request!);
      const waited = instant - request!.since;
      this.#totalWait += waited;
      if (waited > this.#longestWait) this.#longestWait = waited;
      this.#begin(request!);
    }
  }

  #begin(request: FileRequest): void {
    try {
      request.work((error, value) => this.#returned(request, error ?? null, value));
    } catch (error) {
      this.#returned(request, error, undefined);
    }
  }

  #returned(request: FileRequest, error: unknown, value: unknown): void {
    this.#completed++;
    if (error !== null) request.fail(error);
    else if (request.waiting) request.succeed(value);
    else request.options.late?.(value);
    request.options.user?.returned();
    this.#share.giveBack();
  }

  /** @internal Takes a request out of the queue; false: it has left it. */
  remove(request: FileRequest): boolean {
    if (!this.#queue.delete(request) && !this.#toOpen.delete(request)) return false;
    this.#cancelled++;
    request.options.user?.returned();
    return true;
  }

  /** Turns away what `user` has in the queue. */
  failQueued(user: PoolUser, errorFor: (op: string) => unknown): void {
    for (const request of this.#queue) {
      if (request.options.user === user && this.remove(request)) request.fail(errorFor(request.op));
    }
  }
}

/** The pool of this thread. */
export const filePool: FilePool = new FilePool(threads);

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
  return filePool.stats;
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
  filePool.concurrency = options.concurrency;
}
