// `npm run bench:tool`: `gopark bench` beside an independent load in C, on the same servers. `-- --only closed --servers c --rounds 10`
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, medianInterval } from '#dist/cli/bench/statistics.js';
import { startOf } from '../echo/contenders.ts';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, printTable } from '../lib/report.ts';
import { byGenerator, byGopark, type Found, type Workload } from './loads.ts';
import { Quiet } from './quiet.ts';

const hundred = { connections: 100, size: 64 } as const;
const echo = ['c', 'gopark', 'node'];
const workloads: Record<string, Workload & { readonly servers: readonly string[] }> = {
  closed: { ...hundred, title: 'closed loop, 64 B x 100 connections', depth: 1, rate: 0, servers: echo },
  pipelined: {
    ...hundred,
    title: 'closed loop, 16 x 64 B x 100 connections',
    depth: 16,
    rate: 0,
    servers: echo,
  },
  ...Object.fromEntries(
    [1000, 10_000, 20_000].map((rate) => [
      rate === 20_000 ? 'open' : `open-${rate}`,
      {
        ...hundred,
        title: `open loop, ${rate.toLocaleString('en')} a second, 64 B x 100 connections`,
        depth: 1000,
        rate,
        servers: echo,
      },
    ]),
  ),
  'known-closed': {
    connections: 20,
    size: 64,
    title: 'closed loop, 20 connections, answers after 2 ms, one in 33 after 20 ms',
    depth: 1,
    rate: 0,
    sleeps: true,
    servers: ['delayed'],
  },
  known: {
    ...hundred,
    title: 'open loop, 4,000 a second, answers after 2 ms, one in 33 after 20 ms',
    depth: 1000,
    rate: 4000,
    servers: ['delayed'],
  },
};

/** Servers of the echo benchmark, and one whose latencies are known. */
function startServer(name: string, workload: Workload): Child {
  if (name === 'delayed') {
    return new Child('server', [
      process.execPath,
      fileURLToPath(new URL('servers/delayed.js', import.meta.url)),
    ]);
  }
  const { command, env } = startOf(name, { ...workload, title: '', mode: 'echo', buffer: 4096 });
  return new Child('server', command, env);
}
const figures = ['rate', 'p50', 'p99', 'p999'] as const;

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly quiet: Quiet;
}

/** Both loads in turns on one server: the medians, and the ratios within rounds. */
async function compare(
  name: string,
  workload: Workload,
  { rounds, seconds, quiet }: Options,
): Promise<string[]> {
  const generator = compile('tool/generator.c');
  const server = startServer(name, workload);
  const [ofC, ofGopark]: [Found[], Found[]] = [[], []];
  try {
    const port = await server.line();
    for (let round = 0; round < rounds; round++) {
      const byC = async () => {
        ofC.push(await quiet.run(server.pid, () => byGenerator(generator, port, workload, seconds)));
      };
      const byOurs = async () => {
        ofGopark.push(await quiet.run(server.pid, () => byGopark(port, workload, seconds)));
      };
      for (const run of round % 2 === 0 ? [byC, byOurs] : [byOurs, byC]) await run();
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
      /** Seconds that waiting for a quiet machine may take in all. */
      patience: { type: 'string', default: '60' },
      only: { type: 'string' },
      servers: { type: 'string' },
    },
  });
  const rounds = numberIn(values.rounds, 'rounds');
  const seconds = numberIn(values.seconds, 'seconds');
  const quiet = new Quiet(numberIn(values.patience, 'patience'));
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds of ${seconds} s each: C / gopark bench: ratio within a round (its 95 % interval); times in us`,
  );
  for (const name of namesIn(values.only, Object.keys(workloads), 'workload')) {
    console.log(`\n${workloads[name]!.title}\n`);
    const rows: string[][] = [];
    const all = workloads[name]!.servers;
    for (const server of values.servers?.split(',').filter((one) => all.includes(one)) ?? all) {
      rows.push(await compare(server, workloads[name]!, { rounds, seconds, quiet }));
    }
    printTable(['server', 'answers/s', 'p50', 'p99', 'p99.9'], rows);
  }
  if (quiet.noisy > 0) console.log(`\n${quiet.noisy} runs were not alone on their cores`);
});
