import { failureCounts } from './failures.ts';
import { numGoroutine, startedCount } from './registry.ts';
import { timers } from './timers.ts';
import { turnCount } from './turns.ts';
import { allWaits, type WaitReason } from './waits.ts';
import { holdCounts } from './watchdog.ts';

/**
 * Numbers of this thread's runtime, since it began where they count something.
 *
 * @example
 * ```ts
 * import { type RuntimeStats, stats } from 'gopark';
 *
 * const { goroutines, timers }: RuntimeStats = stats();
 * console.log(goroutines, timers);
 * ```
 */
export interface RuntimeStats {
  /** Started and not ended. */
  readonly goroutines: number;
  readonly goroutinesStarted: number;
  /** Calls that are parked, for each reason that there is. */
  readonly waits: Readonly<Partial<Record<WaitReason, number>>>;
  /** I/O errors that ended a goroutine and that nobody read from `done`. */
  readonly errors: number;
  /** Other errors, which did not end the process because `runtime.onPanic` or a server decided so. */
  readonly panics: number;
  /** How often the event loop was held for longer than `runtime.holdLimit`. */
  readonly longHolds: number;
  /** The longest of them, in milliseconds; 0: there was none. */
  readonly longestHold: number;
  /** Sleeps, deadlines and tickers that are armed. */
  readonly timers: number;
  /** How often the event loop has been round while there was something for goroutines to do. */
  readonly turns: number;
}

/**
 * The present numbers. Counting the parked calls goes through all of them: some ten milliseconds for 100,000.
 *
 * @example
 * ```ts
 * import { stats } from 'gopark';
 *
 * const { goroutines, waits, longHolds } = stats();
 * console.log(goroutines, waits['IO wait'] ?? 0, longHolds);
 * ```
 */
export function stats(): RuntimeStats {
  const waits: Partial<Record<WaitReason, number>> = {};
  for (const { waitReason } of allWaits()) waits[waitReason] = (waits[waitReason] ?? 0) + 1;
  return {
    goroutines: numGoroutine(),
    goroutinesStarted: startedCount(),
    waits,
    errors: failureCounts.errors,
    panics: failureCounts.panics,
    longHolds: holdCounts.holds,
    longestHold: holdCounts.longest,
    timers: timers.size,
    turns: turnCount(),
  };
}
