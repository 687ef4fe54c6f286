import { printTable } from '../lib/report.ts';
import type { Found, Metric, Outcome } from './results.ts';
import { pairedRatio, type Ratio, summary } from './statistics.ts';

/** Three figures that count, thousands apart. */
export function format(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Best first, by the first metric; without a figure last. */
export function ranked({ found, metrics }: Outcome): readonly Found[] {
  const [first] = metrics;
  const sign = first!.better === 'lower' ? 1 : -1;
  const of = (one: Found) => {
    const middle = summary(one.rounds[first!.key])?.median;
    return middle === undefined ? Number.POSITIVE_INFINITY : sign * middle;
  };
  return found.toSorted((a, b) => of(a) - of(b));
}

function cell(one: Found, metric: Metric, withSpread: boolean): string {
  const found = summary(one.rounds[metric.key]);
  if (found === null) return '-';
  const middle = format(found.median);
  if (!withSpread || found.least === found.most) return middle;
  return `${middle} (${format(found.least)}-${format(found.most)})`;
}

/** The largest share of the cores that somebody else had in a round, as a percentage. */
function noise(one: Found): string {
  const [others, steal] = [summary(one.rounds.others), summary(one.rounds.steal)];
  return (100 * ((others?.most ?? 0) + (steal?.most ?? 0))).toFixed(0);
}

/** CPU for each message over that of the C server on epoll; null where one of them has none. */
export function besideC({ found }: Outcome, one: Found): Ratio | null {
  const base = found.find(({ name }) => name === 'c')?.rounds.cpuPerMessage;
  return pairedRatio(one.rounds.cpuPerMessage, base);
}

function ratioCell(ratio: Ratio | null): string {
  if (ratio === null) return '-';
  const { median, interval } = ratio;
  if (interval === null || interval[0] === interval[1]) return median.toFixed(2);
  return `${median.toFixed(2)} (${interval.map((bound) => bound.toFixed(2)).join('-')})`;
}

/** Only metrics that somebody has a figure other than nought of. */
function worthShowing({ metrics, found }: Outcome): readonly Metric[] {
  return metrics.filter(({ key }) => found.some(({ rounds }) => (summary(rounds[key])?.most ?? 0) > 0));
}

/** Head and rows; the first metric with its smallest and largest figure. */
export function tableOf(outcome: Outcome): [head: string[], rows: string[][]] {
  const metrics = worthShowing(outcome);
  const noisy = outcome.found.some(({ rounds }) => rounds.others !== undefined);
  const compared = outcome.found.length > 1 && outcome.found.some((one) => besideC(outcome, one) !== null);
  const head = metrics.map(({ title, unit }) => (unit === '' ? title : `${title}, ${unit}`));
  const rows = ranked(outcome).map((one) => [
    one.title,
    ...metrics.map((metric, i) => cell(one, metric, i === 0)),
    ...(compared ? [ratioCell(besideC(outcome, one))] : []),
    ...(noisy ? [noise(one)] : []),
  ]);
  const last = [...(compared ? ['CPU x C'] : []), ...(noisy ? ['noise, %'] : [])];
  return [['who', ...head, ...last], rows];
}

export function printOutcome(outcome: Outcome): void {
  console.log(`\n${outcome.title} (${outcome.seconds.toFixed(0)} s)\n`);
  printTable(...tableOf(outcome));
  for (const { what, why } of outcome.skipped) console.log(`without ${what}: ${why}`);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
