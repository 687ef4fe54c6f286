import type { Origin } from './goroutine.ts';

/**
 * Where a goroutine was created, as `file.ts:40:7`. Taking a stack costs microseconds and its text memory, so one is
 * taken per function that is started, not per goroutine.
 */
const origins = new WeakMap<object, Origin>();

/** Name and creation site of a goroutine that the caller of `callee` starts with `fn`. */
export function originOf(fn: (...args: never[]) => unknown, callee: (...args: never[]) => unknown): Origin {
  const known = origins.get(fn);
  if (known !== undefined) return known;
  const limit = Error.stackTraceLimit;
  // An assignment throws where somebody has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 1);
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, callee);
  Reflect.set(Error, 'stackTraceLimit', limit);
  const frame = trace.stack?.split('\n')[1]?.trim() ?? '';
  const site = /\(?((?:file:\/\/|\/|node:|[A-Za-z]:)[^()]*:\d+:\d+)\)?$/.exec(frame)?.[1] ?? 'unknown';
  const origin = { label: fn.name, site };
  origins.set(fn, origin);
  return origin;
}

/** Makes `fn` count as `other`, which it wraps: created where the caller of `callee` gave that one. */
export function shareOrigin(
  fn: (...args: never[]) => unknown,
  other: (...args: never[]) => unknown,
  callee: (...args: never[]) => unknown,
): void {
  origins.set(fn, originOf(other, callee));
}
