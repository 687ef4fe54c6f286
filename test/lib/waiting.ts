import assert from 'node:assert/strict';
import { setImmediate as immediate } from 'node:timers/promises';
import type { OpError } from 'gopark/net';

/** Lets the event loop go round `count` times: everything that is ready by then has happened. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await immediate();
}

/** How a promise ended, or that it has not. */
export type Outcome<T> =
  | { state: 'pending' }
  | { state: 'resolved'; value: T }
  | { state: 'rejected'; error: unknown };

/** Watches a promise without ever leaving its rejection unhandled. */
export class Watched<T> {
  outcome: Outcome<T> = { state: 'pending' };
  settlements = 0;
  readonly promise: Promise<void>;

  constructor(promise: Promise<T>) {
    this.promise = promise.then(
      (value) => {
        this.settlements++;
        this.outcome = { state: 'resolved', value };
      },
      (error) => {
        this.settlements++;
        this.outcome = { state: 'rejected', error };
      },
    );
  }

  get pending(): boolean {
    return this.outcome.state === 'pending';
  }
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  return new Watched(promise);
}

/** Asserts that the promise still waits after everything that is ready has happened. */
export async function stillPending<T>(promise: Promise<T>, what: string): Promise<void> {
  const watched = watch(promise);
  await turns(20);
  assert.equal(watched.outcome.state, 'pending', `${what} should still wait`);
}

/** The error that a promise rejects with, which must be a `kind`. */
export async function rejectionOf<E extends Error>(
  kind: abstract new (...args: never[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  const error: unknown = await rejection(promise);
  assert.ok(error instanceof kind, String(error));
  return error;
}

/** The error that a promise rejects with. In these tests almost always an OpError: typed so, never checked here. */
export async function rejection(promise: Promise<unknown>): Promise<OpError> {
  try {
    const value = await promise;
    assert.fail(`resolved with ${String(value)} instead of rejecting`);
  } catch (error) {
    return error as OpError;
  }
}

/** Repeats `look` once a turn until it gives something truthy. For what has no event to wait for. */
export async function until<T>(look: () => T, what: string, ms = 5000): Promise<NonNullable<T>> {
  const end = performance.now() + ms;
  for (;;) {
    const seen = look();
    if (seen) return seen as NonNullable<T>;
    if (performance.now() > end) assert.fail(`waited ${ms} ms for: ${what}`);
    await immediate();
  }
}

/** Blocks this thread, as a long computation would. */
export function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
