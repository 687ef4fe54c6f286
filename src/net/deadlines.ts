import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';

/** Before every instant there is: an expired deadline. 0 means none. */
const PAST = Number.MIN_VALUE;

/** A wall-clock deadline on the monotonic clock, as of now; 0: none. */
export function instantOf(at: Date | null): number {
  if (at === null) return 0;
  if (!(at instanceof Date)) throw new ArgumentTypeError('the deadline', 'a Date or null', at);
  const time = at.getTime();
  if (Number.isNaN(time)) throw new ArgumentRangeError('the deadline', 'a valid Date', 'Invalid Date');
  return Math.max(PAST, now() + time - Date.now());
}

/** An instant `ms` from now; 0: none. */
export function instantIn(ms: number | null): number {
  if (ms === null || ms === Number.POSITIVE_INFINITY) return 0;
  if (typeof ms !== 'number') throw new ArgumentTypeError('the timeout', 'milliseconds or null', ms);
  if (Number.isNaN(ms)) throw new ArgumentRangeError('the timeout', 'milliseconds or null', ms);
  return ms <= 0 ? PAST : now() + ms;
}
