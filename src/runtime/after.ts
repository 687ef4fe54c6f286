import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { now } from './clock.ts';
import { go } from './goroutine.ts';
import { originOf } from './site.ts';
import { type Timer as HeapTimer, timers } from './timers.ts';

/** What `timers` needs of it, out of the program's sight. */
class Alarm implements HeapTimer {
  when = 0;
  index = -1;
  holds = true;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

export function checkDuration(callee: string, ms: number): void {
  if (typeof ms !== 'number' || Number.isNaN(ms)) {
    throw new ArgumentRangeError(`the duration of ${callee}`, 'milliseconds', ms);
  }
}

/**
 * An event in the future that may be stopped and set anew, as `after` makes it. Go: `time.Timer`.
 *
 * @example
 * ```ts
 * import { after, type Timer } from 'gopark';
 *
 * const timer: Timer = after(1000, () => console.log('too late'));
 * console.log(timer.active, timer.stop()); // true true
 * ```
 */
export class Timer implements Disposable {
  readonly #alarm: Alarm;

  /** @internal */
  constructor(ms: number, fire: () => void) {
    this.#alarm = new Alarm(fire);
    timers.set(this.#alarm, now() + Math.max(0, ms));
  }

  /** Whether it is still to fire. */
  get active(): boolean {
    return this.#alarm.index >= 0;
  }

  /** It will not fire any more. False: it had fired, or been stopped, before. */
  stop(): boolean {
    const { active } = this;
    timers.delete(this.#alarm);
    return active;
  }

  /** It fires `ms` milliseconds from now, and only then. False: it had fired or been stopped, and is armed again. */
  reset(ms: number): boolean {
    checkDuration('reset', ms);
    const { active } = this;
    timers.set(this.#alarm, now() + Math.max(0, ms));
    return active;
  }

  /** From now on it keeps no process alive. */
  unref(): this {
    const alarm = this.#alarm;
    const { active } = this;
    // The heap counts those that hold when they come and when they go.
    timers.delete(alarm);
    alarm.holds = false;
    if (active) timers.set(alarm, alarm.when);
    return this;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

/**
 * Starts `fn(...args)` as a goroutine once `ms` milliseconds have passed. Go: `time.AfterFunc`. Keeps the process
 * alive until then, unless `unref` is called.
 *
 * @throws ArgumentRangeError when `ms` is not a number; 0 or less means as soon as possible, Infinity never.
 *
 * @example
 * ```ts
 * import { after } from 'gopark';
 *
 * const timer = after(30_000, async () => console.log('half a minute without news'));
 * timer.reset(30_000); // news
 * timer.stop();
 * ```
 */
export function after<A extends unknown[]>(ms: number, fn: (...args: A) => unknown, ...args: A): Timer {
  checkDuration('after', ms);
  if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
  // Now, while the stack shows who asked for it.
  originOf(fn, after);
  return new Timer(ms, () => go(fn, ...args));
}
