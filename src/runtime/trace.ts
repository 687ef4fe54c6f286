import { AsyncLocalStorage } from 'node:async_hooks';
import type { Goroutine } from './goroutine.ts';

/**
 * `GOPARK_TRACE=1`: every asynchronous step knows its goroutine, also behind callbacks where V8's chains end, and
 * every goroutine the whole stack that created it. Costs time for each promise, and is off otherwise.
 */
export const tracing: boolean = process.env.GOPARK_TRACE === '1';

const storage = tracing ? new AsyncLocalStorage<Goroutine>() : null;
const owners = new WeakMap<object, Goroutine>();
const creations = new WeakMap<Goroutine, string>();

/** Runs the beginning of a goroutine so that all that follows from it is known to be its own. */
export function traceRun(goroutine: Goroutine, run: () => void): void {
  if (storage === null) run();
  else storage.run(goroutine, run);
}

/** Whose asynchronous step this is. */
export function tracedGoroutine(): Goroutine | null {
  return storage?.getStore() ?? null;
}

/** Remembers whose a parked call is that has no field for it. */
export function traceOwner(parked: object): void {
  const goroutine = tracedGoroutine();
  if (goroutine !== null) owners.set(parked, goroutine);
}

export function ownerOf(parked: object): Goroutine | null {
  return owners.get(parked) ?? null;
}

/** Remembers where it was created: the caller of `callee`, and all who called that. */
export function traceCreation(goroutine: Goroutine, callee: (...args: never[]) => unknown): void {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  creations.set(goroutine, holder.stack ?? '');
}

/** The stack that created it, as lines `at ...`. */
export function creationOf(goroutine: Goroutine): readonly string[] {
  const lines = creations.get(goroutine)?.split('\n') ?? [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}
