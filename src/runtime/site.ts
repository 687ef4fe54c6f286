/**
 * Where a goroutine was created, as `file.ts:40:7`. Taking a stack costs microseconds and its text memory, so one is
 * taken per function that is started, not per goroutine.
 */
const sites = new WeakMap<object, string>();

/** The frame of whoever called `callee` with `fn`. */
export function creationSite(fn: object, callee: (...args: never[]) => unknown): string {
  const known = sites.get(fn);
  if (known !== undefined) return known;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, callee);
  Error.stackTraceLimit = limit;
  const frame = trace.stack?.split('\n')[1]?.trim() ?? '';
  const site = /\(?((?:file:\/\/|\/|node:|[A-Za-z]:)[^()]*:\d+:\d+)\)?$/.exec(frame)?.[1] ?? 'unknown';
  sites.set(fn, site);
  return site;
}
