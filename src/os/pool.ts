import { ArgumentRangeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { signalFault } from '../runtime/signal.ts';
import type { ThreadBudget, ThreadShare } from '../runtime/threads.ts';
import type { Done } from './file-engine.ts';
import { FileWait } from './waiting.ts';

/** Begins the work; see `Done`. */
export type Work<T> = (callback: Done<T>) => void;

/** How many operations at a time: threads, or what an engine has room for. */
export interface Bound {
  readonly held: number;
  most: number;
  /** The largest `most`, and why it is that. */
  readonly limit: number;
  readonly limitReason: string;
  tryTake(): boolean;
  giveBack(): void;
}

/** What one pool does and did. Times are milliseconds. */
export interface PoolStats {
  readonly concurrency: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly oldestWait: number;
  readonly completed: number;
  readonly cached: number;
  readonly cancelled: number;
  readonly totalWait: number;
  readonly longestWait: number;
}

/** Who an operation belongs to. */
export interface PoolUser {
  /** It is done, or was never begun: nothing of the user's is in use any more. */
  returned(): void;
}

/** How an operation is to be run. */
export interface PoolOptions<T> {
  signal?: AbortSignal | undefined;
  /** The caller may leave while it is executed: nothing of the caller's is in use there. */
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

/** One operation: in the queue, then executed, then over. */
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
 * The bound in front of what executes file operations: a disk that hangs holds so many of them and no more. First come, first
 * served, but files that are open come before those that are to be opened, of which at least one in 10 ms has its
 * turn: thousands of goroutines with a file each finish one after the other, with few descriptors and warm memory.
 */
export class FilePool {
  readonly #bound: Bound;
  /** In the order of arrival. */
  readonly #queue = new Set<FileRequest>();
  readonly #toOpen = new Set<FileRequest>();
  #lastOpened = 0;
  /** What is free is given away when all goroutines of this turn have run. */
  #scheduled = false;
  #completed = 0;
  #cached = 0;
  #cancelled = 0;
  #totalWait = 0;
  #longestWait = 0;

  /** @param makeBound is given what is to be called when the bound may have room again. */
  constructor(makeBound: (onFree: () => void) => Bound) {
    this.#bound = makeBound(() => this.#schedule());
  }

  get concurrency(): number {
    return this.#bound.most;
  }

  set concurrency(most: number) {
    const { limit, limitReason } = this.#bound;
    if (!Number.isInteger(most) || most < 1 || most > limit) {
      throw new ArgumentRangeError('concurrency', `a whole number from 1 to ${limit} (${limitReason})`, most);
    }
    this.#bound.most = most;
    this.#next();
  }

  get stats(): PoolStats {
    const instant = now();
    const waiting = [...this.#queue, ...this.#toOpen];
    return {
      concurrency: this.#bound.most,
      inFlight: this.#bound.held,
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

  /** Runs `work` when the bound lets it. Rejects with what `work` fails with, untouched. */
  run<T>(op: string, path: string, work: Work<T>, options: PoolOptions<T> = NOTHING): Promise<T> {
    const { signal } = options;
    const fault = signalFault(signal);
    if (fault !== null || signal?.aborted) {
      options.user?.returned();
      return Promise.reject(fault ?? abortReason(signal!));
    }
    const request = new FileRequest(this, op, path, work as Work<unknown>, options as PoolOptions<unknown>);
    const promise = request.start(signal);
    (options.opens ? this.#toOpen : this.#queue).add(request);
    if (!this.#scheduled) this.#next();
    return promise as Promise<T>;
  }

  /** Whether somebody's operation may begin at once, without a place in the queue; then it ends with `ended`. */
  tryBegin(): boolean {
    return this.#queue.size + this.#toOpen.size === 0 && this.#bound.tryTake();
  }

  ended(): void {
    this.#completed++;
    this.#bound.giveBack();
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
    while (this.#queue.size + this.#toOpen.size > 0 && this.#bound.tryTake()) {
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
    this.#bound.giveBack();
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

/** The pool in front of Node's threads. */
export function threadPool(budget: ThreadBudget): FilePool {
  // Name lookups may take two threads, and one is nobody's: of four, files have two, and so has DNS while files
  // leave one of theirs idle.
  return new FilePool(
    (onFree) => new ThreadBound(budget.share(Math.max(1, budget.total - 1), onFree), budget.total),
  );
}

class ThreadBound implements Bound {
  readonly #share: ThreadShare;
  readonly limit: number;
  readonly limitReason = 'one less than Node has threads: UV_THREADPOOL_SIZE';

  constructor(share: ThreadShare, limit: number) {
    this.#share = share;
    this.limit = limit;
  }

  get held(): number {
    return this.#share.held;
  }

  get most(): number {
    return this.#share.most;
  }

  set most(most: number) {
    this.#share.most = most;
  }

  tryTake(): boolean {
    return this.#share.tryTake();
  }

  giveBack(): void {
    this.#share.giveBack();
  }
}
