import { ArgumentRangeError, checkInteger } from './arguments.ts';
import type { Whence } from './contracts/positions.ts';

/** Where a seek leads, counted from the start. Throws for a position before it and for an unknown whence. */
export function seekTarget(offset: number, whence: Whence, current: number, size: number): number {
  checkInteger(offset, 'offset');
  let from: number;
  if (whence === 'start') from = 0;
  else if (whence === 'current') from = current;
  else if (whence === 'end') from = size;
  else throw new ArgumentRangeError('whence', "'start', 'current' or 'end'", whence);
  const target = from + offset;
  if (target < 0)
    throw new ArgumentRangeError('offset', 'a step that does not lead before the start', offset);
  return target;
}
