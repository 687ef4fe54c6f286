// `npm run bench:redis`: examples/redis beside redis-server, under redis-benchmark. `-- --rounds 8 --clients 50`, `-- --quick`
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import { numberIn, runMain } from '../lib/options.ts';
import { onCore } from '../lib/pinning.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { missingTool, names, type Running, start } from './contenders.ts';

interface Sample {
  /** Per second of CPU that the server has had. */
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

interface Workload {
  readonly test: 'set' | 'get';
  readonly pipeline: number;
  readonly requests: number;
}

function measure({ port, child }: Running, { test, pipeline, requests }: Workload, clients: number): Sample {
  const options = { p: port, t: test, n: requests, c: clients, P: pipeline, r: 10_000 };
  const args = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
  const [file, ...rest] = onCore('load', ['redis-benchmark', ...args, '--csv']);
  const before = cpuMicroseconds(child.pid);
  const { stdout, status, stderr } = spawnSync(file!, rest, { encoding: 'utf8' });
  const cpu = cpuMicroseconds(child.pid) - before;
  const perSecond = Number(/^"(?:SET|GET)","([\d.]+)"/m.exec(stdout)?.[1]);
  if (status !== 0 || !(perSecond > 0)) throw new Error(`redis-benchmark failed: ${stderr || stdout}`);
  return { perCpuSecond: (requests / cpu) * 1e6, perSecond };
}

const thousands = (value: number): string => `${Math.round(value / 1000)}k`;

function report(workload: Workload, samples: ReadonlyMap<string, readonly Sample[]>): string[][] {
  const base = samples.get('redis')!;
  return [...samples].map(([name, own]) => [
    `${workload.test.toUpperCase()} -P ${workload.pipeline}, ${name}`,
    thousands(median(own.map(({ perCpuSecond }) => perCpuSecond))),
    thousands(median(own.map(({ perSecond }) => perSecond))),
    median(own.map(({ perCpuSecond }, i) => perCpuSecond / base[i]!.perCpuSecond)).toFixed(2),
  ]);
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      clients: { type: 'string', default: '50' },
      quick: { type: 'boolean', default: false },
    },
  });
  const rounds = numberIn(values.rounds ?? (values.quick ? '3' : '8'), 'rounds');
  const clients = numberIn(values.clients, 'clients');
  const scale = values.quick ? 0.3 : 1;
  const missing = missingTool();
  if (missing !== null) throw new Error(`this machine lacks ${missing}`);
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds, ${clients} clients; ratios of CPU per request, paired within a round`,
  );
  const rows: string[][] = [];
  const servers = await Promise.all(names.map(start));
  for (const pipeline of [1, 16]) {
    for (const test of ['set', 'get'] as const) {
      const requests = Math.round((pipeline === 1 ? 60_000 : 400_000) * scale);
      const workload = { test, pipeline, requests };
      const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
      // Once without counting: compilers, and keys that are there.
      for (const server of servers) measure(server, workload, clients);
      for (let round = 0; round < rounds; round++) {
        for (const server of servers) samples.get(server.name)!.push(measure(server, workload, clients));
      }
      rows.push(...report(workload, samples));
    }
  }
  for (const { child } of servers) await child.stop();
  printTable(['', 'requests per CPU second', 'per second', 'to redis-server'], rows);
});
