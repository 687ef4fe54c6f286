/**
 * Node hands blocking work (files, name lookups, crypto, zlib) to one pool of threads, four unless
 * UV_THREADPOOL_SIZE says otherwise. Whoever sends it work that may block for long takes a permit here first, so that
 * a thread is left for those that do not know of permits.
 */
const DEFAULT_SIZE = 4;
const LARGEST_SIZE = 1024;

/** How many threads the pool has. libuv looks at the variable when the first work comes; so do we, at the start. */
export function threadPoolSize(text: string | undefined = process.env.UV_THREADPOOL_SIZE): number {
  if (text === undefined) return DEFAULT_SIZE;
  // As C's atoi does it.
  const size = Number.parseInt(text, 10);
  return Math.min(LARGEST_SIZE, Math.max(1, Number.isNaN(size) ? 1 : size));
}

/** One kind of work: at most `most` threads of the budget at a time. */
export class ThreadShare {
  readonly #budget: ThreadBudget;
  /** Threads in use now. */
  held = 0;
  most: number;
  /** A thread came free that this kind may want. */
  readonly onFree: () => void;

  /** @internal */
  constructor(budget: ThreadBudget, most: number, onFree: () => void) {
    this.#budget = budget;
    this.most = most;
    this.onFree = onFree;
  }

  tryTake(): boolean {
    if (this.held >= this.most || !this.#budget.take()) return false;
    this.held++;
    return true;
  }

  /** The thread has returned. */
  giveBack(): void {
    this.held--;
    this.#budget.giveBack(this);
  }
}

/** All threads but one: that one is for crypto, zlib and whoever else sends work without asking. */
export class ThreadBudget {
  readonly total: number;
  #used = 0;
  readonly #shares: ThreadShare[] = [];

  constructor(size: number) {
    this.total = Math.max(1, size - 1);
  }

  share(most: number, onFree: () => void): ThreadShare {
    const share = new ThreadShare(this, most, onFree);
    this.#shares.push(share);
    return share;
  }

  /** @internal */
  take(): boolean {
    if (this.#used >= this.total) return false;
    this.#used++;
    return true;
  }

  /** @internal The others are asked first: no kind of work keeps its threads for as long as it has some. */
  giveBack(from: ThreadShare): void {
    this.#used--;
    for (const share of this.#shares) if (share !== from) share.onFree();
    from.onFree();
  }
}

/** The budget of this process, as its main thread sees it. */
export const threads: ThreadBudget = new ThreadBudget(threadPoolSize());
