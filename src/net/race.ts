import { now } from '../runtime/clock.ts';
import { type Parked, park } from '../runtime/park.ts';
import { type Timer, timers } from '../runtime/timers.ts';

/** One try of a race: what it is about, and how it went so far. */
export interface Try<A> {
  readonly what: A;
  /** Null: it has not ended. */
  error: unknown;
}

/** What a race is about. */
export interface Contest<A, T> {
  /** Begins a try; the signal fires when the race is over without it. */
  begin(what: A, signal: AbortSignal): Promise<T>;
  /** A winner that came second. */
  discard(value: T): void;
  /** The error when everything has failed. Never called without a try. */
  failed(tries: readonly Try<A>[]): unknown;
}

/**
 * Several tries for one result, RFC 8305: they begin in the order in which they were added, the next one when the
 * latest has had `delay` milliseconds or when one has failed, and the earlier ones go on. The first to succeed wins.
 */
export class Race<A, T> implements Timer, Parked<T> {
  when = 0;
  index = -1;
  readonly holds = true;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;
  readonly result: Promise<T>;
  readonly #contest: Contest<A, T>;
  readonly #delay: number;
  readonly #over = new AbortController();
  readonly #waiting: A[] = [];
  readonly #tries: Try<A>[] = [];
  #running = 0;
  #latest = Number.NEGATIVE_INFINITY;
  #complete = false;
  #why: unknown = null;

  constructor(contest: Contest<A, T>, delay: number) {
    this.#contest = contest;
    this.#delay = delay;
    this.result = park(this);
  }

  /** Fires when the race is over, however it went. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** The tries so far, in the order in which they began. */
  get tries(): readonly Try<A>[] {
    return this.#tries;
  }

  /** More to try, behind what waits already; `arrange` may put all that wait into another order. */
  add(more: readonly A[], arrange: (waiting: A[]) => A[] = (waiting) => waiting): void {
    if (this.signal.aborted) return;
    const arranged = arrange([...this.#waiting, ...more]);
    this.#waiting.splice(0, this.#waiting.length, ...arranged);
    this.#next();
  }

  /** Nothing more will be added. `why`: what the race fails with when nothing ever was. */
  complete(why: unknown = null): void {
    this.#complete = true;
    this.#why = why;
    this.#next();
  }

  /** Ends the race: everything under way is given up. */
  stop(reason: unknown): void {
    if (this.#end()) this.reject(reason);
  }

  /** The latest try has had its time. */
  fire(): void {
    this.#next();
  }

  #next(): void {
    if (this.signal.aborted) return;
    if (this.#waiting.length > 0 && (this.#running === 0 || now() >= this.#latest + this.#delay)) {
      this.#begin(this.#waiting.shift()!);
    }
    if (this.#waiting.length > 0) {
      if (this.#delay !== Number.POSITIVE_INFINITY) timers.set(this, this.#latest + this.#delay);
    } else {
      timers.delete(this);
      if (this.#complete && this.#running === 0) {
        this.stop(this.#tries.length === 0 ? this.#why : this.#contest.failed(this.#tries));
      }
    }
  }

  #begin(what: A): void {
    const attempt: Try<A> = { what, error: null };
    this.#tries.push(attempt);
    this.#running++;
    this.#latest = now();
    this.#contest.begin(what, this.signal).then(
      (value) => {
        if (this.#end()) this.resolve(value);
        else this.#contest.discard(value);
      },
      (error) => {
        attempt.error = error;
        this.#running--;
        // A failure is no reason to wait: the next one's turn has come.
        this.#latest = Number.NEGATIVE_INFINITY;
        this.#next();
      },
    );
  }

  #end(): boolean {
    if (this.signal.aborted) return false;
    this.#waiting.length = 0;
    timers.delete(this);
    this.#over.abort();
    return true;
  }
}
