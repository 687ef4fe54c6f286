import { ArgumentRangeError, ArgumentTypeError, checkByte } from './arguments.ts';

/**
 * A byte that ends something: its value from 0 to 255, or a string of one ASCII character.
 *
 * @example
 * ```ts
 * import type { Delimiter } from 'gopark/io';
 *
 * const same: Delimiter[] = ['\n', 10, 0x0a];
 * ```
 */
export type Delimiter = number | string;

/** The byte that a delimiter means; throws a typed error for what is none. */
export function delimiterByte(delimiter: Delimiter): number {
  if (typeof delimiter === 'number') {
    checkByte(delimiter, 'delimiter');
    return delimiter;
  }
  if (typeof delimiter !== 'string') {
    throw new ArgumentTypeError('delimiter', 'a byte or a string of one ASCII character', delimiter);
  }
  const code = delimiter.charCodeAt(0);
  if (delimiter.length !== 1 || code > 0x7f) {
    throw new ArgumentRangeError('delimiter', 'a byte or a string of one ASCII character', delimiter);
  }
  return code;
}
