import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { go } from '../runtime/goroutine.ts';
import { type Abortable, SignalLink } from '../runtime/signal-link.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { checkSignal } from './wait-options.ts';

/**
 * A signal and the means to fire it. What Go's contexts are for cancellation, on top of AbortSignal, so that it works
 * with everything that takes one.
 *
 * Cancel every context when its work is done, best by `using`: that takes it off its parent and its timer off the
 * heap, and nothing of it is left.
 *
 * @example
 * ```ts
 * import { type Context, withCancel } from 'gopark/sync';
 *
 * using request: Context = withCancel();
 * request.signal.addEventListener('abort', () => console.log('over'));
 * ```
 */
export interface Context extends Disposable {
  /** Fires when the context is cancelled, when its parent's fires, or when its time is up. */
  readonly signal: AbortSignal;
  /**
   * Fires the signal with `reason`, by default an AbortError. Only the first end of a context counts. Needs no
   * `this`: may be passed on as a function.
   */
  readonly cancel: (reason?: unknown) => void;
}

/**
 * The reason of a signal whose time is up: a DOMException with the name `TimeoutError`, as that of
 * `AbortSignal.timeout`. Go: `context.DeadlineExceeded`.
 *
 * @example
 * ```ts
 * import { ContextDeadlineError, withTimeout } from 'gopark/sync';
 * import { sleep } from 'gopark';
 *
 * using context = withTimeout(null, 10);
 * await sleep(1000, context).catch((reason) => console.log(reason instanceof ContextDeadlineError, reason.name));
 * ```
 */
export class ContextDeadlineError extends DOMException {
  constructor() {
    super('context deadline exceeded', 'TimeoutError');
  }

  /** As of every error for which time was the reason. */
  get timeout(): boolean {
    return true;
  }
}

class Derived implements Context, Abortable, Timer {
  readonly #controller = new AbortController();
  #link: SignalLink | null = null;
  when = 0;
  index = -1;
  /** Whoever waits for the signal waits for this timer: it must not be forgotten because nothing else goes on. */
  readonly holds = true;

  constructor(parent: AbortSignal | null | undefined) {
    if (parent === null || parent === undefined) return;
    checkSignal(parent, 'parent');
    if (parent.aborted) this.#controller.abort(abortReason(parent));
    else this.#link = new SignalLink(parent, this);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly cancel = (reason?: unknown): void => {
    this.#link?.release();
    this.#link = null;
    timers.delete(this);
    this.#controller.abort(reason);
  };

  /** Ends it in so many milliseconds, unless it has ended. */
  endIn(ms: number): this {
    if (this.signal.aborted || ms === Number.POSITIVE_INFINITY) return this;
    if (ms <= 0) this.fire();
    else timers.set(this, now() + ms);
    return this;
  }

  fire(): void {
    this.cancel(new ContextDeadlineError());
  }

  /** The parent's signal has fired. */
  aborted(reason: unknown): void {
    this.cancel(reason);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}

/**
 * A context that ends when it is cancelled or its parent does; never the other way round. Go:
 * `context.WithCancelCause`.
 *
 * @example
 * ```ts
 * import { go, sleep } from 'gopark';
 * import { withCancel } from 'gopark/sync';
 *
 * const { signal, cancel } = withCancel();
 * const working = go(() => sleep(60_000, { signal })).done;
 * cancel(new Error('not needed any more'));
 * await working.catch((reason) => console.log(reason.message));
 * ```
 */
export function withCancel(parent?: AbortSignal | null): Context {
  return new Derived(parent);
}

/**
 * The same, which also ends after `ms` milliseconds, with a `ContextDeadlineError`. 0 or less: at once; Infinity:
 * never. Keeps the process alive until then, or until it is cancelled. Go: `context.WithTimeout`.
 *
 * @throws RangeError when `ms` is not a number.
 *
 * @example
 * ```ts
 * import { chan } from 'gopark';
 * import { withTimeout } from 'gopark/sync';
 *
 * const answers = chan<string>();
 * using context = withTimeout(null, 20);
 * await answers.recv(context).catch((reason) => console.log(reason.name)); // TimeoutError
 * ```
 */
export function withTimeout(parent: AbortSignal | null | undefined, ms: number): Context {
  if (typeof ms !== 'number') throw new ArgumentTypeError('ms', 'a number', ms);
  if (Number.isNaN(ms)) throw new ArgumentRangeError('ms', 'a number of milliseconds', ms);
  return new Derived(parent).endIn(ms);
}

/**
 * The same, which also ends at an instant, converted to the monotonic clock now. Go: `context.WithDeadline`.
 *
 * @throws RangeError when `at` is an invalid Date.
 *
 * @example
 * ```ts
 * import { withDeadline } from 'gopark/sync';
 *
 * using context = withDeadline(null, new Date(Date.now() - 1));
 * console.log(context.signal.aborted); // true
 * ```
 */
export function withDeadline(parent: AbortSignal | null | undefined, at: Date): Context {
  if (!(at instanceof Date)) throw new ArgumentTypeError('at', 'a Date', at);
  const ms = at.getTime() - Date.now();
  if (Number.isNaN(ms)) throw new ArgumentRangeError('at', 'a valid Date', at);
  return new Derived(parent).endIn(ms);
}

/**
 * Starts `fn` as a goroutine once the signal has fired; at once if it has. What it returns prevents that, and says
 * whether it was in time. Go: `context.AfterFunc`.
 *
 * @example
 * ```ts
 * import { afterFunc, withCancel } from 'gopark/sync';
 *
 * using context = withCancel();
 * const stop = afterFunc(context.signal, () => console.log('given up'));
 * console.log(stop()); // true: it will not run
 * ```
 */
export function afterFunc(signal: AbortSignal, fn: () => unknown): () => boolean {
  checkSignal(signal);
  if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
  let waiting = true;
  const begin = () => {
    waiting = false;
    go(fn);
  };
  if (signal.aborted) {
    begin();
    return () => false;
  }
  const link = new SignalLink(signal, { aborted: begin });
  return () => {
    const inTime = waiting;
    waiting = false;
    link.release();
    return inTime;
  };
}
