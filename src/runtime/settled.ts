import { nextTurn, spend } from './budget.ts';

const CACHED = 4096;
const counts: Promise<number>[] = [];
const end: Promise<null> = Promise.resolve(null);
const nothing: Promise<void> = Promise.resolve();

/**
 * A resolved promise for a count that is known already. Small counts share theirs: awaiting a settled promise twice
 * is harmless, and making one costs more than the whole hit path. When the caller's slice is used up, the promise
 * settles behind the poller instead.
 */
export function settled(count: number): Promise<number> {
  if (spend()) return nextTurn().then(() => count);
  if (count >= CACHED) return Promise.resolve(count);
  // Filled from the start, so that the array stays a plain one.
  while (counts.length <= count) counts.push(Promise.resolve(counts.length));
  return counts[count]!;
}

/** The same for the result of a read, where `null` is the end. */
export function settledRead(count: number | null): Promise<number | null> {
  return count === null ? end : settled(count);
}

/** The same for whatever else is known already. */
export function settledWith<T>(value: T): Promise<T> {
  return spend() ? nextTurn().then(() => value) : Promise.resolve(value);
}

/** The same for what has no result: whoever listens for a failure with one function tells it by a value. */
export function settledVoid(): Promise<void> {
  return spend() ? nextTurn() : nothing;
}
