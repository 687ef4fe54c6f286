import { now } from './clock.ts';
import { sourceOf } from './source.ts';
import { tracing } from './trace.ts';

/** Looking at the stack costs microseconds. So many times within the interval are next to nothing. */
const MOST_PER_INTERVAL = 32;
const INTERVAL = 50;
/** When those are used up, the clock is looked at once in so many calls. */
const CALLS_PER_LOOK = 64;

let left = MOST_PER_INTERVAL;
let intervalEnd = 0;
let calls = 0;

/** A place in the code of who called us. Its text is made when somebody asks. */
export class CallSite {
  readonly stack?: string;

  toString(): string {
    const frame = this.stack?.split('\n')[1]?.trim() ?? '';
    const place = /\(?((?:file:\/\/|\/|node:|[A-Za-z]:)[^()]*):(\d+):(\d+)\)?$/.exec(frame);
    if (place === null) return 'an unknown place';
    const name = /^at (?:async )?(.*?) \(/.exec(frame)?.[1] ?? '';
    const [, file, line, column] = place;
    const at = sourceOf({ name, file: file!, line: Number(line), column: Number(column), isMain: false });
    return name === '' ? at : `${name} (${at})`;
  }
}

/**
 * Where the caller of `callee` stands. Null when this was asked so often lately that it would cost too much; with
 * GOPARK_TRACE=1 never.
 */
export function callSite(callee: (...args: never[]) => unknown): CallSite | null {
  if (left === 0) {
    if (!tracing) {
      if (++calls % CALLS_PER_LOOK !== 0 || now() < intervalEnd) return null;
    }
    left = MOST_PER_INTERVAL;
  }
  if (left-- === MOST_PER_INTERVAL) intervalEnd = now() + INTERVAL;
  const site = new CallSite();
  const limit = Error.stackTraceLimit;
  // An assignment throws where somebody has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 1);
  Error.captureStackTrace(site, callee);
  Reflect.set(Error, 'stackTraceLimit', limit);
  return site;
}
