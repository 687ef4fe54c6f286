import { escapeText } from '../../runtime/escape.ts';
import type { Errors } from './counts.ts';
import { formatCount, formatTime } from './quantities.ts';
import type { Result } from './result.ts';
import type { Progress } from './run.ts';

const WIDTH = 11;
const SHOWN = ['50', '90', '99', '99.9', '99.99'];
/** Of the time of all cores that the load may use: beyond that it waits for itself. */
const BUSY = 0.9;
/** Of a latency: more of it may not be the load's own. */
const OWN = 0.25;

const cells = (all: readonly string[]) => all.map((cell) => cell.padStart(WIDTH)).join('');
const microseconds = (us: number) => formatTime(us * 1e3);

export function progressHeader(): string {
  return cells(['seconds', 'conns', 'answers/s', 'p50', 'p99', 'max', 'errors']);
}

export function progressLine({ phase, elapsed, counts, second, rate }: Progress): string {
  const latency =
    phase === 'warm-up' || second.count === 0
      ? ['-', '-', '-']
      : [second.percentile(50), second.percentile(99), second.max].map(formatTime);
  const errors = Object.values(counts.errors).reduce((sum, { count }) => sum + count, 0);
  const time = phase === 'warm-up' ? 'warm-up' : elapsed.toFixed(0);
  return cells([time, formatCount(counts.connected), formatCount(rate), ...latency, formatCount(errors)]);
}

export function errorLines(errors: Errors): string[] {
  return Object.entries(errors).map(
    ([code, { count, first }]) => `${formatCount(count)} x ${code}: ${escapeText(first)}`,
  );
}

/** What makes the figures doubtful. */
export function doubts({ load, rate, generator, seconds, answered, latency }: Result): string[] {
  const found: string[] = [];
  const { cores, lateness } = generator;
  if (load.rate === null) {
    if (cores > BUSY * load.processes) {
      found.push(
        'the load was as busy as it can be: the server may be faster than this (--procs, or another machine)',
      );
    }
  } else if (answered > 0 && rate < 0.99 * load.rate && seconds > 0.5) {
    found.push(`only ${((100 * rate) / load.rate).toFixed(1)} % of the rate was answered in time`);
  }
  const p99 = latency?.percentiles['99'] ?? 0;
  if (lateness !== null && lateness.p99 > OWN * p99) {
    found.push(
      `the load itself was late: p99 ${microseconds(lateness.p99)}, which is part of the p99 of ${microseconds(p99)} (it needs a core to itself)`,
    );
  }
  return found;
}

/** The result as a block of text. */
export function printed(result: Result): string {
  const { seconds, answered, latency, generator, load } = result;
  const lines: [string, string][] = [
    ['answers', `${formatCount(answered)} in ${seconds.toFixed(2)} s, ${formatCount(result.rate)}/s`],
  ];
  if (latency !== null) {
    const some = SHOWN.map((p) => `p${p} ${microseconds(latency.percentiles[p]!)}`);
    lines.push(['latency', `${some.join(', ')}, max ${microseconds(latency.max)}`]);
    lines.push(['', `mean ${microseconds(latency.mean)}, min ${microseconds(latency.min)}`]);
  }
  const perSecond = (bytes: number) => `${(bytes / 2 ** 20 / seconds).toFixed(1)} MiB/s`;
  lines.push(['bytes', `sent ${perSecond(result.bytesSent)}, received ${perSecond(result.bytesReceived)}`]);
  if (result.serverCPU !== null) lines.push(['server CPU', `${result.serverCPU.toFixed(2)} us an answer`]);
  const late = generator.lateness;
  lines.push([
    'load',
    `${(100 * generator.cores).toFixed(0)} % of a core${load.processes > 1 ? ` in ${load.processes} processes` : ''}${
      late === null
        ? ''
        : `; messages left ${microseconds(late.mean)} late on average, p99 ${microseconds(late.p99)}, max ${microseconds(late.max)}`
    }`,
  ]);
  if (result.refusals > 0)
    lines.push(['refusals', `${formatCount(result.refusals)} answers say that something failed`]);
  if (result.unanswered > 0) lines.push(['unanswered', formatCount(result.unanswered)]);
  errorLines(result.errors).forEach((line, i) => {
    lines.push([i === 0 ? 'errors' : '', line]);
  });
  doubts(result).forEach((line, i) => {
    lines.push([i === 0 ? 'note' : '', line]);
  });
  return lines.map(([name, value]) => `  ${name.padEnd(12)}${value}`).join('\n');
}

/** Columns aligned for a terminal: the first one to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]! + 3))).join('');
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join('\n');
}
