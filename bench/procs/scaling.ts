import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../lib/child.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import { median, printTable } from '../lib/report.ts';
import { type Started, start } from './start.ts';

/** What is done for each message. */
export interface Task {
  readonly title: string;
  readonly connections: number;
  readonly size: number;
  readonly rounds: number;
}

interface Slice {
  readonly perSecond: number;
  /** Parts of one core. */
  readonly server: number;
  readonly load: number;
}

/** Until all connections are there. */
const SETTLING = 0.3;

async function slice(program: string, { child, port }: Started, task: Task, seconds: number): Promise<Slice> {
  const args = [port, task.connections, task.size, 1, seconds, SETTLING, child.pid].map(String);
  const load = new Child('anywhere', [program, ...args]);
  const cpu = () => [cpuMicroseconds(child.pid), cpuMicroseconds(load.pid)] as const;
  await sleep(SETTLING * 1000);
  const [from, began] = [cpu(), performance.now()];
  await sleep(seconds * 900);
  const [to, ended] = [cpu(), performance.now()];
  const { messagesPerSecond } = JSON.parse(await load.line());
  await load.ended(3000);
  const share = (which: 0 | 1) => (to[which] - from[which]) / 1000 / (ended - began);
  return { perSecond: messagesPerSecond, server: share(0), load: share(1) };
}

/** Throughput with one P and with several, in turn. */
export async function scaling(
  program: string,
  task: Task,
  most: number,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<void> {
  const counts = [1, most];
  const servers = await Promise.all(counts.map((procs) => start(procs, task.size, task.rounds)));
  const found: Slice[][] = counts.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) found[i]!.push(await slice(program, server, task, seconds));
  }
  for (const { child } of servers) await child.stop();
  const of = (i: number, field: keyof Slice) => median(found[i]!.map((one) => one[field]));
  const ratios = found[1]!.map(({ perSecond }, round) => perSecond / found[0]![round]!.perSecond);
  console.log(`${task.title}: ${task.connections} connections, ${task.size} B`);
  printTable(
    ['Ps', 'messages/s', 'times', 'server, cores', 'load, cores'],
    counts.map((procs, i) => [
      String(procs),
      Math.round(of(i, 'perSecond')).toLocaleString('en'),
      i === 0 ? '1.00' : median(ratios).toFixed(2),
      of(i, 'server').toFixed(2),
      of(i, 'load').toFixed(2),
    ]),
  );
}
