import { readFileSync } from 'node:fs';
import { UsageError } from '../gateway/usage.ts';
import { comparisonHead, comparisonRow } from './comparison.ts';
import { table } from './print.ts';
import { formatTime } from './quantities.ts';
import type { Result, Second } from './result.ts';

const SHOWN = ['50', '90', '99', '99.9', '99.99'];

function resultIn(path: string): Result {
  let result: Partial<Result>;
  try {
    result = JSON.parse(readFileSync(path, 'utf8')) as Partial<Result>;
  } catch (error) {
    throw new UsageError(`bench compare: ${path}: ${(error as Error).message}`);
  }
  if (result?.format !== 'gopark bench 1') {
    throw new UsageError(`bench compare: ${path} is no result of one server that --json has written`);
  }
  return result as Result;
}

/** Two results side by side. What was loaded differently is said. @throws UsageError */
export function compareFiles(pathA: string, pathB: string): string {
  const [a, b] = [resultIn(pathA), resultIn(pathB)];
  const lines = [
    `A is ${pathA}: ${a.target}, ${a.at}`,
    `B is ${pathB}: ${b.target}, ${b.at}`,
    ...differences(a, b).map((text) => `not the same load: ${text}`),
  ];
  const figure = (name: string, key: keyof Second): string[][] => {
    const values = ({ perSecond }: Result) =>
      perSecond.map((second) => second[key]).filter((value) => value !== null);
    const [ofA, ofB] = [values(a), values(b)];
    if (ofA.length === 0 || ofB.length === 0) return [];
    const unit = key === 'rate' ? 'rate' : 'time';
    return [comparisonRow({ name, unit, a: ofA, b: ofB, paired: false })];
  };
  const seconds = [...figure('answers/s', 'rate'), ...figure('p50', 'p50'), ...figure('p99', 'p99')];
  if (seconds.length > 0) lines.push('medians of the single seconds:', table([comparisonHead, ...seconds]));
  if (a.latency !== null && b.latency !== null) {
    const row = (name: string, ofA: number, ofB: number) => [
      name,
      formatTime(ofA * 1e3),
      formatTime(ofB * 1e3),
      (ofB / ofA).toFixed(3),
    ];
    const rows = SHOWN.map((p) => row(`p${p}`, a.latency!.percentiles[p]!, b.latency!.percentiles[p]!));
    rows.push(row('max', a.latency.max, b.latency.max));
    lines.push('all latencies:', table([['', 'A', 'B', 'B/A'], ...rows]));
  }
  return lines.join('\n');
}

function differences(a: Result, b: Result): string[] {
  const keys = Object.keys(a.load) as (keyof Result['load'])[];
  return keys
    .filter((key) => a.load[key] !== b.load[key])
    .map((key) => `${key} ${a.load[key] ?? 'none'} and ${b.load[key] ?? 'none'}`);
}
