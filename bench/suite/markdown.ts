import type { Outcome, Results, Skipped } from './results.ts';
import { summary } from './statistics.ts';
import { format, markdownTable, tableOf } from './tables.ts';

function head({ machine, at, options }: Results): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const gibibytes = (machine.memory / 2 ** 30).toFixed(0);
  return `# Results

Written by \`npm run bench${options === '' ? '' : ` -- ${options}`}\` on ${at.slice(0, 10)}; what the workloads and contenders are: [benchmarks.md](../benchmarks.md).

- ${machine.cores} x ${machine.cpu}, ${gibibytes} GiB, ${machine.system}; ${machine.pinning}
- ${versions.join('; ')}
- Loopback: no network card, no wire. Ratios carry over to other machines better than figures do.
- Figures are medians of the rounds, in brackets the smallest and the largest. Contenders take turns in each round. *CPU x C* is CPU for each message over the C server's on epoll: ratios within a round, their median and its 95 % interval. The machine may run at another speed from second to second; that is in the figures, and hardly in these ratios. *Noise* is the most that others (processes, and the hypervisor) had of the two sides' cores in a round; rounds with more than 10 % of one or 3 % of the other were measured again, as often as there are rounds.`;
}

function list(skipped: readonly Skipped[]): string {
  return skipped.map(({ what, why }) => `- ${what}: ${why}`).join('\n');
}

/** CPU for each message, workload by workload: the figure that is least disturbed. */
function together(outcomes: readonly Outcome[]): string | null {
  const columns = outcomes.filter(({ metrics }) => metrics.some(({ key }) => key === 'cpuPerMessage'));
  if (columns.length < 2) return null;
  const names = new Map(columns.flatMap(({ found }) => found.map(({ name, title }) => [name, title])));
  const rows = [...names].map(([name, title]) => [
    title,
    ...columns.map(({ found }) => {
      const rounds = found.find((one) => one.name === name)?.rounds.cpuPerMessage;
      const middle = summary(rounds);
      return middle === null ? '-' : format(middle.median);
    }),
  ]);
  return `## CPU microseconds per message\n\n${markdownTable(['who', ...columns.map(({ name }) => name)], rows)}`;
}

function section(outcome: Outcome, files: readonly string[]): string {
  const parts = [`## ${outcome.name}: ${outcome.title}`, outcome.how];
  parts.push(...files.map((file) => `![${outcome.title}](${file})`));
  parts.push(markdownTable(...tableOf(outcome)));
  if (outcome.skipped.length > 0) parts.push(`Without:\n\n${list(outcome.skipped)}`);
  return parts.join('\n\n');
}

/** The page. `files`: the pictures of each workload. */
export function markdown(
  results: Results,
  files: ReadonlyMap<string, readonly string[]>,
  hasOverview: boolean,
): string {
  const parts = [head(results)];
  if (results.skipped.length > 0) parts.push(`Skipped:\n\n${list(results.skipped)}`);
  if (hasOverview) parts.push('![CPU per message beside the C server](overview.svg)');
  const table = together(results.outcomes);
  if (table !== null) parts.push(table);
  for (const outcome of results.outcomes) parts.push(section(outcome, files.get(outcome.name) ?? []));
  return `${parts.join('\n\n')}\n`;
}
