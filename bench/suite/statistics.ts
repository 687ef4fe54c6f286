import { medianInterval } from '#dist/cli/bench/statistics.js';
import { median } from '../lib/report.ts';
import type { Point } from './results.ts';

export interface Summary {
  readonly median: number;
  /** Half of all rounds are between these. */
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly most: number;
}

/** A quantile of sorted values, between two of them where need be. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1);
}

/** Null: there is no figure. A round without a single message has none per message. */
export function summary(values: readonly (number | null)[] | undefined): Summary | null {
  const figures = (values ?? []).filter((value): value is number => Number.isFinite(value));
  if (figures.length === 0) return null;
  const sorted = figures.toSorted((a, b) => a - b);
  return {
    median: median(figures),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    least: sorted[0]!,
    most: sorted.at(-1)!,
  };
}

/** How often as much as another one, by rounds. */
export interface Ratio {
  readonly median: number;
  /** Where the true median is, with a probability of 95 %; null: too few rounds to say. */
  readonly interval: readonly [number, number] | null;
}

/**
 * Ratios are taken within a round: how fast the machine was just then is in both figures. Null: there are none.
 */
export function pairedRatio(
  values: readonly (number | null)[] | undefined,
  base: readonly (number | null)[] | undefined,
): Ratio | null {
  const ratios = (values ?? []).flatMap((value, round) => {
    const other = base?.[round];
    return Number.isFinite(value) && Number.isFinite(other) && other! > 0 ? [value! / other!] : [];
  });
  return ratios.length === 0 ? null : { median: median(ratios), interval: medianInterval(ratios) };
}

/** Steps to a tenth of what is left: 0, 0.11 ... 0.9, 0.91 ... 0.99, ... */
const shares = Array.from({ length: 51 }, (_, i) => 1 - 10 ** (-i / 10));

/** The distribution of all histograms together, as far as their counts carry. */
export function curveOf(histograms: readonly (readonly (readonly [number, number])[])[]): Point[] {
  const counts = new Map<number, number>();
  for (const [at, count] of histograms.flat()) counts.set(at, (counts.get(at) ?? 0) + count);
  const buckets = [...counts].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  const points: Point[] = [];
  let seen = 0;
  let next = 0;
  for (const [at, count] of buckets) {
    seen += count;
    for (; next < shares.length && seen >= shares[next]! * total; next++) {
      // Fewer than ten beyond it say nothing.
      if ((1 - shares[next]!) * total < 10) return points;
      points.push([Number(shares[next]!.toFixed(6)), at]);
    }
  }
  return points;
}
