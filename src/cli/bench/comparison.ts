import { formatCount, formatTime } from './quantities.ts';
import { median, medianInterval } from './statistics.ts';

/** One figure of two servers, measured several times. */
export interface Figure {
  readonly name: string;
  readonly unit: 'rate' | 'time';
  readonly a: readonly number[];
  readonly b: readonly number[];
  /** Whether the values with the same index were measured right after each other. */
  readonly paired: boolean;
}

const formatted = (value: number, unit: Figure['unit']) =>
  unit === 'rate' ? formatCount(value) : formatTime(value * 1e3);

/** What can be said of b to a: the ratio of the medians, and between which two it lies with 95 %. */
function ratio({ a, b, paired }: Figure): { ratio: number; interval: [number, number] | null } {
  if (paired) {
    const ratios = b.map((value, i) => value / a[i]!);
    return { ratio: median(ratios), interval: medianInterval(ratios) };
  }
  const [ofA, ofB] = [medianInterval(a), medianInterval(b)];
  // Each of the two with 97.5 % would be needed for 95 % of both: these are the outer bounds, and so on the safe side.
  const interval: [number, number] | null =
    ofA === null || ofB === null ? null : [ofB[0] / ofA[1], ofB[1] / ofA[0]];
  return { ratio: median(b) / median(a), interval };
}

/** In words: which of the two is better, as far as the figures can tell. */
function verdict(figure: Figure, interval: [number, number] | null): string {
  if (interval === null) return 'too few measurements to tell';
  const [low, high] = interval;
  if (low <= 1 && high >= 1) return 'no difference to be seen';
  const more = low > 1;
  return more === (figure.unit === 'rate') ? 'B is better' : 'A is better';
}

/** Of nothing to something there is no ratio that says anything. */
const factor = (value: number) => (Number.isFinite(value) ? value.toFixed(3) : '-');

/** A row for a table: name, a, b, b/a, interval, verdict. */
export function comparisonRow(figure: Figure): string[] {
  const { ratio: middle, interval } = ratio(figure);
  return [
    figure.name,
    formatted(median(figure.a), figure.unit),
    formatted(median(figure.b), figure.unit),
    factor(middle),
    interval === null ? '-' : `${factor(interval[0])} to ${factor(interval[1])}`,
    verdict(figure, interval),
  ];
}

export const comparisonHead = ['', 'A', 'B', 'B/A', '95 % between', ''];
