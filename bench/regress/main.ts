// `npm run bench:regress -- [commit]`: this tree beside another commit, in the same run. It reports, and never fails.
// `-- HEAD~5 --only bufio,net --rounds 20 --slice 200`
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { medianInterval } from '#dist/cli/bench/statistics.js';
import { Child } from '../lib/child.ts';
import { numberIn } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { chosen } from '../micro/all.ts';
import type { Workload } from '../micro/workload.ts';
import { build, commitOf, root } from './commit.ts';
import { canCount, counted, INSTRUCTIONS } from './counter.ts';
import type { Answer, Slice } from './worker.ts';

/** Long enough for V8 to have compiled what is hot. */
const WARM_UP = 300;
/** In each round, of each side. */
const SLICES = 8;

/** A workload does not run on one of the sides. */
class WorkloadError extends Error {}

interface Options {
  readonly rounds: number;
  readonly slice: number;
  /** For perf; null: CPU time. */
  readonly event: string | null;
}

/** One of the two sides: a process that runs slices. */
class Side {
  readonly #child: Child;
  readonly #event: string | null;

  constructor(folder: string, event: string | null) {
    const worker = fileURLToPath(new URL('./worker.js', import.meta.url));
    this.#child = new Child('server', [process.execPath, worker, folder]);
    this.#event = event;
  }

  async #ask(slice: Slice): Promise<{ done: number; cpu: number }> {
    this.#child.say(JSON.stringify(slice));
    const answer = JSON.parse(await this.#child.line()) as Answer;
    if ('error' in answer) throw new WorkloadError(answer.error);
    return answer;
  }

  warmUp(workload: string): Promise<unknown> {
    return this.#ask({ workload, ms: WARM_UP });
  }

  /** What one of it costs: instructions, or nanoseconds of CPU time. */
  async cost(workload: string, ms: number): Promise<number> {
    if (this.#event === null) {
      const { done, cpu } = await this.#ask({ workload, ms });
      return (cpu * 1000) / done;
    }
    const ask = () => this.#ask({ workload, ms });
    const { found, count } = await counted(this.#event, this.#child.pid, ask);
    return count / found.done;
  }

  stop(): Promise<void> {
    return this.#child.stop('input');
  }
}

/** Costs of one workload on both sides, one pair for each round; or why there are none. */
type Costs = { pairs: [number, number][]; failure: string | null };

/** One workload in one round: the least of several slices that take turns, for noise only ever adds. */
async function measure(
  name: string,
  sides: readonly [Side, Side],
  first: number,
  { slice }: Options,
): Promise<[number, number]> {
  const orders = [[0, 1] as const, [1, 0] as const];
  for (const which of orders[first % 2]!) await sides[which].warmUp(name);
  const least: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < SLICES; i++) {
    for (const which of orders[(first + i) % 2]!) {
      least[which] = Math.min(least[which], await sides[which].cost(name, slice));
    }
  }
  return least;
}

/**
 * All workloads once, in two new processes. What V8 makes of the same code, and where it puts it, differs from process
 * to process, by more than slices of one process do: so a round is a pair of processes.
 */
async function round(
  folders: readonly [string, string],
  all: ReadonlyMap<Workload, Costs>,
  first: number,
  options: Options,
): Promise<void> {
  const sides = [new Side(folders[0], options.event), new Side(folders[1], options.event)] as const;
  try {
    for (const [{ name }, costs] of all) {
      if (costs.failure !== null) continue;
      try {
        costs.pairs.push(await measure(name, sides, first, options));
      } catch (error) {
        if (!(error instanceof WorkloadError)) throw error;
        costs.failure = error.message;
      }
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
}

function row({ name }: Workload, { pairs, failure }: Costs): string[] {
  if (failure !== null) return [name, '-', '-', '-', '-', `not compared: ${failure}`];
  const ratios = pairs.map(([a, b]) => b / a);
  const interval = medianInterval(ratios);
  const [low, high] = interval ?? [0, Number.POSITIVE_INFINITY];
  const verdict =
    interval === null ? 'too few rounds' : low > 1 ? 'SLOWER' : high < 1 ? 'faster' : 'not told apart';
  return [
    name,
    ...[0, 1].map((side) => median(pairs.map((pair) => pair[side]!)).toFixed(1)),
    median(ratios).toFixed(3),
    interval === null ? '-' : `${low.toFixed(3)} to ${high.toFixed(3)}`,
    verdict,
  ];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '8' },
      slice: { type: 'string', default: '20' },
      event: { type: 'string' },
    },
    allowPositionals: true,
  });
  const workloads = chosen(values.only);
  const event = values.event ?? (canCount(INSTRUCTIONS) ? INSTRUCTIONS : null);
  const options = {
    rounds: numberIn(values.rounds, 'rounds'),
    slice: numberIn(values.slice, 'slice'),
    event,
  };
  const { sha, title } = commitOf(positionals[0]);
  const folder = build(sha);
  console.log(machine());
  console.log(`before: ${title}; after: this tree, as it is built`);
  console.log(
    `${event ?? 'ns of CPU time (perf counts no instructions here)'} for each of what is named; medians of ${options.rounds} pairs of processes, the least of ${SLICES} slices of ${options.slice} ms in each; ratios within a pair`,
  );
  const all = new Map<Workload, Costs>(workloads.map((workload) => [workload, { pairs: [], failure: null }]));
  for (let i = 0; i < options.rounds; i++) {
    await round([folder, root], all, i, options);
    console.error(`round ${i + 1} of ${options.rounds}`);
  }
  printTable(
    ['', 'before', 'after', 'after/before', '95 % between', 'verdict'],
    [...all].map(([workload, costs]) => row(workload, costs)),
  );
  console.log(
    'A row may differ by chance: run it again, alone (--only) and longer (--rounds), before you believe it.',
  );
}

try {
  await main();
} catch (error) {
  // A report is missing then, and nothing more: whoever runs this in a pipeline is not to be stopped by it.
  console.log(`bench:regress: nothing compared: ${error instanceof Error ? error.message : error}`);
}
