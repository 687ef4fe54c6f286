// `npm run bench:herd`: connections that were silent, and have something to say all at once. `-- --connections 10000 --work 0.2`
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';

interface Counted {
  readonly connections: number;
  readonly served: readonly number[];
  /** Microseconds. */
  readonly late: readonly number[];
}

interface Round {
  /** How far the busiest P is from an even share. */
  readonly uneven: number;
  /** Milliseconds. */
  readonly late: number;
  readonly p50: number;
  readonly last: number;
}

const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

async function counted(server: Child): Promise<Counted> {
  server.say('count');
  return JSON.parse(await server.line());
}

async function round(server: Child, load: Child, connections: number): Promise<Round> {
  server.say('shut');
  await server.expect('shut');
  load.say('send');
  await load.expect('sent');
  load.say('receive');
  server.say('open');
  await server.expect('open');
  const { p50, last } = JSON.parse(await load.line());
  const { served, late } = await counted(server);
  const all = served.reduce((sum, count) => sum + count, 0);
  if (all !== connections) throw new Error(`${all} were served, not ${connections}`);
  return {
    uneven: (Math.max(...served) * served.length) / connections - 1,
    late: Math.max(...late) / 1000,
    p50: p50 / 1000,
    last: last / 1000,
  };
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '10000' },
      procs: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
      work: { type: 'string' },
    },
  });
  const connections = numberIn(values.connections, 'connections');
  const rounds = numberIn(values.rounds, 'rounds');
  const program = compile('herd/load/herd.c');
  console.log(machine('nothing is pinned'));
  console.log(
    `${connections} connections send 16 bytes while all ${values.procs} Ps stand still, and then these go on; medians of ${rounds} rounds, latest timer of all`,
  );
  const rows: string[][] = [];
  for (const work of values.work === undefined ? ['0', '0.1', '1'] : [values.work]) {
    for (const model of ['goroutines', 'callbacks']) {
      for (const distribute of ['reuseport', 'handoff']) {
        const path = fileURLToPath(new URL('./server.js', import.meta.url));
        const command = [process.execPath, path, model, distribute, values.procs, work];
        const server = new Child('anywhere', command, { GOPARK_HOLD_LIMIT: '0' });
        const load = new Child('anywhere', [program, await server.line(), String(connections)]);
        await load.expect('held');
        while ((await counted(server)).connections < connections) await sleep(20);
        const found: Round[] = [];
        // The first one is for compilers.
        for (let i = -1; i < rounds; i++) {
          const one = await round(server, load, connections);
          if (i >= 0) found.push(one);
          await sleep(200);
        }
        await load.stop();
        await server.stop();
        const of = (field: keyof Round) => found.map((one) => one[field]);
        rows.push([
          `${model}, ${distribute}, ${work} ms each`,
          milliseconds(Math.max(...of('late'))),
          `${(100 * Math.max(...of('uneven'))).toFixed(1)} %`,
          milliseconds(median(of('p50'))),
          milliseconds(median(of('last'))),
        ]);
      }
    }
  }
  printTable(['who', 'latest timer', 'unevenness', 'p50', 'last answer'], rows);
});
