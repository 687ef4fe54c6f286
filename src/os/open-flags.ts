import { constants } from 'node:fs';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;

const FLAGS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  'wx+': O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  'a+': O_RDWR | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  'ax+': O_RDWR | O_CREAT | O_APPEND | O_EXCL,
};

/**
 * How to open a file: 'r' reads, 'r+' reads and writes, 'w' creates or empties, 'a' creates or appends; '+' adds
 * the other direction, 'x' makes it an error that the file exists. Or a number made of the O_ constants of node:fs.
 *
 * @example
 * ```ts
 * import { constants } from 'node:fs';
 * import type { OpenFlags } from 'gopark/os';
 *
 * const flags: OpenFlags[] = ['r', 'w', 'a+', 'wx', constants.O_RDWR | constants.O_CREAT];
 * ```
 */
export type OpenFlags = 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'wx+' | 'a' | 'a+' | 'ax' | 'ax+' | number;

export function openFlags(flags: OpenFlags): number {
  if (typeof flags === 'number') {
    if (Number.isInteger(flags) && flags >= 0) return flags;
    throw new ArgumentRangeError('flags', 'a sum of O_ constants', flags);
  }
  const known = Object.hasOwn(FLAGS, flags) ? FLAGS[flags] : undefined;
  if (known === undefined) {
    throw new ArgumentTypeError('flags', `a number or one of ${Object.keys(FLAGS).join(' ')}`, flags);
  }
  return known;
}

export function checkMode(mode: number): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw new ArgumentRangeError('mode', 'permission bits from 0 to 0o7777', mode);
  }
}
