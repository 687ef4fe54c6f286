import { formatEndpoint } from '../proxy/address.ts';
import { comparisonHead, comparisonRow, type Figure } from './comparison.ts';
import { addCounts } from './counts.ts';
import type { BenchOptions } from './options.ts';
import { errorLines, table } from './print.ts';
import { type Result, secondOf } from './result.ts';
import {
  type Harness,
  harness,
  interruption,
  opened,
  type Progress,
  resultOf,
  runWindow,
  type Window,
} from './run.ts';
import { newHistogram } from './tally.ts';

/** Before each slice: the first answers are still those of a pause. */
const SETTLING = 50;

interface Contender {
  readonly name: 'A' | 'B';
  readonly options: BenchOptions;
  readonly harness: Harness;
  readonly windows: Window[];
}

/** What both showed, and how they compare. */
export interface Duel {
  readonly a: Result;
  readonly b: Result;
  readonly text: string;
}

/**
 * Loads two servers in turns: what else the machine does meets both alike, and ratios are taken between neighbours.
 * Connections of both are open all the time.
 */
export async function duel(
  options: BenchOptions,
  stop: AbortSignal,
  onSlice: (name: string, progress: Progress) => void,
): Promise<Duel> {
  const { against, plan, processes, rounds, slice, warmUp } = options;
  const contender = (name: 'A' | 'B', own: BenchOptions): Contender => ({
    name,
    options: own,
    harness: harness(own.plan, processes),
    windows: [],
  });
  const both: [Contender, Contender] = [
    contender('A', options),
    contender('B', { ...options, plan: { ...plan, endpoint: against!.endpoint }, pid: against!.pid }),
  ];
  try {
    for (const { harness: own } of both) await opened(own, plan, stop);
    const run = async (
      { name, options: own, harness: load }: Contender,
      duration: number,
      settling: number,
    ) => {
      const settings = { ...own, duration, warmUp: settling, messages: null };
      return runWindow(load, settings, { stop, onSecond: (progress) => onSlice(name, progress) });
    };
    if (warmUp > 0) for (const one of both) await run(one, warmUp, 0);
    for (let round = 0; round < rounds; round++) {
      // Whoever comes second inherits what the first one left in the caches: they take turns in that, too.
      const windows: Window[] = [];
      const order = round % 2 === 0 ? both : both.toReversed();
      for (const one of order) windows.push(await run(one, slice, SETTLING));
      // A round that was interrupted is none.
      if (stop.aborted) break;
      order.forEach((one, i) => {
        one.windows.push(windows[i]!);
      });
    }
    if (both[0].windows.length === 0) throw interruption();
  } finally {
    await Promise.all(both.map(({ harness: own }) => own.load.close()));
  }
  const [a, b] = both.map((one) =>
    resultOf(together(one.windows), one.options, one.options.plan, stop.aborted),
  );
  return { a: a!, b: b!, text: report(both) };
}

function together(windows: readonly Window[]): Window {
  const latencies = newHistogram();
  for (const window of windows) latencies.add(window.latencies);
  const cpu = windows.map((window) => window.cpu);
  return {
    seconds: windows.reduce((sum, { seconds }) => sum + seconds, 0),
    counts: addCounts(windows.map(({ counts }) => counts)),
    latencies,
    perSecond: windows.map(({ counts, seconds, latencies: own }) => secondOf(counts.answered / seconds, own)),
    cpu: cpu.some((one) => one === null) ? null : cpu.reduce<number>((sum, one) => sum + one!, 0),
  };
}

function report(both: readonly [Contender, Contender]): string {
  const [a, b] = both;
  const lines = both.map(({ name, options }) => `${name} is ${formatEndpoint(options.plan.endpoint)}`);
  const rounds = a.windows.map((window, i): [Window, Window] => [window, b.windows[i]!]);
  // There is no ratio to nothing.
  const good = rounds.filter((round) =>
    round.every(({ counts, latencies }) => counts.answered * latencies.count > 0),
  );
  if (good.length > 0) lines.push(table([comparisonHead, ...figures(good).map(comparisonRow)]));
  if (good.length < rounds.length) {
    lines.push(`left out: ${rounds.length - good.length} rounds in which one of them answered nothing`);
  }
  for (const { name, windows } of both) {
    const counts = addCounts(windows.map((window) => window.counts));
    for (const line of errorLines(counts.errors)) lines.push(`${name}: ${line}`);
    if (counts.unanswered > 0) lines.push(`${name}: ${counts.unanswered} messages without an answer`);
  }
  return lines.join('\n');
}

function figures(rounds: readonly [Window, Window][]): Figure[] {
  const figure = (name: string, unit: Figure['unit'], of: (window: Window) => number): Figure => ({
    ...{ name, unit, paired: true },
    a: rounds.map(([window]) => of(window)),
    b: rounds.map(([, window]) => of(window)),
  });
  const found = [figure('answers/s', 'rate', ({ counts, seconds }) => counts.answered / seconds)];
  for (const p of [50, 99, 99.9]) {
    found.push(figure(`p${p}`, 'time', ({ latencies }) => latencies.percentile(p) / 1e3));
  }
  if (rounds.every((round) => round.every(({ cpu }) => cpu !== null))) {
    found.push(figure('server CPU', 'time', ({ cpu, counts }) => cpu! / counts.answered));
  }
  return found;
}
