import { Child } from '../lib/child.ts';
import { median, printTable } from '../lib/report.ts';
import { startOf } from './contenders.ts';
import { type Slice, slice, userShare } from './slice.ts';
import type { Workload } from './workloads.ts';

interface Contender {
  readonly name: string;
  readonly server: Child;
  readonly port: string;
  readonly slices: Slice[];
}

/** Long enough for V8 to have compiled what is hot. */
const warmUp = 0.8;

/**
 * One workload on all contenders. All servers run at once, idle but for one; short slices take turns, so that what
 * else the machine does, and how fast it runs just now, meets all alike. Ratios are taken within a round.
 */
export async function compare(
  workload: Workload,
  names: readonly string[],
  options: { readonly generator: string; readonly rounds: number; readonly seconds: number },
): Promise<void> {
  const contenders: Contender[] = [];
  try {
    for (const name of names) {
      const { command, env } = startOf(name, workload);
      const server = new Child('server', command, env);
      contenders.push({ name, server, port: await server.line(), slices: [] });
    }
    const run = ({ server, port }: Contender, seconds: number) =>
      slice(options.generator, { pid: server.pid, port }, workload, seconds);
    for (const contender of contenders) await run(contender, warmUp);
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of contenders) contender.slices.push(await run(contender, options.seconds));
    }
  } finally {
    for (const { server } of contenders) await server.stop();
  }
  print(workload.title, contenders);
}

function print(title: string, contenders: readonly Contender[]): void {
  const middle = (slices: readonly Slice[], key: keyof Slice) => median(slices.map((one) => one[key]));
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
