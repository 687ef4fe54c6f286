// `npm run bench:tool`: `gopark bench` beside an independent load in C, on the same servers. `-- --only closed --servers c --rounds 10`
import { parseArgs } from 'node:util';
import { median, medianInterval } from '#dist/cli/bench/statistics.js';
import { startOf } from '../echo/contenders.ts';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, printTable } from '../lib/report.ts';
import { byGenerator, byGopark, type Found, type Workload } from './loads.ts';

const workloads: Record<string, Workload> = {
  closed: { title: 'closed loop, 64 B x 100 connections', connections: 100, size: 64, depth: 1, rate: 0 },
  pipelined: {
    title: 'closed loop, 16 x 64 B x 100 connections',
    connections: 100,
    size: 64,
    depth: 16,
    rate: 0,
  },
  'open-10k': {
    title: 'open loop, 10,000 a second, 64 B x 100 connections',
    connections: 100,
    size: 64,
    depth: 1000,
    rate: 10_000,
  },
  'open-40k': {
    title: 'open loop, 40,000 a second, 64 B x 100 connections',
    connections: 100,
    size: 64,
    depth: 1000,
    rate: 40_000,
  },
};
const servers = ['c', 'gopark', 'node'];
const figures = ['rate', 'p50', 'p99', 'p999'] as const;

/** Both loads in turns on one server: the medians, and the ratios within rounds. */
async function compare(name: string, workload: Workload, rounds: number, seconds: number): Promise<string[]> {
  const generator = compile('tool/generator.c');
  const { command, env } = startOf(name, { ...workload, title: '', mode: 'echo', buffer: 4096 });
  const server = new Child('server', command, env);
  const [ofC, ofGopark]: [Found[], Found[]] = [[], []];
  try {
    const port = await server.line();
    for (let round = 0; round < rounds; round++) {
      const runs = [
        async () => ofC.push(await byGenerator(generator, port, workload, seconds)),
        async () => ofGopark.push(await byGopark(port, workload, seconds)),
      ];
      for (const run of round % 2 === 0 ? runs : runs.toReversed()) await run();
    }
  } finally {
    await server.stop();
  }
  const cells = figures.map((figure) => {
    const [a, b] = [ofC, ofGopark].map((found) => found.map((one) => one[figure]));
    const ratios = b!.map((value, i) => value / a![i]!);
    const interval =
      medianInterval(ratios)
        ?.map((bound) => bound.toFixed(2))
        .join('-') ?? '-';
    const digits = figure === 'rate' ? 0 : 1;
    return `${median(a!).toFixed(digits)} / ${median(b!).toFixed(digits)}: ${median(ratios).toFixed(3)} (${interval})`;
  });
  return [name, ...cells];
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '1' },
      only: { type: 'string' },
      servers: { type: 'string' },
    },
  });
  const rounds = numberIn(values.rounds, 'rounds');
  const seconds = numberIn(values.seconds, 'seconds');
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds of ${seconds} s each: C / gopark bench: ratio within a round (its 95 % interval); times in us`,
  );
  for (const name of namesIn(values.only, Object.keys(workloads), 'workload')) {
    console.log(`\n${workloads[name]!.title}\n`);
    const rows: string[][] = [];
    for (const server of namesIn(values.servers, servers, 'server')) {
      rows.push(await compare(server, workloads[name]!, rounds, seconds));
    }
    printTable(['server', 'answers/s', 'p50', 'p99', 'p99.9'], rows);
  }
});
