import { type ThreadShare, threads } from '../runtime/threads.ts';
import type { Cancel } from './flight.ts';

/** Work that a thread does; `done` is called once, from the event loop, when the thread has returned. */
export type ThreadWork = (done: () => void) => void;

/** What the system's resolver may block at a time: files and others keep the rest. */
export const LOOKUP_THREADS = 2;

/** The queue in front of the threads that wait in getaddrinfo. First come, first served. */
export class LookupThreads {
  readonly #share: ThreadShare;
  /** In the order of arrival. */
  readonly #queue = new Set<ThreadWork>();

  constructor(budget: typeof threads = threads) {
    this.#share = budget.share(LOOKUP_THREADS, () => this.#next());
  }

  /** Lookups that a thread is at. */
  get busy(): number {
    return this.#share.held;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Runs `work` when there is a thread for it. What is returned gives up its place in the queue. */
  run(work: ThreadWork): Cancel {
    this.#queue.add(work);
    this.#next();
    return () => this.#queue.delete(work);
  }

  #next(): void {
    while (this.#queue.size > 0 && this.#share.tryTake()) {
      const [work] = this.#queue;
      this.#queue.delete(work!);
      work!(() => this.#share.giveBack());
    }
  }
}
