import type { Found, Metric, Outcome } from '../results.ts';
import { summary } from '../statistics.ts';
import { format } from '../tables.ts';
import { linear, ticks } from './scale.ts';
import { document, group, line, rectangle, text } from './svg.ts';
import { colors } from './theme.ts';

const labels = 240;
const panel = 330;
/** Right of a panel's longest bar, for its figure. */
const figure = 70;
const row = 24;
const top = 74;
const bottom = 30;
const thickness = 14;

/** What stands beside a bar has little room. */
function short(value: number): string {
  return value < 1e6 ? format(value) : `${format(value / 1e6)}M`;
}

/** A figure far beyond all others would press them flat: its bar is cut off. */
function lengthOfAxis(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const most = sorted.at(-1)!;
  const usual = sorted[Math.floor((sorted.length - 1) * 0.8)]!;
  return most > 3 * usual ? 1.6 * usual : most;
}

function bars(found: readonly Found[], metric: Metric, left: number, height: number): string[] {
  const summaries = found.map((one) => summary(one.rounds[metric.key]));
  const values = summaries.flatMap((one) => (one === null ? [] : [one.high]));
  if (values.length === 0) return [];
  const steps = ticks(Math.max(lengthOfAxis(values), Number.MIN_VALUE));
  const end = left + panel - figure;
  const most = steps.at(-1)!;
  const scale = linear(0, most, left, end);
  const out = [
    text(left, top - 24, `${metric.title}${metric.unit === '' ? '' : `, ${metric.unit}`}`, {
      class: 'strong',
    }),
    text(left, top - 10, `${metric.better} is better`, { class: 'quiet' }),
  ];
  for (const step of steps) {
    out.push(line(scale(step), top, scale(step), height - bottom, { class: 'grid' }));
    const label =
      step >= 1e6 ? `${step / 1e6}M` : step >= 1e4 ? `${step / 1000}k` : String(Number(step.toPrecision(3)));
    out.push(text(scale(step), height - bottom + 15, label, { class: 'quiet', anchor: 'middle' }));
  }
  for (const [i, one] of summaries.entries()) {
    if (one === null) continue;
    const middle = top + row * i + row / 2;
    const cut = one.median > most;
    const to = scale(Math.min(one.median, most));
    const { family, title } = found[i]!;
    const bar = rectangle(left, middle - thickness / 2, Math.max(1, to - left), thickness, {
      fill: colors[family],
      rx: 2,
    });
    const whisker = cut
      ? ''
      : line(scale(one.low), middle, scale(Math.min(one.high, most)), middle, { class: 'whisker' });
    const beyond = Math.max(to, cut ? 0 : scale(Math.min(one.high, most)));
    const shown = text(beyond + 6, middle + 4, `${cut ? '→ ' : ''}${short(one.median)}`);
    out.push(group(`${title}: ${format(one.median)} ${metric.unit}`, bar + whisker + shown));
  }
  return out;
}

/** One row a contender, one panel for each of the first two metrics; whiskers hold half of all rounds. */
export function barChart({ title, found, metrics }: Outcome): string {
  const panels = metrics.slice(0, 2);
  const width = labels + panels.length * panel + 10;
  const height = top + row * found.length + bottom;
  const names = found.map((one, i) =>
    text(labels - 10, top + row * i + row / 2 + 4, one.title, {
      anchor: 'end',
      class: one.family === 'gopark' ? 'strong' : undefined,
    }),
  );
  return document(width, height, title, [
    text(16, 26, title, { class: 'title' }),
    ...names,
    ...panels.flatMap((metric, i) => bars(found, metric, labels + i * panel, height)),
  ]);
}
