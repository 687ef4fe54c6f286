// `npm run bench:sync`: values from one goroutine to another, beside ts-chan and a queue of promises. Everything runs
// in this thread and nothing waits for the world, so that processor time (with that of V8's helpers) is what counts:
// what others do on the machine meanwhile then matters less.
import { parseArgs } from 'node:util';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { printTable } from '../lib/report.ts';
import { type Contender, contenders } from './contenders.ts';
import { type Workload, workloads } from './workloads.ts';

async function rate(workload: Workload, contender: Contender, count: number): Promise<number | null> {
  const before = process.cpuUsage();
  const sum = await workload.run(contender, count);
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  if (sum === null) return null;
  const expected = (count * (count - 1)) / 2;
  if (sum !== expected) throw new Error(`${contender.name}: received ${sum} instead of ${expected}`);
  return count / seconds / 1e6;
}

function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      count: { type: 'string', default: '400000' },
      runs: { type: 'string', default: '5' },
    },
  });
  const chosen = namesIn(
    values.only,
    workloads.map(({ name }) => name),
    'workload',
  );
  const count = numberIn(values.count, 'count');
  const runs = numberIn(values.runs, 'runs');
  const rows: string[][] = [];
  for (const workload of workloads.filter(({ name }) => chosen.includes(name))) {
    const rates = new Map<Contender, number[]>();
    // One run to warm up, then all in turn, so that what disturbs the machine disturbs everybody.
    for (let i = 0; i <= runs; i++) {
      for (const contender of contenders) {
        const one = await rate(workload, contender, Math.round(count * workload.scale));
        if (one === null) continue;
        if (i === 0) rates.set(contender, []);
        else rates.get(contender)!.push(one);
      }
    }
    for (const [contender, all] of rates) {
      rows.push([
        `${workload.name}: ${workload.what}`,
        contender.name,
        median(all).toFixed(2),
        Math.max(...all).toFixed(2),
      ]);
    }
  }
  console.log(`million values a second of processor time, node ${process.versions.node}, ${runs} runs\n`);
  printTable(['workload', 'who', 'median', 'best'], rows);
}

await runMain(main);
