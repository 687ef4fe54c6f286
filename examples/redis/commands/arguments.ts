import { CommandError, notFloat, notInteger, notPositive, syntaxError } from '../errors.ts';
import { parseDouble } from '../protocol/doubles.ts';
import { integerOf } from '../protocol/integers.ts';

/** An argument as an integer; beyond 2^53 it is rounded. */
export function toInteger(text: string, error = notInteger): number {
  const value = integerOf(text);
  if (value === null) throw error;
  return value;
}

/** An argument that counts something: not negative. */
export function toCount(text: string, error = notPositive): number {
  const value = toInteger(text, error);
  if (value < 0) throw error;
  return value;
}

export function toDouble(text: string, error = notFloat): number {
  const value = parseDouble(text);
  if (value === null || Number.isNaN(value)) throw error;
  return value;
}

/** An argument that there has to be. */
export function argument(args: readonly string[], index: number): string {
  const text = args[index];
  if (text === undefined) throw syntaxError;
  return text;
}

/** Arguments of the form `numkeys key [key ...]`, with the number at `index`; what follows begins at `end`. */
export function countedKeys(
  args: readonly string[],
  index: number,
  name: string,
): { keys: string[]; end: number } {
  const tooFew = new CommandError(`ERR at least 1 input key is needed for '${name}' command`);
  const count = toInteger(args[index]!);
  if (count < 1) throw tooFew;
  const end = index + 1 + count;
  if (end > args.length) throw syntaxError;
  return { keys: args.slice(index + 1, end), end };
}

/** `start` and `stop` of GETRANGE, LRANGE and ZRANGE, from the end when negative, as positions. Null: nothing. */
export function span(start: number, stop: number, length: number): { from: number; to: number } | null {
  const from = Math.max(0, start < 0 ? start + length : start);
  const to = Math.min(length - 1, stop < 0 ? stop + length : stop);
  return from > to || from >= length ? null : { from, to };
}
