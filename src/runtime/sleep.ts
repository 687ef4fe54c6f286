import { ArgumentRangeError } from '../io/index.ts';
import { nextTurn } from './budget.ts';
import { now } from './clock.ts';
import { abortReason } from './failures.ts';
import { type Parked, park } from './park.ts';
import { onAbort, signalFault } from './signal.ts';
import { type Timer, timers } from './timers.ts';
import { beginWait, endWait, Wait } from './waits.ts';

class Sleep extends Wait implements Timer, Parked<void> {
  readonly waitReason = 'sleep';
  when = 0;
  index = -1;
  readonly holds = true;
  resolve!: () => void;
  reject!: (reason: unknown) => void;
  #signal: AbortSignal | undefined;

  begin(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const promise = park<void>(this);
    if (signal !== undefined) onAbort(signal, this);
    this.#signal = signal;
    beginWait(this);
    timers.set(this, now() + ms);
    return promise;
  }

  fire(): void {
    this.#signal?.removeEventListener('abort', this);
    endWait(this);
    this.resolve();
  }

  /** The signal has fired. */
  handleEvent(): void {
    timers.delete(this);
    endWait(this);
    this.reject(abortReason(this.#signal!));
  }

  override describeWait(): string {
    return this.when === Number.POSITIVE_INFINITY ? 'for ever' : `${Math.ceil(this.when - now())} ms more`;
  }
}

/**
 * Gives every other goroutine, and the network, a turn.
 *
 * Resolves after the event loop has been round once. Use it in long computations; operations that always succeed
 * at once yield by themselves after 10 ms.
 *
 * @example
 * ```ts
 * import { gosched } from 'gopark';
 *
 * for (let i = 0; i < 1e6; i++) {
 *   if (i % 10_000 === 0) await gosched();
 * }
 * ```
 */
export function gosched(): Promise<void> {
  return nextTurn();
}

/**
 * Pauses the calling goroutine for at least `ms` milliseconds; 0 or less means `gosched`. Keeps the process alive
 * meanwhile.
 *
 * @param options.signal ends the sleep early: the promise rejects with the signal's reason.
 * @throws ArgumentRangeError (as a rejection) when `ms` is not a number. Infinity sleeps until the signal.
 *
 * @example
 * ```ts
 * import { sleep } from 'gopark';
 *
 * await sleep(250);
 * await sleep(60_000, { signal: AbortSignal.timeout(10) }).catch((reason) => reason.name); // 'TimeoutError'
 * ```
 */
export function sleep(ms: number, options?: { signal?: AbortSignal }): Promise<void> {
  if (typeof ms !== 'number' || Number.isNaN(ms)) {
    return Promise.reject(new ArgumentRangeError('ms', 'milliseconds', ms));
  }
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(abortReason(signal));
  const fault = signalFault(signal);
  if (fault !== null) return Promise.reject(fault);
  if (ms <= 0) return nextTurn();
  return new Sleep().begin(ms, signal);
}
