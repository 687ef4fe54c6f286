import { CommandError } from '../errors.ts';
import { toInteger } from './arguments.ts';

const LONGEST = 2 ** 63;

export interface TimeUnit {
  readonly ms: number;
  /** Counted from 1970, not from now. */
  readonly absolute: boolean;
}

/** The options of SET and GETEX that say when a key ends. */
export const timeOptions: ReadonlyMap<string, TimeUnit> = new Map([
  ['EX', { ms: 1000, absolute: false }],
  ['PX', { ms: 1, absolute: false }],
  ['EXAT', { ms: 1000, absolute: true }],
  ['PXAT', { ms: 1, absolute: true }],
]);

export function invalidExpire(name: string): CommandError {
  return new CommandError(`ERR invalid expire time in '${name}' command`);
}

/** Milliseconds since 1970. */
export function toInstant(text: string, { ms, absolute }: TimeUnit, now: number, name: string): number {
  const when = toInteger(text) * ms + (absolute ? 0 : now);
  if (Math.abs(when) >= LONGEST) throw invalidExpire(name);
  return when;
}

/** The same for what must lie in the future, if not counted from 1970. */
export function toFuture(text: string, unit: TimeUnit, now: number, name: string): number {
  if (toInteger(text) <= 0) throw invalidExpire(name);
  return toInstant(text, unit, now, name);
}
