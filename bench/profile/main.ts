// `npm run bench:profile`: where a server's CPU time of a message goes. `-- --only c100 --contenders c,gopark --seconds 2`
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOf, titleOf } from '../echo/contenders.ts';
import { compare } from '../echo/rounds.ts';
import { Load } from '../echo/slice.ts';
import { type Workload, workloads } from '../echo/workloads.ts';
import { Child } from '../lib/child.ts';
import { MissingError } from '../lib/compile.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { countSamples, places } from './classify.ts';
import { needPerf, sample, systemCalls } from './perf.ts';

interface Profile {
  readonly contender: string;
  readonly title: string;
  readonly samples: ReadonlyMap<string, number>;
  readonly calls: ReadonlyMap<string, number> | null;
  readonly messages: number;
}

/** Beside what is measured a load goes on for a while, on either side. */
const MARGIN = 0.5;
const ROUNDS = 10;

async function profile(contender: string, workload: Workload, seconds: number): Promise<Profile> {
  const { command, env } = startOf(contender, workload);
  const [program, ...args] = command;
  // Node writes the names of compiled functions where perf looks for them.
  const flags = program === process.execPath ? ['--perf-basic-prof'] : [];
  const server = new Child('server', [program!, ...flags, ...args], env);
  let load: Load | undefined;
  const file = join(tmpdir(), `gopark-profile-${process.pid}.data`);
  try {
    const started = { pid: server.pid, port: await server.line() };
    load = new Load(workload, started);
    const loaded = load;
    await loaded.slice(1);
    const during = async <T>(look: () => Promise<T>): Promise<[T, number]> => {
      const running = loaded.slice(seconds + 2 * MARGIN);
      await new Promise((resolve) => setTimeout(resolve, 1000 * MARGIN));
      const found = await look();
      return [found, (await running).messagesPerSecond * seconds];
    };
    const [text] = await during(() => sample(server.pid, seconds, file));
    const [calls, messages] = await during(() => systemCalls(server.pid, seconds));
    return {
      contender,
      title: titleOf(contender),
      samples: countSamples(text),
      calls,
      messages,
    };
  } finally {
    await server.stop();
    await load?.end();
    rmSync(file, { force: true });
    rmSync(join('/tmp', `perf-${server.pid}.map`), { force: true });
  }
}

/** perf may not get to count on a full machine. */
function perMessage(count: number | undefined, messages: number): string {
  return count === undefined ? 'not counted' : (count / messages).toFixed(3);
}

/** Slices in turns, without a profiler: one after the other, minutes would lie between the servers. */
async function cpuOf(workload: Workload, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const options = { rounds: ROUNDS, seconds: 0.25, repeats: ROUNDS };
  const found = await compare(workload, names, options, (_name, error) => {
    throw error;
  });
  return new Map(
    found.map(({ name, slices }) => [name, median(slices.map(({ cpuPerMessage }) => cpuPerMessage))]),
  );
}

function report(profiles: readonly Profile[], cpus: ReadonlyMap<string, number>): void {
  const titles = profiles.map(({ title }) => title);
  const totals = profiles.map(({ samples }) => [...samples.values()].reduce((sum, count) => sum + count, 0));
  const rows = places.map((place) => [
    place,
    ...profiles.map(({ samples, contender }, i) => {
      const share = (samples.get(place) ?? 0) / totals[i]!;
      return share === 0
        ? '-'
        : `${(share * cpus.get(contender)!).toFixed(3)} (${(100 * share).toFixed(1)} %)`;
    }),
  ]);
  rows.push(['CPU us a message', ...profiles.map(({ contender }) => cpus.get(contender)!.toFixed(2))]);
  rows.push(['samples', ...totals.map(String)]);
  printTable(['CPU us a message', ...titles], rows);
  const counted = profiles.filter(({ calls }) => calls !== null);
  if (counted.length === 0) {
    console.log('\nsystem calls: perf may not use tracepoints here (be root)');
    return;
  }
  const all = new Set(counted.flatMap(({ calls }) => [...calls!.keys()]));
  const names = [...all].filter((name) => counted.some(({ calls }) => (calls!.get(name) ?? 0) > 0));
  console.log();
  printTable(
    ['system calls a message', ...counted.map(({ title }) => title)],
    names.map((name) => [
      name,
      ...counted.map(({ calls, messages }) => perMessage(calls!.get(name), messages)),
    ]),
  );
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'c100' },
      contenders: { type: 'string', default: 'c,gopark,gopark-eventloop,node,for-await' },
      seconds: { type: 'string', default: '2' },
    },
  });
  const seconds = numberIn(values.seconds, 'seconds');
  needPerf();
  console.log(machine());
  for (const name of namesIn(values.only, Object.keys(workloads), 'workload')) {
    const workload: Workload = workloads[name as keyof typeof workloads];
    console.log(`\n${workload.title}\n`);
    const profiles: Profile[] = [];
    for (const contender of values.contenders.split(',')) {
      try {
        profiles.push(await profile(contender, workload, seconds));
      } catch (error) {
        if (!(error instanceof MissingError)) throw error;
        console.log(`${contender}: skipped, ${error.message}`);
      }
    }
    if (profiles.length === 0) continue;
    const names = profiles.map(({ contender }) => contender);
    report(profiles, await cpuOf(workload, names));
  }
});
