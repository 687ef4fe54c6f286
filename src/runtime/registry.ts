import type { Goroutine } from './goroutine.ts';
import { tracedGoroutine, tracing } from './trace.ts';

/** All goroutines of this thread that have not ended: a list through themselves, the latest first. */
let first: Goroutine | null = null;
let live = 0;
let started = 0;
let running: Goroutine | null = null;

export function enroll(goroutine: Goroutine): void {
  goroutine.nextGoroutine = first;
  if (first !== null) first.previousGoroutine = goroutine;
  first = goroutine;
  live++;
  started++;
}

export function strike(goroutine: Goroutine): void {
  const { previousGoroutine, nextGoroutine } = goroutine;
  if (previousGoroutine === null) first = nextGoroutine;
  else previousGoroutine.nextGoroutine = nextGoroutine;
  if (nextGoroutine !== null) nextGoroutine.previousGoroutine = previousGoroutine;
  goroutine.previousGoroutine = null;
  goroutine.nextGoroutine = null;
  live--;
}

export function* allGoroutines(): Generator<Goroutine> {
  for (let goroutine = first; goroutine !== null; goroutine = goroutine.nextGoroutine) yield goroutine;
}

/**
 * How many goroutines have been started and have not ended, in this thread. Go: `runtime.NumGoroutine`.
 *
 * @example
 * ```ts
 * import { go, numGoroutine, sleep } from 'gopark';
 *
 * go(() => sleep(10));
 * console.log(numGoroutine()); // 1
 * ```
 */
export function numGoroutine(): number {
  return live;
}

/** How many have ever been started. */
export function startedCount(): number {
  return started;
}

/**
 * The goroutine whose function runs up to its first await right now. After an await nothing in JavaScript tells who
 * runs: then it is null, unless everything is traced.
 */
export function runningGoroutine(): Goroutine | null {
  return tracing ? (running ?? tracedGoroutine()) : running;
}

export function setRunning(goroutine: Goroutine | null): void {
  running = goroutine;
}
