// `npm run bench:echo`: echo servers side by side. `-- --only c100,bulk --contenders c,gopark --rounds 20`, `-- --quick`, `-- --go`
import { parseArgs } from 'node:util';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine } from '../lib/report.ts';
import { contendersIn } from './contenders.ts';
import { printEcho } from './print.ts';
import { compare } from './rounds.ts';
import { moreWorkloads, type Workload, workloads } from './workloads.ts';

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      go: { type: 'boolean', default: false },
      only: { type: 'string' },
      contenders: { type: 'string' },
    },
  });
  const rounds = numberIn(values.rounds ?? (values.quick ? '4' : '12'), 'rounds');
  const seconds = numberIn(values.seconds ?? (values.quick ? '0.1' : '0.25'), 'seconds');
  const contenders = contendersIn(values.contenders, values.go);
  // The whole comparison's others have to be named.
  const all: Readonly<Record<string, Workload>> = { ...workloads, ...moreWorkloads };
  const only =
    values.only === undefined ? Object.keys(workloads) : namesIn(values.only, Object.keys(all), 'workload');
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds of ${seconds} s; ratios of CPU per message, paired within a round`,
  );
  const failed = (_name: string, error: unknown) => {
    throw error;
  };
  for (const name of only) {
    const workload = all[name]!;
    const found = await compare(workload, contenders, { rounds, seconds, repeats: rounds }, failed);
    printEcho(workload.title, found);
  }
});
