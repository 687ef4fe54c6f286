import { nextTurn, spend } from '../runtime/budget.ts';
import type { Parked } from '../runtime/park.ts';

const nothing: Promise<void> = Promise.resolve();

/** What an operation returns that has been done at once; behind the event loop when its turn is overdue. */
export function done(): Promise<void> {
  return spend() ? nextTurn() : nothing;
}

/** The same for an operation with a result. */
export function doneWith<T>(value: T): Promise<Awaited<T>> {
  return spend()
    ? nextTurn().then(() => value as Awaited<T>)
    : (Promise.resolve(value) as Promise<Awaited<T>>);
}

/**
 * Wakes who is parked. This too asks the budget: two goroutines that wake each other for ever never find anything
 * ready at once.
 */
export function wake<T>(parked: Parked<T>, value: T): void {
  if (spend()) nextTurn().then(() => parked.resolve(value));
  else parked.resolve(value);
}

interface Awakening extends Parked<never> {
  value: unknown;
}

let soon: Awakening[] = [];

/**
 * Wakes it one microtask later with the `value` in it, so that who wakes it goes on first. Beside a buffer this makes
 * the two run one behind the other from then on, neither of them parking each time.
 */
export function wakeSoon(parked: Awakening): void {
  if (soon.push(parked) === 1) nothing.then(wakeAll);
}

function wakeAll(): void {
  const all = soon;
  soon = [];
  for (const parked of all) wake(parked, parked.value as never);
}
