import { median, printTable } from '../lib/report.ts';
import type { Contender } from './rounds.ts';
import { type Slice, userShare } from './slice.ts';

type Figure = 'messagesPerSecond' | 'p50' | 'p99' | 'cpuPerMessage';

/** A table of medians. Ratios are taken within a round. */
export function printEcho(title: string, contenders: readonly Contender[]): void {
  const middle = (slices: readonly Slice[], key: Figure) => median(slices.map((one) => one[key]));
  const ratio = (slices: readonly Slice[], peer: string) => {
    const base = contenders.find(({ name }) => name === peer)?.slices;
    if (base === undefined) return '-';
    return median(slices.map((one, i) => one.cpuPerMessage / base[i]!.cpuPerMessage)).toFixed(2);
  };
  const split = (slices: readonly Slice[]) => {
    const cpu = middle(slices, 'cpuPerMessage');
    const user = cpu * userShare(slices);
    if (Number.isNaN(user)) return '-'; // not one tick
    return `${user.toFixed(2)} + ${(cpu - user).toFixed(2)}`;
  };
  console.log(`\n${title}\n`);
  printTable(
    ['who', 'msg/s', 'p50 us', 'p99 us', 'CPU us/msg', 'user + sys', 'CPU x c', 'CPU x node'],
    contenders.map(({ name, slices }) => [
      name,
      Math.round(middle(slices, 'messagesPerSecond')).toLocaleString('en'),
      middle(slices, 'p50').toFixed(0),
      middle(slices, 'p99').toFixed(0),
      middle(slices, 'cpuPerMessage').toFixed(2),
      split(slices),
      ratio(slices, 'c'),
      ratio(slices, 'node'),
    ]),
  );
}
