import type { Outcome } from '../results.ts';
import { besideC } from '../tables.ts';
import { document, group, rectangle, text } from './svg.ts';

const labels = 240;
const column = 78;
const row = 24;
const top = 84;

/** Green where it costs less than the C server, grey where as much, red where more. */
function color(ratio: number): string {
  const worse = Math.min(1, Math.abs(Math.log(ratio)) / Math.log(3));
  const [hue, saturation] = [ratio < 1 ? 140 : 14, Math.round(6 + 74 * worse)];
  return `hsl(${hue} ${saturation}% 45%)`;
}

/** CPU per message of everybody over the C server's, as a table of colours; null: there is nothing to compare. */
export function overviewChart(outcomes: readonly Outcome[]): string | null {
  const columns = outcomes.filter(({ found }) =>
    found.some(({ name, rounds }) => name === 'c' && rounds.cpuPerMessage !== undefined),
  );
  if (columns.length < 2) return null;
  const names = new Map(columns.flatMap(({ found }) => found.map((one) => [one.name, one] as const)));
  const out = [
    text(16, 26, 'CPU per message, as a multiple of the C server on epoll', { class: 'title' }),
    text(
      16,
      46,
      'medians of ratios within rounds; below 1.00 (green) costs less than the C server, above (red) more',
      {
        class: 'quiet',
      },
    ),
  ];
  for (const [i, { name }] of columns.entries()) {
    const middle = labels + i * column + column / 2;
    out.push(text(middle, top - 10, name, { anchor: 'middle', class: 'strong' }));
  }
  for (const [j, one] of [...names.values()].entries()) {
    const y = top + j * row;
    out.push(
      text(labels - 10, y + 16, one.title, {
        anchor: 'end',
        class: one.family === 'gopark' ? 'strong' : undefined,
      }),
    );
    for (const [i, outcome] of columns.entries()) {
      const here = outcome.found.find(({ name }) => name === one.name);
      const ratio = here === undefined ? null : (besideC(outcome, here)?.median ?? null);
      const x = labels + i * column;
      const middle = x + column / 2;
      if (ratio === null) {
        out.push(text(middle, y + 16, '-', { anchor: 'middle', class: 'quiet' }));
        continue;
      }
      const field = rectangle(x + 2, y + 2, column - 4, row - 4, { fill: color(ratio), rx: 3 });
      const shown = text(middle, y + 16, ratio.toFixed(2), { anchor: 'middle', style: 'fill:#fff' });
      out.push(group(`${one.title}, ${outcome.title}: ${ratio.toFixed(2)}`, field + shown));
    }
  }
  const width = Math.max(640, labels + columns.length * column + 16);
  return document(width, top + names.size * row + 16, 'CPU per message beside the C server', out);
}
