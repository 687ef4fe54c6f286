import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart } from './charts/bars.ts';
import { overviewChart } from './charts/overview.ts';
import { percentileChart } from './charts/percentiles.ts';
import { markdown } from './markdown.ts';
import type { Outcome, Results } from './results.ts';
import { ranked } from './tables.ts';

/** Of a workload: bars, and percentiles where they were kept. */
function pictures(outcome: Outcome): [file: string, svg: string][] {
  if (outcome.found.length === 0) return [];
  const bars: [string, string] = [`${outcome.name}.svg`, barChart({ ...outcome, found: ranked(outcome) })];
  if (!outcome.found.some(({ curve }) => curve !== undefined && curve.length > 1)) return [bars];
  return [bars, [`${outcome.name}-percentiles.svg`, percentileChart(outcome)]];
}

/** Writes the page and the pictures of `results` into `folder`. */
export function render(folder: string, results: Results): void {
  const all = new Map(results.outcomes.map((outcome) => [outcome.name, pictures(outcome)]));
  for (const [file, svg] of [...all.values()].flat()) writeFileSync(join(folder, file), svg);
  const overview = overviewChart(results.outcomes);
  if (overview !== null) writeFileSync(join(folder, 'overview.svg'), overview);
  const names = new Map([...all].map(([name, files]) => [name, files.map(([file]) => file)]));
  writeFileSync(join(folder, 'results.md'), markdown(results, names, overview !== null));
}
