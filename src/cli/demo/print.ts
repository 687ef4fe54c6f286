import type { Counters } from '../gateway/counters.ts';
import type { Progress } from '../load/report.ts';
import type { Spread } from './spread.ts';
import type { Vitals } from './vitals.ts';

const COLUMNS = ['conns', 'ticks/s', 'orders/s', 'ack p50', 'ack p99', 'RSS MiB', 'threads', 'stall ms'];
const WIDTH = 10;

function row(cells: (string | number)[]): string {
  return cells.map((cell) => String(cell).padStart(WIDTH)).join('');
}

/** Microseconds for people. */
function time(us: number): string {
  return us < 1000 ? `${us} us` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

export function header(): string {
  return row(COLUMNS);
}

export function liveLine(progress: Progress, vitals: ReturnType<Vitals['read']>): string {
  const { connected, ticks, acks, p50, p99, seconds } = progress;
  const rate = (count: number) => Math.round(count / seconds);
  const latency = acks === 0 ? ['-', '-'] : [time(p50), time(p99)];
  const cost = [mebibytes(vitals.memory), vitals.threads, vitals.stall.toFixed(1)];
  return row([connected, rate(ticks), rate(acks), ...latency, ...cost]);
}

export function finalTable(
  last: Progress,
  counters: Counters,
  vitals: Vitals,
  connections: number,
  spread: Spread,
): string {
  const lines: [string, string][] = [
    ['connections', `${connections}, ${counters.refused} refused`],
    ['orders', `${last.orders} sent, ${last.acks} acknowledged, ${last.lost} lost`],
    ['order -> ack', `p50 ${time(last.p50)}, p99 ${time(last.p99)}, longest ${time(last.max)}`],
    [
      'ticks',
      `${counters.ticksIn} published, ${counters.ticksOut} delivered, ${counters.conflated} conflated`,
    ],
    [
      'dropped',
      `${counters.droppedSlow} slow, ${counters.droppedIdle} idle, ${counters.droppedErrors} for errors`,
    ],
    ['memory', `${mebibytes(vitals.mostMemory)} MiB RSS at most`],
    ['OS threads', `${vitals.mostThreads}`],
    ['longest stall', `${vitals.longestStall.toFixed(1)} ms of the event loop`],
  ];
  const procs = spread.describe();
  if (procs !== null) lines.push(['Ps', procs]);
  return lines.map(([name, value]) => `  ${name.padEnd(16)}${value}`).join('\n');
}
