import type { SortedSet } from '../data/sorted-set.ts';
import { CommandError } from '../errors.ts';
import { parseDouble } from '../protocol/doubles.ts';
import { span, toInteger } from './arguments.ts';

/** Ranks from `from` up to, and without, `to`. */
export interface RankRange {
  readonly from: number;
  readonly to: number;
}

export type RangeBy = 'INDEX' | 'SCORE' | 'LEX';

const badScore = new CommandError('ERR min or max is not a float');
const badText = new CommandError('ERR min or max not valid string range item');

function scoreBound(text: string): { value: number; exclusive: boolean } {
  const exclusive = text.startsWith('(');
  const number = exclusive ? text.slice(1) : text;
  // strtod makes 0 of nothing.
  const value = number === '' ? 0 : parseDouble(number);
  if (value === null || Number.isNaN(value)) throw badScore;
  return { value, exclusive };
}

/** -1: before all, 1: behind all. */
function textBound(text: string): { value: string; exclusive: boolean; side: number } {
  if (text === '-' || text === '+') return { value: '', exclusive: false, side: text === '-' ? -1 : 1 };
  if (text[0] !== '(' && text[0] !== '[') throw badText;
  return { value: text.slice(1), exclusive: text[0] === '(', side: 0 };
}

/** What lies between two bounds, checked before it is known whether there is a set. */
export type Bounds = (set: SortedSet) => RankRange;

export function scoreBounds(min: string, max: string): Bounds {
  const low = scoreBound(min);
  const high = scoreBound(max);
  return (set) => ({
    from: set.countBefore(({ score }) => (low.exclusive ? score > low.value : score >= low.value)),
    to: set.countBefore(({ score }) => (high.exclusive ? score >= high.value : score > high.value)),
  });
}

export function textBounds(min: string, max: string): Bounds {
  const low = textBound(min);
  const high = textBound(max);
  return (set) => ({
    from: set.countBefore(({ member }) => isFrom(low, member)),
    to: set.countBefore(({ member }) => isBehind(high, member)),
  });
}

function isFrom({ value, exclusive, side }: ReturnType<typeof textBound>, member: string): boolean {
  if (side !== 0) return side < 0;
  return exclusive ? member > value : member >= value;
}

function isBehind({ value, exclusive, side }: ReturnType<typeof textBound>, member: string): boolean {
  if (side !== 0) return side < 0;
  return exclusive ? member >= value : member > value;
}

/** Positions counted from the beginning, or from the end when `reverse`. */
export function indexBounds(start: string, stop: string, reverse: boolean): Bounds {
  const first = toInteger(start);
  const last = toInteger(stop);
  return ({ length }) => {
    const found = span(first, last, length);
    if (found === null) return { from: 0, to: 0 };
    const { from, to } = found;
    return reverse ? { from: length - 1 - to, to: length - from } : { from, to: to + 1 };
  };
}

export function boundsBy(by: RangeBy, start: string, stop: string, reverse: boolean): Bounds {
  if (by === 'INDEX') return indexBounds(start, stop, reverse);
  const [min, max] = reverse ? [stop, start] : [start, stop];
  return by === 'SCORE' ? scoreBounds(min, max) : textBounds(min, max);
}
